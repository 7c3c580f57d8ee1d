"""Distances of templates: what a network is held to when it learns from another one's output.

Huber et al., "Mask-invariant Face Recognition through Template-level Knowledge Distillation" (FG 2021). B: faces, D:
embedding dim.
"""

from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import lift_precision


def template_distances(features: Tensor, templates: Tensor) -> Tensor:
    """|x / |x| - t / |t||^2 = 2 - 2 cos(x, t) of each face, (B,).

    Args:
        features: (B, D) x.
        templates: (B, D) t.
    """
    unit, target = (F.normalize(lift_precision(rows), dim=1) for rows in (features, templates))
    return (unit - target).square().sum(dim=1)
