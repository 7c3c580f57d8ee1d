"""What Balanced Feature Matching adds to ArcFace: telling masks, and features that do not depend on them.

Huang, Tsao and Chen, "Robust Masked Face Recognition via Balanced Feature Matching", Eqs. 1 and 4. B: pairs of a face
without and with a mask, D: embedding dim.
"""

from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import lift_precision
from maskrec.losses.template import template_distances


def mask_loss(logits: Tensor, is_masked: Tensor) -> Tensor:
    """L_mask = -1/B sum of log softmax(C(x))_unmasked + log softmax(C(x'))_masked, x' being x with a mask (Eq. 1).

    Args:
        logits: (2 B, 2), unmasked and masked.
        is_masked: (2 B,) bool.
    """
    return 2 * F.cross_entropy(lift_precision(logits), is_masked.long())


def guided_perceptual_loss(unmasked: Tensor, masked: Tensor) -> Tensor:
    """L_guided = 1/B sum of |x / |x| - x' / |x'||^2 (Eq. 4); neither side is held fixed, of which the paper is silent.

    Args:
        unmasked: (B, D) features x of faces.
        masked: (B, D) features x' of the same faces with masks.
    """
    return template_distances(unmasked, masked).mean()
