"""Batch-hard triplet loss: each face against its farthest genuine and its nearest impostor of the batch.

Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification" (2017), Eq. 5.
"""

from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.embedding import EmbeddingLoss
from maskrec.losses.mining import farthest, mean_of, nearest


def batch_hard_triplet_loss(embedding: Tensor, identity: Tensor, margin: float | None) -> Tensor:
    """Mean over anchors a of max(m + max_p |x_a - x_p| - min_n |x_a - x_n|, 0), or ln(1 + e^(max_p - min_n)).

    Anchors without another face of their identity, or without a face of another one, are left out; if all are, the
    loss is 0 with a gradient of 0. The distance is Euclidean and not squared (Sec. 2).

    Args:
        embedding: (B, D).
        identity: (B,).
        margin: m, a distance; None: the soft margin.

    Returns:
        A scalar.
    """
    is_genuine = identity.unsqueeze(1) == identity
    is_impostor = ~is_genuine
    is_genuine.fill_diagonal_(False)
    gap = farthest(embedding, embedding, is_genuine) - nearest(embedding, embedding, is_impostor)
    loss = F.softplus(gap) if margin is None else (margin + gap).clamp(min=0)
    return mean_of(loss, is_genuine.any(dim=1) & is_impostor.any(dim=1))


class BatchHardTriplet(EmbeddingLoss):
    """`batch_hard_triplet_loss` over the batch of all ranks.

    Args:
        margin: m, a distance; None: the soft margin, which the paper found best.
        normalize: Scale embeddings to length 1 first; the paper does not.
        weight: What the loss is multiplied by.
    """

    def __init__(self, margin: float | None = None, normalize: bool = False, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.margin = margin
        self.normalize = normalize

    def batch_loss(self, embedding: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (B,) to the mean loss over the anchors."""
        if self.normalize:
            embedding = F.normalize(embedding, dim=1)
        return batch_hard_triplet_loss(embedding, identity, self.margin)
