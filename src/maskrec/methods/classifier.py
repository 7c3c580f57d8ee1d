"""The baseline: a backbone trained to tell identities apart, compared by cosine.

Softmax, CosFace, ArcFace, SphereFace train it, alone or with losses on the embedding such as triplet and Center loss;
which, the experiment says.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.backbones import create_backbone
from maskrec.errors import UserError
from maskrec.losses import ArcFace, EmbeddingLoss, IdentityHead, IdentityLoss
from maskrec.methods.base import NO_HEAD, CosineSimilarity, FaceMethod
from maskrec.methods.identity_means import start_from_means
from maskrec.types import FaceBatch


class FaceClassifier(CosineSimilarity, FaceMethod):
    """A backbone and a classification head over the training identities.

    B: batch, H x W: image size in pixels, D: embedding dim, K: training identities.

    Args:
        backbone: Its name; see `maskrec backbones`.
        embedding_dim: D.
        num_identities: K, linked from the data when training; without it there is no head.
        loss: What the head is trained with.
        embedding_losses: Further losses on the backbone's output, added to its loss.
        weights: A file to start the backbone from.
        input_size: (H, W); default: the size of the weights, or 112x112.
        mirror: Embed a face as the sum of its own features and its mirror image's.
        start_from_means: Before training, set the head's weights to the mean embedding of each identity: a head drawn
            at random would spoil a backbone that is good already.
        **kwargs: As for `FaceMethod`.

    Raises:
        UserError: An embedding loss is given twice.
    """

    training_only: ClassVar[tuple[str, ...]] = ("head.", "embedding_losses.")

    def __init__(
        self,
        backbone: str = "iresnet50",
        embedding_dim: int = 512,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        embedding_losses: Sequence[EmbeddingLoss] = (),
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
        self.embedding_losses = nn.ModuleDict()
        if num_identities is not None:
            self.head = IdentityHead(embedding_dim, num_identities, loss or ArcFace())
            for term in embedding_losses:
                self._add_embedding_loss(term, num_identities)

    def _add_embedding_loss(self, term: EmbeddingLoss, num_identities: int) -> None:
        name = type(term).__name__
        if name in self.embedding_losses:
            raise UserError(f"model.embedding_losses: {name} is there twice; expected each loss once")
        term.allocate(self.backbone.embedding_dim, num_identities)
        self.embedding_losses[name] = term

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to unit rows, (B, D)."""
        return self.template(self.backbone, images)

    def template(self, backbone: nn.Module, images: Tensor) -> Tensor:
        """What a backbone makes of (B, 3, H, W): unit rows, (B, D), with the mirror image's features if asked to."""
        features = backbone(images)
        if self.mirror:
            features = features + backbone(images.flip(-1))
        return F.normalize(features.float(), dim=1)

    def on_fit_start(self) -> None:
        """Set the head's weights, if asked to."""
        if self.start_from_means and self.head is not None:
            start_from_means(self, [self.head], lambda images: [self.embed(images)])

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The sum of the head's loss and those on the embedding; where it has several terms, each is logged."""
        if self.head is None:
            raise UserError(NO_HEAD)
        return self.log_loss(self.terms(self.head, self.backbone(batch.image), batch))

    def terms(self, head: IdentityHead, features: Tensor, batch: FaceBatch) -> dict[str, Tensor]:
        """What the loss is the sum of, by name; features (B, D) as the backbone gives them."""
        terms = {type(head.loss).__name__: head(features, batch.identity)}
        return terms | {name: term(features, batch.identity) for name, term in self.embedding_losses.items()}
