"""S, the U-Net that IAMGAN learns from: where in a picture the mask is.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Sec. 4.1: pretrained on masked faces with labels, then frozen. The paper does not say how it is trained: here by the
cross entropy of each pixel, as U-Net's.
"""

from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import BinaryJaccardIndex

from maskrec.evaluation import ProtocolResult
from maskrec.methods.trainable import Trainable
from maskrec.networks import UNet
from maskrec.types import SegmentationBatch


class MaskSegmenter(Trainable):
    """Trained by mean cross entropy, measured by intersection over union (IoU) over all pixels of all faces.

    Args:
        width: As for `UNet`.
        depth: As for `UNet`.
        **kwargs: As for `Trainable`.
    """

    def __init__(self, width: int = 32, depth: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = UNet(width, depth)
        self.iou = BinaryJaccardIndex()

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to where the mask is, (B, H, W) bool."""
        logits: Tensor = self.network(images)
        return logits > 0

    def training_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Mean cross entropy over the pixels."""
        loss = F.binary_cross_entropy_with_logits(self.network(batch.image).float(), batch.region.float())
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: SegmentationBatch, batch_idx: int) -> None:
        """Count pixels."""
        self.iou.update(self(batch.image), batch.region)
        self.log("val/iou", self.iou, prog_bar=True)

    def test_step(self, batch: SegmentationBatch, batch_idx: int) -> None:
        """Count pixels."""
        self.iou.update(self(batch.image), batch.region)
        self.log("test/held_out/mask/iou", self.iou)

    def on_test_epoch_end(self) -> None:
        """Keep what was counted."""
        self.results = {"held_out/mask": ProtocolResult({"iou": float(self.iou.compute())})}

    def predict_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """(B, H, W) bool."""
        found: Tensor = self(batch.image)
        return found

    def samples(self, batch: SegmentationBatch) -> list[Tensor]:
        """Rows of a picture: the faces, the masks as labelled, the masks as found; each (B, 3, H, W) in [-1, 1]."""
        regions = (batch.region, self(batch.image))
        return [batch.image, *(2 * region[:, None].float().expand(-1, 3, -1, -1) - 1 for region in regions)]
