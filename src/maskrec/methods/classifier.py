"""The baseline: a backbone trained to tell identities apart, compared by cosine.

Softmax, CosFace, ArcFace and every other loss of `maskrec.losses` train it; which one, the experiment says.
"""

from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from maskrec.backbones import create_backbone
from maskrec.data import FaceDataModule
from maskrec.errors import UserError
from maskrec.evaluation import EmbeddingStore
from maskrec.losses import ArcFace, IdentityHead, IdentityLoss
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.types import FaceBatch


class FaceClassifier(CosineSimilarity, FaceMethod):
    """A backbone and a classification head over the training identities.

    B: batch, H x W: image size in pixels, D: embedding dim, K: training identities.

    Args:
        backbone: Its name; see `maskrec backbones`.
        embedding_dim: D.
        num_identities: K, linked from the data when training; without it there is no head.
        loss: What the head is trained with.
        weights: A file to start the backbone from.
        input_size: (H, W); default: the size of the weights, or 112x112.
        mirror: Embed a face as the sum of its own features and its mirror image's.
        start_from_means: Before training, set the head's weights to the mean embedding of each identity: a head drawn
            at random would spoil a backbone that is good already.
        **kwargs: As for `FaceMethod`.
    """

    def __init__(
        self,
        backbone: str = "iresnet50",
        embedding_dim: int = 512,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        weights: str | None = None,
        input_size: tuple[int, int] | None = None,
        mirror: bool = False,
        start_from_means: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = create_backbone(backbone, embedding_dim, weights, input_size)
        self.mirror = mirror
        self.start_from_means = start_from_means
        self.head: IdentityHead | None = None
        if num_identities is not None:
            self.head = IdentityHead(embedding_dim, num_identities, loss or ArcFace())

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to unit rows, (B, D)."""
        features = self.backbone(images)
        if self.mirror:
            features = features + self.backbone(images.flip(-1))
        return F.normalize(features.float(), dim=1)

    def on_fit_start(self) -> None:
        """Set the head's weights, unless they come from a checkpoint."""
        if self.start_from_means and self.head is not None and not self.trainer.ckpt_path:
            data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
            self.head.weight.data.copy_(self._identity_means(data))

    @torch.no_grad()
    def _identity_means(self, data: FaceDataModule) -> Tensor:
        """(K, D), over all training faces as they are, of all ranks."""
        faces, loader = data.training_faces(), data.plain_training_loader()
        store = EmbeddingStore(len(faces)).to(self.device)
        was_training = self.training
        self.eval()
        for batch in track(loader, "Identity means", transient=True, disable=not self.trainer.is_global_zero):
            image = data.on_after_batch_transfer(batch, 0).image.to(self.device)
            store.update(self.embed(image), batch.row.to(self.device))
        self.train(was_training)
        embedding, _ = store.compute()
        identity = torch.from_numpy(faces.labels).to(self.device)
        counts = identity.bincount()
        sums: Tensor = embedding.new_zeros(len(counts), embedding.shape[1]).index_add_(0, identity, embedding)
        return sums / counts.unsqueeze(1)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The head's loss."""
        if self.head is None:
            raise UserError("training needs num_identities, the number of training identities; the data gives it")
        loss: Tensor = self.head(self.backbone(batch.image), batch.identity)
        self.log("train/loss", loss, prog_bar=True)
        return loss
