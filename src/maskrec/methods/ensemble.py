"""Several methods as one: a pair is as similar as they find it on average.

Seneviratne et al., "Multi-dataset training for masked face recognition with a contrastive Siamese network", Sec. 3.8.1,
average three fine-tuned networks so.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskrec.errors import UserError
from maskrec.methods.base import FaceMethod
from maskrec.types import Embedding, FaceBatch


class Ensemble(FaceMethod):
    """The mean similarity of its members, which were trained before; it is tested as it is, without a checkpoint.

    Args:
        members: The methods, each with the checkpoint it starts from; any kind, also of several kinds.

    Raises:
        UserError: There is no member.
    """

    is_trained: ClassVar[bool] = False

    def __init__(self, members: Sequence[FaceMethod]) -> None:
        super().__init__()
        if not members:
            raise UserError("model.members: an ensemble needs one at least")
        self.members = nn.ModuleList(members)

    def embed(self, images: Tensor) -> tuple[Embedding, ...]:
        """(B, 3, H, W) to the embeddings of each member."""
        return tuple(member.embed(images) for member in self._methods)

    def similarity(self, probe: tuple[Embedding, ...], gallery: tuple[Embedding, ...]) -> Tensor:
        """All pairs, (P, G)."""
        return _mean([member.similarity for member in self._methods], probe, gallery)

    def pairwise_similarity(self, first: tuple[Embedding, ...], second: tuple[Embedding, ...]) -> Tensor:
        """N pairs row by row, (N,)."""
        return _mean([member.pairwise_similarity for member in self._methods], first, second)

    @property
    def _methods(self) -> Sequence[FaceMethod]:
        return [member for member in self.members if isinstance(member, FaceMethod)]

    def training_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Nothing: the members are trained."""

    def configure_optimizers(self) -> None:
        """None: the members are trained."""


def _mean(
    similarities: Sequence[Callable[[Any, Any], Tensor]], first: Sequence[Embedding], second: Sequence[Embedding]
) -> Tensor:
    scores = [of_member(*pair) for of_member, *pair in zip(similarities, first, second, strict=True)]
    return torch.stack(scores).mean(dim=0)
