"""The part of a face that no mask covers: where it lies, and its enlargement.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), Sec. 4.2. Here all lengths are shares
of the picture's height or width and the origin is its upper left corner, as in Eqs. 7 to 11; there theta_3 and theta_6
are pixels, of which tanh would leave one at most.
"""

import math

import torch
from torch import Tensor, nn

from maskrec.errors import UserError

FULL, QUIET = 0.9, 0.02  # where training starts: almost the full box (tanh never is 1), and so for every face


class PartLocaliser(nn.Module):
    """The box of a picture (Fig. 5): mean over channels, FC, BN, ReLU, FC, BN, tanh (Eq. 12).

    B: batch, C: channels, H x W: size of the picture or map.

    Args:
        size: (H, W), which the first layer is built for.
        hidden: Its outputs (Fig. 5).
    """

    def __init__(self, size: tuple[int, int], hidden: int = 32) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential(
            nn.Linear(size[0] * size[1], hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, 4)
        )
        self.norm = nn.BatchNorm1d(4)
        nn.init.constant_(self.norm.weight, QUIET)
        self.norm.bias.data = torch.tensor([math.atanh(FULL), 0.0, math.atanh(FULL), 0.0])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to theta, (B, 4): theta_1 (width), theta_3 (left), theta_5 (height), theta_6 (top).

        Raises:
            UserError: The size is not the one this was built for.
        """
        if tuple(x.shape[2:]) != self.size:
            given, expected = ("x".join(map(str, size)) for size in (x.shape[2:], self.size))
            raise UserError(f"LPD was built for {expected} and sees {given}: set model.input_size to data.image_size")
        found = self.layers(x.mean(dim=1).flatten(1)).float()  # bf16 knows places to half a pixel alone
        theta: Tensor = self.norm(found).tanh()
        return theta


def box_corners(theta: Tensor) -> Tensor:
    """Left, top, right and bottom of the box, (B, 4), as shares of width and height (Eq. 11)."""
    width, left, height, top = theta.unbind(dim=1)
    return torch.stack([left, top, left + width, top + height], dim=1)


def resample_box(x: Tensor, theta: Tensor) -> Tensor:
    """The box enlarged to the whole, (B, C, H, W): each value a bilinear mean of its four neighbours (Eq. 13).

    X'(x_t, y_t) = sum_n sum_m X(m, n) max(0, 1 - |x_s - m|) max(0, 1 - |y_s - n|), which is a matrix on either side.
    Beyond the picture lies 0.

    Args:
        x: (B, C, H, W).
        theta: (B, 4), as `PartLocaliser` gives it.
    """
    width, left, height, top = theta.to(x).unbind(dim=1)
    rows, columns = _hats(top, height, x.shape[2]), _hats(left, width, x.shape[3])
    box = rows.unsqueeze(1) @ x @ columns.unsqueeze(1).mT
    # A product is never channels-last; where the rest is, the first convolution would be slow and all others follow it.
    is_last = x.is_contiguous(memory_format=torch.channels_last)
    return box.contiguous(memory_format=torch.channels_last) if is_last else box


def _hats(start: Tensor, extent: Tensor, size: int) -> Tensor:
    """Weights of the old pixels (last) in the new ones, (B, size, size), along an axis."""
    pixel = torch.arange(size, device=start.device, dtype=start.dtype)
    share = (pixel + 0.5) / size
    source = (start.unsqueeze(1) + extent.unsqueeze(1) * share) * size - 0.5  # Eq. 6
    return (1 - (source.unsqueeze(2) - pixel).abs()).clamp(min=0)
