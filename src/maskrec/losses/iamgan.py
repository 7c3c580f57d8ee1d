"""What IAMGAN's networks are trained with.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Sec. 4.1; the cross entropies of Eqs. 4 and 5 are `Softmax`. B: batch, H x W: size of the pictures, in [-1, 1].
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import lift_precision

Adversarial = Literal["bce", "lsgan"]

CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": F.binary_cross_entropy_with_logits,
    "lsgan": F.mse_loss,
}


def adversarial_loss(logits: Tensor, is_real: bool, adversarial: Adversarial = "lsgan") -> Tensor:
    """How far a discriminator is from calling all patches real, or all made.

    `bce`: -log D or -log(1 - D), D the sigmoid of the logits (Goodfellow et al., as the paper's words say; a generator
    takes the form that does not saturate). `lsgan`: (D - 1)^2 or D^2 of the logits themselves (CycleGAN's own).

    Args:
        logits: Of any shape; the loss is their mean.
        is_real: What they are to say.
        adversarial: Which of the two.
    """
    logits = lift_precision(logits)
    return CRITERIA[adversarial](logits, torch.full_like(logits, float(is_real)))


def cycle_loss(pictures: Tensor, cycled: Tensor) -> Tensor:
    """L_cyc of one direction: mean |G'(G(x)) - x| (in Eq. 1)."""
    return F.l1_loss(lift_precision(cycled), lift_precision(pictures))


def reconstruction_loss(full: Tensor, made: Tensor, is_face: Tensor) -> Tensor:
    """L_rec = mean |f * S(f_m) - f_m * S(f_m)|: what is not mask stays as it is (Eq. 6, over the number of values).

    Args:
        full: (B, 3, H, W) f.
        made: (B, 3, H, W) f_m, f with a mask.
        is_face: (B, 1, H, W) S(f_m): 0 = mask, 1 = anything else.
    """
    return F.l1_loss(lift_precision(made) * is_face, lift_precision(full) * is_face)
