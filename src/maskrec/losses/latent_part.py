"""L_LPD: the box of the part that no mask covers ends at the nose.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), Sec. 4.2, Eqs. 14 and 15.
"""

from typing import Literal

from torch import Tensor

Prior = Literal["mean", "sum", "theta5"]


def latent_part_loss(height: Tensor, top: Tensor, nose: Tensor, pixels: int, prior: Prior = "mean") -> Tensor:
    """Distance of the lower edge of the box, y_r, from the nose, in shares of the picture's height.

    `mean`: mean |theta_5 + theta_6 - nose|, y_r being theta_5 + theta_6 of the height, which is Eq. 14 over H and B.
    `sum`: sum |theta_5 + theta_6 / H - nose|, Eq. 15 to the letter, where theta_6 is in pixels.
    `theta5`: mean |theta_5 - nose|, as the authors' public code has it.

    Args:
        height: (B,) theta_5.
        top: (B,) theta_6.
        nose: (B,) y of the nose, a share of the height.
        pixels: H.
        prior: Which of the three.
    """
    if prior == "sum":
        return (height + top / pixels - nose).abs().sum()
    return (height + (top if prior == "mean" else 0) - nose).abs().mean()
