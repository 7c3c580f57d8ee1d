"""CosFace: an additive margin on the cosine to the own identity.

Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition" (CVPR 2018), Eq. 4.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import IdentityLoss, cosine_to_weights


def cosface_logits(cosine: Tensor, identity: Tensor, margin: float, scale: float) -> Tensor:
    """S (cos(theta_y) - m) for the own identity y, s cos(theta_j) for the others (Eq. 4).

    Args:
        cosine: (B, K) cosines to the identities.
        identity: (B,) own identities y.
        margin: m, a difference of cosines.
        scale: s.

    Returns:
        (B, K) logits.
    """
    own = identity.unsqueeze(1)
    shift = torch.full_like(own, -margin, dtype=cosine.dtype)
    return scale * cosine.scatter_add(1, own, shift)


class CosFace(IdentityLoss):
    """Cross-entropy over `cosface_logits`.

    Args:
        margin: m, a difference of cosines.
        scale: s.
    """

    def __init__(self, margin: float = 0.35, scale: float = 64.0) -> None:
        super().__init__()
        self.margin = margin
        self.scale = scale

    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss."""
        cosine = cosine_to_weights(embedding, weight)
        return F.cross_entropy(cosface_logits(cosine, identity, self.margin, self.scale), identity)
