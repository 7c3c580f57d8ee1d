"""CycleGAN's networks.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (ICCV 2017), appendix 7.2:
the generator of Johnson et al. and the 70 x 70 PatchGAN of Isola et al., with instance normalisation.
"""

from torch import Tensor, nn

INITIAL_STD = 0.02  # appendix 7.1


class ResNetGenerator(nn.Sequential):
    """A picture to a picture, both (B, 3, H, W) in [-1, 1]; sides are multiples of 4.

    c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3.

    Args:
        width: Channels of the first layer, 64 in the paper.
        blocks: Residual blocks: 9 at 256 x 256, 6 at 128 x 128.
    """

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__(
            nn.ReflectionPad2d(3),
            *_normed(nn.Conv2d(3, width, 7)),
            *_normed(nn.Conv2d(width, 2 * width, 3, 2, 1)),
            *_normed(nn.Conv2d(2 * width, 4 * width, 3, 2, 1)),
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            *_normed(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1)),
            *_normed(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )
        _start_from_noise(self)

    @classmethod
    def shaped_as(cls, state: dict[str, Tensor]) -> "ResNetGenerator":
        """One that takes these weights."""
        blocks = {key.split(".")[0] for key in state if key.count(".") == 3}
        return cls(len(state["1.weight"]), len(blocks))


class ResidualBlock(nn.Module):
    """x + f(x), without a rectifier behind the sum.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        padded = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        again = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        self.layers = nn.Sequential(*padded, nn.ReLU(inplace=True), *again)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        added: Tensor = x + self.layers(x)
        return added


class PatchDiscriminator(nn.Sequential):
    """Whether each patch of 70 x 70 pixels is real: (B, 3, H, W) in [-1, 1] to logits (B, 1, H / 8 - 2, W / 8 - 2).

    C64 (not normalised), C128, C256, C512 and one more convolution; the last two move by one pixel.

    Args:
        width: Channels of the first layer, 64 in the paper.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            *_normed(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
            *_normed(nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
            *_normed(nn.Conv2d(4 * width, 8 * width, 4, 1, 1), nn.LeakyReLU(0.2, inplace=True)),
            nn.Conv2d(8 * width, 1, 4, 1, 1),
        )
        _start_from_noise(self)


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d, activation: nn.Module | None = None) -> tuple[nn.Module, ...]:
    return convolution, nn.InstanceNorm2d(convolution.out_channels), activation or nn.ReLU(inplace=True)


def _start_from_noise(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=INITIAL_STD)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
