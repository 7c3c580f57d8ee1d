"""Guided back-propagation and Grad-CAM against numbers worked out by hand or written anew."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import create_backbone
from maskrec.callbacks.saliency import grad_cam, guided_backprop


def two_layers(rectifier: nn.Module) -> nn.Sequential:
    """y = w2 . f(W1 x) on a picture of 3 x 1 x 1 numbers."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), rectifier, nn.Conv2d(4, 1, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).view(4, 3, 1, 1))  # type: ignore[operator, union-attr]
        net[2].weight.copy_(torch.tensor([2.0, -3, 5, 7]).view(1, 4, 1, 1))  # type: ignore[operator, union-attr]
    return net


# x = (1, 1, -2): the hidden units are 1, 1, -2 and 0; their gradients from above are 2, -3, 5 and 7.
X = torch.tensor([1.0, 1, -2]).view(1, 3, 1, 1)
# ReLU: unit 1 gives 2; unit 2 has a negative gradient; unit 3 is off; unit 4 is at 0, where ReLU's derivative is 0.
# PReLU(1/2): unit 3 gives 5/2; unit 4 gives 7/2 to each (the derivative at 0 is the slope).
# PReLU(-1/2): units 3 and 4 would lower the score as x rises: nothing.
CASES = [
    (nn.ReLU(), [2.0, 0, 0]),
    (nn.ReLU(inplace=True), [2.0, 0, 0]),
    (nn.PReLU(init=0.5), [2 + 3.5, 3.5, 2.5 + 3.5]),
    (nn.PReLU(init=-0.5), [2.0, 0, 0]),
    (nn.LeakyReLU(0.5), [2 + 3.5, 3.5, 2.5 + 3.5]),
]


@pytest.mark.parametrize(("rectifier", "expected"), CASES, ids=lambda case: repr(case)[:20])
def test_guided_backprop_of_two_layers(rectifier: nn.Module, expected: list[float]) -> None:
    net = two_layers(rectifier)
    assert guided_backprop(net, net, X).flatten().tolist() == expected


def test_the_gradient_is_clamped_at_each_layer() -> None:
    # y = 3 f(x) - 5 f(f(x)): from above the second f comes -5, which is dropped; 3 stays. Plain: -2.
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.ReLU(), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x)
            return 3 * hidden - 5 * self.second(hidden)

    net = Net()
    x = torch.ones(1, 3, 1, 1)
    assert guided_backprop(net, net, x).flatten().tolist() == [3.0] * 3


def test_other_activations_keep_their_gradient() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 2, 3, padding=1))
    images = torch.randn(2, 3, 6, 6, requires_grad=True)
    (expected,) = torch.autograd.grad(net(images).sum(), images)
    torch.testing.assert_close(guided_backprop(net, net, images.detach()), expected)


def features_of(name: str, size: tuple[int, int]) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    torch.manual_seed(0)
    net = create_backbone(name, 8, input_size=size).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return net, net.feature_map  # type: ignore[return-value]


# Behind the last map: what `forward` does to it, written once more.
HEADS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "mobilefacenet": lambda net, x: net.linear1(net.linear7(x)).flatten(1),
    "iresnet18": lambda net, x: net.features(net.fc(x.flatten(1))),
    "resnet10t": lambda net, x: net.embedding(x.mean(dim=(2, 3))),
}


@pytest.mark.parametrize("name", HEADS)
def test_grad_cam_written_anew(name: str) -> None:
    size = (112, 96) if name == "mobilefacenet" else (64, 64)
    net, feature_map = features_of(name, size)
    images = torch.rand(2, 3, *size) * 2 - 1
    cam = grad_cam(net, lambda x: net(x).norm(dim=1), images)
    features = feature_map(images).detach()
    if name == "iresnet18":
        features = net.bn2(features).detach()  # type: ignore[operator]
    features.requires_grad_()
    HEADS[name](net, features).norm(dim=1).sum().backward()
    for i in range(2):
        weights = [float(features.grad[i, k].mean()) for k in range(features.shape[1])]  # type: ignore[index]
        total = sum(weight * features[i, k].detach() for k, weight in enumerate(weights))
        expected = F.interpolate(total.clamp(min=0)[None, None], size, mode="bilinear")[0, 0]  # type: ignore[union-attr]
        assert expected.max() > 0
        torch.testing.assert_close(cam[i], expected / expected.max(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["mobilefacenet", "iresnet18", "resnet10t", "vit_tiny_patch16_224", "convnext_atto"])
def test_every_kind_of_backbone_has_maps(name: str) -> None:
    size = (64, 64)
    net, _ = features_of(name, size)
    images = torch.rand(2, 3, *size) * 2 - 1
    assert grad_cam(net, net, images).shape == (2, 64, 64)
    assert guided_backprop(net, net, images).abs().amax(dim=(1, 2, 3)).min() > 0


def test_a_layer_that_runs_twice_counts_by_its_first_run() -> None:
    net, _ = features_of("resnet10t", (64, 64))
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    alone = grad_cam(net, net, images)
    again = grad_cam(net, lambda x: net(x) + 0 * net(x.flip(-1)), images)
    torch.testing.assert_close(alone, again)


def test_the_last_map_the_score_depends_on() -> None:
    # The second network runs last, but the score does not use it.
    used, unused = (nn.Conv2d(3, 4, 3, 2, 1) for _ in range(2))
    both = nn.ModuleList([used, unused])
    images = torch.rand(1, 3, 8, 8)
    cam = grad_cam(both, lambda x: used(x).sum() + 0 * unused(x).sum(), images)
    torch.testing.assert_close(cam, grad_cam(used, used, images))


def test_no_map() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(ValueError, match="no layer gives a map"):
        grad_cam(net, net, torch.rand(1, 3, 2, 2))


@pytest.mark.parametrize("explain", [guided_backprop, grad_cam])
def test_nothing_is_left_behind(explain: Callable[..., Tensor]) -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.PReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    net.train()
    net[1].eval()  # as a frozen batch-norm is
    net[0].weight.requires_grad_(False)
    net[5].weight.grad = torch.ones(2, 16)  # type: ignore[assignment]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.inference_mode():  # as in a test
        explain(net, net, torch.rand(2, 3, 8, 8))
    assert [layer.training for layer in net] == [True, False, True, True, True, True]
    assert [parameter.requires_grad for parameter in net.parameters()] == [False] + [True] * 6
    assert [parameter.grad is not None for parameter in net.parameters()] == [False] * 5 + [True, False]
    assert net[5].weight.grad.eq(1).all()  # type: ignore[union-attr, operator]
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())
