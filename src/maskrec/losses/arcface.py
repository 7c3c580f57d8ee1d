"""ArcFace: an additive margin on the angle to the own identity.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition" (CVPR 2019), Eq. 3.
"""

import math

from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import IdentityLoss, cosine_to_weights

EPS = 1e-7  # keeps the gradient of acos finite at cosine 1


def arcface_logits(cosine: Tensor, identity: Tensor, margin: float, scale: float) -> Tensor:
    """S cos(theta_y + m) for the own identity y, s cos(theta_j) for the others (Eq. 3).

    Beyond theta + m = pi, where cos(theta + m) would rise again, the own cosine is lowered by m sin(m)
    instead, as in the authors' public code; there the logit is discontinuous in theta.

    Args:
        cosine: (B, K) cosines to the identities.
        identity: (B,) own identities y.
        margin: m in radians.
        scale: s.

    Returns:
        (B, K) logits.
    """
    own = identity.unsqueeze(1)
    target = cosine.gather(1, own).clamp(-1 + EPS, 1 - EPS)
    with_margin = (target.acos() + margin).cos()
    past_pi = target < math.cos(math.pi - margin)
    target = with_margin.where(~past_pi, target - margin * math.sin(margin))
    return scale * cosine.scatter(1, own, target)


class ArcFace(IdentityLoss):
    """Cross-entropy over `arcface_logits`.

    Args:
        margin: m in radians.
        scale: s.
    """

    def __init__(self, margin: float = 0.5, scale: float = 64.0) -> None:
        super().__init__()
        self.margin = margin
        self.scale = scale

    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss."""
        cosine = cosine_to_weights(embedding, weight)
        return F.cross_entropy(arcface_logits(cosine, identity, self.margin, self.scale), identity)
