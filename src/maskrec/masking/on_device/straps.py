"""The straps of many masks: where they run is computed on the device, OpenCV draws them on the host."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from maskrec.masking.on_device.mesh import combine
from maskrec.masking.styles import Style
from maskrec.masking.warp import LIMIT, SHIFT
from maskrec.masking.worn import LEAST, POINTS, REACH, TURN, strap_lines


class StrapLines(nn.Module):
    """The straps of S styles.

    Args:
        styles: In the order of their numbers.
    """

    weights: Tensor  # (S, 32, 96) lines as weighted landmarks, as `worn.strap_lines`
    widths: Tensor  # (S,) of the width of the jaw; 0 where there are none
    colours: Tensor  # (S, 3) RGB; NaN: as the fabric

    def __init__(self, styles: Sequence[Style]) -> None:
        super().__init__()
        straps = [style.straps for style in styles]
        self.register_buffer("weights", torch.from_numpy(np.stack([strap_lines(s.kind, s.corners) for s in straps])))
        self.register_buffer("widths", torch.tensor([s.width if s.kind != "none" else 0.0 for s in straps]))
        self.register_buffer("colours", torch.tensor([s.colour or (torch.nan,) * 3 for s in straps]))

    def colours_on(self, style: Tensor, fabric: Tensor) -> Tensor:
        """(B, 1, 3) RGB of the straps on masks of fabrics of (B, 1, 3)."""
        own = self.colours[style][:, None]
        return torch.where(own.isnan(), fabric, own)

    def cover(self, landmarks: Tensor, style: Tensor, is_worn: Tensor, shape: Sequence[int]) -> Tensor:
        """How much straps cover, (B, height, width) uint8, up to 255; arguments as of `worn.draw_straps`.

        Args:
            landmarks: (B, 96, 2).
            style: (B,) numbers.
            is_worn: (B,) whether any are drawn.
            shape: Height and width.
        """
        (right, left, nose) = landmarks[:, [1, 15, 29]].unbind(dim=1)
        across = left - right
        width = torch.linalg.vector_norm(across, dim=1)
        turn = ((2 * nose - right - left) * across).sum(dim=1) / width.clamp_min(1) ** 2
        reaches = torch.stack([REACH + TURN * turn, REACH - TURN * turn], dim=1)
        still, reaching = combine(self.weights[style], landmarks).view(-1, 2, 2, 2, POINTS, 2).unbind(dim=1)
        lines = still + reaches[..., None, None, None] * reaching
        points = (lines.clamp(-LIMIT, LIMIT) * (1 << SHIFT)).round().int()
        thickness = (self.widths[style] * width).round().clamp_min(1).int()
        is_worn = is_worn & (self.widths[style] > 0) & (width >= 1)
        is_seen = (reaches > LEAST) & is_worn[:, None]
        cover = np.zeros((len(landmarks), *shape), dtype=np.uint8)
        on_host = (part.cpu().numpy() for part in (points, is_seen, thickness))
        for plane, sides, seen, thick in zip(cover, *on_host, strict=True):
            if seen.any():
                each = list(sides[seen].reshape(-1, POINTS, 2))
                cv2.polylines(plane, each, False, (255,), int(thick), cv2.LINE_AA, SHIFT)
        return torch.from_numpy(cover).to(landmarks.device)
