"""IR-ResNets, the backbones of the ArcFace family.

He et al., "Identity Mappings in Deep Residual Networks", with the changes of Deng et al., "ArcFace:
Additive Angular Margin Loss for Deep Face Recognition" (CVPR 2019), Sec. 3.1: BN-conv-BN-PReLU-conv-BN
units, a stride-1 stem that keeps 7x7 positions at 112x112, and a BN-dropout-FC-BN head.
"""

from typing import ClassVar

from torch import Tensor, nn

from maskrec.backbones.base import Backbone

WIDTHS = (64, 128, 256, 512)
UNITS = {
    "iresnet18": (2, 2, 2, 2),
    "iresnet34": (3, 4, 6, 3),
    "iresnet50": (3, 4, 14, 3),
    "iresnet100": (3, 13, 30, 3),
    "iresnet200": (6, 26, 60, 6),
}
BN_EPS = 1e-5  # as in the published weights


class IRUnit(nn.Module):
    """A residual unit: BN, 3x3 conv, BN, PReLU, 3x3 conv with the stride, BN; then the shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels, eps=BN_EPS)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=BN_EPS)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels, eps=BN_EPS)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels, eps=BN_EPS),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        out: Tensor = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        out = self.bn3(self.conv2(out))
        out = out + self.downsample(x)
        return out


class IResNet(Backbone):
    """An IR-ResNet of four stages, each opening with stride 2.

    Args:
        units: Residual units of the four stages.
        embedding_dim: D, the length of the embedding.
        input_size: (height, width) in pixels; the fully connected layer is built for it.
        dropout: Drop probability before the fully connected layer.
    """

    embedding_layers: ClassVar[tuple[str, ...]] = ("bn2", "dropout", "fc", "features")
    map_channels = WIDTHS[-1]
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self,
        units: tuple[int, ...],
        embedding_dim: int,
        input_size: tuple[int, int] = (112, 112),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(embedding_dim, input_size)
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0], eps=BN_EPS)
        self.prelu = nn.PReLU(WIDTHS[0])
        in_channels = WIDTHS[0]
        for stage, (width, count) in enumerate(zip(WIDTHS, units, strict=True), start=1):
            blocks = [IRUnit(in_channels, width, stride=2)]
            blocks += [IRUnit(width, width, stride=1) for _ in range(count - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            in_channels = width
        positions = -(-input_size[0] // 16) * -(-input_size[1] // 16)
        self.bn2 = nn.BatchNorm2d(WIDTHS[-1], eps=BN_EPS)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(WIDTHS[-1] * positions, embedding_dim)
        self.features = nn.BatchNorm1d(embedding_dim, eps=BN_EPS)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.1)  # as the family's public training code
        # The last scale is fixed at 1: the heads normalise the embedding anyway.
        nn.init.ones_(self.features.weight)
        self.features.weight.requires_grad = False

    def feature_map(self, image: Tensor) -> Tensor:
        """The last map, (B, 512, H / 16, W / 16), before the head."""
        x: Tensor = self.prelu(self.bn1(self.conv1(image)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x

    def embedded(self, features: Tensor) -> Tensor:
        """The last map to (B, D)."""
        x: Tensor = self.dropout(self.bn2(features))
        x = self.features(self.fc(x.flatten(1)))
        return x
