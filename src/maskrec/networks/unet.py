"""The U-Net that finds the mask in a picture.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (MICCAI 2015), Fig. 1,
with padded convolutions, batch-norm, and a mean of neighbours in place of the up-convolution's weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEWEST = 0.05  # share of the picture below which what is found is no mask


class UNet(nn.Module):
    """Whether each pixel is mask: (B, 3, H, W) in [-1, 1] to logits (B, H, W); any size.

    Args:
        width: Channels at full size; twice as many at each half.
        depth: How often the picture is halved.
    """

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(_stage(*pair) for pair in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(_stage(3 * width, width) for width in reversed(widths[:-1]))
        self.last = nn.Conv2d(width, 1, 1)

    @classmethod
    def shaped_as(cls, state: dict[str, Tensor]) -> "UNet":
        """One that takes these weights."""
        depth = len({key.split(".")[1] for key in state if key.startswith("up.")})
        return cls(len(state["down.0.0.weight"]), depth)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, H, W)."""
        height, width = images.shape[2:]
        step = 1 << len(self.up)
        x = F.pad(images, (0, -width % step, 0, -height % step), mode="replicate")
        seen: list[Tensor] = []
        for stage in self.down:
            x = stage(F.max_pool2d(x, 2) if seen else x)
            seen.append(x)
        seen.pop()
        for stage in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, seen.pop()], dim=1))
        logits: Tensor = self.last(x)
        return logits[:, 0, :height, :width]


def _stage(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (channels, width):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
