"""U-Net and CycleGAN's networks: their layers, counted by hand, and what they keep of a picture's size."""

import pytest
import torch
from torch import nn

from maskrec.networks import PatchDiscriminator, ResNetGenerator, UNet


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_generator_is_that_of_the_paper() -> None:
    layers = [(3, 64, 7), (64, 128, 3), (128, 256, 3), *[(256, 256, 3)] * 18, (256, 128, 3), (128, 64, 3), (64, 3, 7)]
    assert parameters(ResNetGenerator()) == sum(a * b * k * k + b for a, b, k in layers)  # 11.4 M
    small = ResNetGenerator(width=4, blocks=1)
    assert small(torch.zeros(2, 3, 28, 24)).shape == (2, 3, 28, 24)
    assert small(torch.randn(2, 3, 28, 24)).abs().max() <= 1


def test_a_residual_block_adds() -> None:
    block = ResNetGenerator(width=2, blocks=1)[10]
    x = torch.randn(1, 8, 6, 6)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    torch.testing.assert_close(block(x), x)


def test_a_patch_is_70_pixels_wide() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(width=2)
    for layer in network:
        if isinstance(layer, nn.InstanceNorm2d):
            layer.forward = lambda x: x  # type: ignore[method-assign]  # statistics see the whole picture
    picture = torch.randn(1, 3, 256, 256, requires_grad=True)
    logits = network(picture)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert picture.grad is not None
    rows, columns = picture.grad[0].abs().sum(dim=0).nonzero().unbind(dim=1)
    assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == 70
    layers = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert parameters(PatchDiscriminator()) == sum(a * b * 16 + b for a, b in layers)


@pytest.mark.parametrize("size", [(32, 32), (28, 24), (17, 35)])
def test_the_unet_says_of_each_pixel(size: tuple[int, int]) -> None:
    assert UNet(width=2, depth=3)(torch.zeros(2, 3, *size)).shape == (2, *size)


def test_the_unet_sees_detail_and_surroundings() -> None:
    """One pixel depends on its neighbours by the first stage, and on far ones by the last."""
    torch.manual_seed(0)
    network = UNet(width=4, depth=3).eval()
    picture = torch.randn(1, 3, 64, 64, requires_grad=True)
    network(picture)[0, 32, 32].backward()
    assert picture.grad is not None
    reach = picture.grad[0].abs().sum(dim=0)
    assert reach[32, 32] > 0
    assert int(reach.nonzero()[:, 0].max()) - 32 > 16
    widths = [(3, 4), (4, 8), (8, 16), (16, 32), (48, 16), (24, 8), (12, 4)]
    stages = sum(9 * before * width + 9 * width * width + 4 * width for before, width in widths)
    assert parameters(network) == stages + 4 + 1


@pytest.mark.parametrize("network", [UNet(2, 4), UNet(3, 1), ResNetGenerator(4, 3), ResNetGenerator(2, 0)])
def test_weights_tell_the_shape(network: UNet | ResNetGenerator) -> None:
    built = type(network).shaped_as(network.state_dict())
    built.load_state_dict(network.state_dict())
    picture = torch.randn(1, 3, 32, 32)
    assert torch.equal(built.eval()(picture), network.eval()(picture))
