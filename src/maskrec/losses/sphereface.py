"""SphereFace (A-Softmax): a margin that multiplies the angle to the own identity.

Liu et al., "SphereFace: Deep Hypersphere Embedding for Face Recognition" (CVPR 2017), Eq. 7; the annealing is that
of its appendix, with the constants of the authors' public Caffe code. That code also rescales gradients; here they are
exact.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.errors import UserError
from maskrec.losses.head import IdentityLoss, cosine_to_weights


def psi(cosine: Tensor, margin: int) -> Tensor:
    """(-1)^k cos(m theta) - 2k for theta in [k pi/m, (k + 1) pi/m]: falls from 1 to 1 - 2m (Eq. 7).

    Args:
        cosine: cos(theta), of any shape.
        margin: m.
    """
    with torch.no_grad():
        k = (margin * cosine.clamp(-1, 1).acos() / math.pi).floor().clamp(max=margin - 1)
    # cos(m theta) as the Chebyshev polynomial of cos(theta): acos has no finite gradient at theta = 0.
    before, chebyshev = torch.ones_like(cosine), cosine
    for _ in range(margin - 1):
        before, chebyshev = chebyshev, 2 * cosine * chebyshev - before
    return (1 - 2 * (k % 2)) * chebyshev - 2 * k


def sphereface_logits(cosine: Tensor, norm: Tensor, identity: Tensor, margin: int, annealing: Tensor | float) -> Tensor:
    """|x| (lambda cos(theta_y) + psi(theta_y)) / (1 + lambda) for the own identity y, |x| cos(theta_j) for the others.

    Args:
        cosine: (B, K) cosines to the identities.
        norm: (B,) norms |x| of the embeddings.
        identity: (B,) own identities y.
        margin: m; with 1 this is a softmax over normalised weights.
        annealing: lambda; 0 is Eq. 7.

    Returns:
        (B, K) logits.
    """
    own = identity.unsqueeze(1)
    target = cosine.gather(1, own)
    target = (annealing * target + psi(target, margin)) / (1 + annealing)
    return norm.unsqueeze(1) * cosine.scatter(1, own, target)


class SphereFace(IdentityLoss):
    """Cross-entropy over `sphereface_logits`, with lambda = max(lambda_min, lambda_base / (1 + gamma step)).

    The step counts the batches trained on, from 1.

    Args:
        margin: m, a whole number.
        lambda_base: lambda before the first step.
        gamma: How fast lambda falls.
        lambda_min: Where it stays.

    Raises:
        UserError: m is below 1.
    """

    step: Tensor

    def __init__(
        self, margin: int = 4, lambda_base: float = 1000.0, gamma: float = 0.12, lambda_min: float = 5.0
    ) -> None:
        super().__init__()
        if margin < 1:
            raise UserError(f"SphereFace.margin {margin}: expected a whole number of at least 1")
        self.margin = margin
        self.lambda_base = lambda_base
        self.gamma = gamma
        self.lambda_min = lambda_min
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss."""
        if self.training:
            self.step.add_(1)
        annealing = (self.lambda_base / (1 + self.gamma * self.step)).clamp(min=self.lambda_min)
        cosine = cosine_to_weights(embedding, weight)
        logits = sphereface_logits(cosine, embedding.norm(dim=1), identity, self.margin, annealing)
        return F.cross_entropy(logits, identity)
