"""MobileFaceNet: a million-parameter face network for phones.

Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices"
(CCBR 2018), Table 1: inverted residuals with PReLU, fast down-sampling, and a *linear global depthwise
convolution* in place of average pooling, so that each position of the last map has its own weight.
"""

import re
from typing import ClassVar

from torch import Tensor, nn

from maskrec.backbones.base import Backbone, State

# Table 1: expansion t, channels c, repeats n, first stride s.
BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
# Sec. 4: "each pixel is normalised by subtracting 127.5 then divided by 128"; images come as (x - 127.5) / 127.5.
PAPER_SCALE = 127.5 / 128

# Public weights number the layers of a bottleneck in one Sequential: conv, BN, PReLU; conv, BN, PReLU; conv, BN.
PUBLIC_LAYERS = (
    *("expand.conv", "expand.bn", "expand.prelu"),
    *("depthwise.conv", "depthwise.bn", "depthwise.prelu"),
    *("project.conv", "project.bn"),
)


class ConvBN(nn.Sequential):
    """Convolution and batch-norm, with a PReLU unless linear."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        if not linear:
            self.prelu = nn.PReLU(channels)


class Bottleneck(nn.Module):
    """Inverted residual: 1x1 expansion, 3x3 depthwise, linear 1x1 projection."""

    def __init__(self, in_channels: int, channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.is_residual = stride == 1 and in_channels == channels
        self.expand = ConvBN(in_channels, hidden, 1)
        self.depthwise = ConvBN(hidden, hidden, 3, stride, padding=1, groups=hidden)
        self.project = ConvBN(hidden, channels, 1, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return out + x if self.is_residual else out


class MobileFaceNet(Backbone):
    """MobileFaceNet with an embedding of D numbers (128 in the paper).

    Args:
        embedding_dim: D.
        input_size: (height, width) in pixels, 112x112 or 112x96 in the paper; the global convolution is built for it.
    """

    embedding_layers: ClassVar[tuple[str, ...]] = ("linear7", "linear1")
    map_channels = 512

    def __init__(self, embedding_dim: int, input_size: tuple[int, int] = (112, 112)) -> None:
        super().__init__(embedding_dim, input_size)
        self.conv1 = ConvBN(3, 64, 3, stride=2, padding=1)
        self.dw_conv1 = ConvBN(64, 64, 3, padding=1, groups=64)
        blocks: list[Bottleneck] = []
        in_channels = 64
        for expansion, channels, repeats, first_stride in BOTTLENECKS:
            for i in range(repeats):
                blocks.append(Bottleneck(in_channels, channels, first_stride if i == 0 else 1, expansion))
                in_channels = channels
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = ConvBN(in_channels, self.map_channels, 1)
        kernel = (-(-input_size[0] // 16), -(-input_size[1] // 16))
        self.linear7 = ConvBN(self.map_channels, self.map_channels, kernel, groups=self.map_channels, linear=True)
        self.linear1 = ConvBN(self.map_channels, embedding_dim, 1, linear=True)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, image: Tensor) -> Tensor:
        """The last map, (B, 512, H / 16, W / 16), before the global convolution."""
        x: Tensor = self.conv2(self.blocks(self.dw_conv1(self.conv1(image * PAPER_SCALE))))
        return x

    def embedded(self, features: Tensor) -> Tensor:
        """The last map to (B, D)."""
        x: Tensor = self.linear1(self.linear7(features))
        return x.flatten(1)

    def adapt_state(self, state: State) -> State:
        """Public weights, whose bottlenecks are numbered Sequentials."""
        return {_our_name(key): value for key, value in state.items()}


def _our_name(key: str) -> str:
    match = re.fullmatch(r"(blocks\.\d+)\.conv\.([0-7])\.(\w+)", key)
    return f"{match[1]}.{PUBLIC_LAYERS[int(match[2])]}.{match[3]}" if match else key
