"""Center loss: a face is drawn to the centre of its identity.

Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition" (ECCV 2016), Eqs. 2 to 4.
"""

from typing import ClassVar

import torch
from torch import Tensor

from maskrec.losses.embedding import EmbeddingLoss
from maskrec.losses.groups import sum_by_group


def center_loss(embedding: Tensor, center: Tensor) -> Tensor:
    """Mean of |x_i - c_yi|^2 / 2 (Eq. 2, there a sum): (B, D), (B, D) each with its identity's centre, to a scalar."""
    return (embedding - center).square().sum(dim=1).mean() / 2


class CenterLoss(EmbeddingLoss):
    """`center_loss` over the batch of all ranks, against centres that follow their identities.

    The loss is taken first, then centres move: c_j <- c_j - alpha sum(c_j - x_i) / (1 + n_j), over the n_j faces of
    identity j in the batch (Eq. 4). Where centres start is not said in the paper: here at 0.

    K: identities, D: embedding dim; the centres are (K, D), fp32.

    Args:
        alpha: Rate of the centres (Sec. 4.2).
        weight: What the loss is multiplied by, the paper's lambda (Sec. 4.2).
    """

    same_on_every_rank: ClassVar[tuple[str, ...]] = ("centers",)
    centers: Tensor

    def __init__(self, alpha: float = 0.5, weight: float = 0.003) -> None:
        super().__init__(weight)
        self.alpha = alpha

    def allocate(self, embedding_dim: int, num_identities: int) -> None:
        """One centre an identity."""
        self.register_buffer("centers", torch.zeros(num_identities, embedding_dim))

    def batch_loss(self, embedding: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (B,) to the mean loss; in training the centres move after it."""
        center = self.centers[identity]
        loss = center_loss(embedding, center)
        if self.training:
            present, offsets, counts = sum_by_group(embedding.detach() - center, identity)
            self.centers.index_add_(0, present, (self.alpha * offsets / (1 + counts)).to(self.centers))
        return loss
