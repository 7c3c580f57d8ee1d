"""What in a face a score depends on: guided back-propagation and Grad-CAM, by hooks that leave no trace."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Score = Callable[[Tensor], Tensor]
"""Images, (B, 3, H, W), to any number of scores, whose sum is explained."""
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.PReLU, nn.LeakyReLU)


def guided_backprop(module: nn.Module, score: Score, images: Tensor) -> Tensor:
    """The gradient of a score with respect to pixels, along paths on which every rectifier raises the score.

    At a rectifier f the gradient R becomes max(f'(x) max(R, 0), 0), which for a ReLU is [x > 0] [R > 0] R. Other
    activations (SiLU, GELU) and activations that are no modules keep their plain gradient.

    Args:
        module: What `score` runs; its layers are hooked.
        score: What is explained.
        images: (B, 3, H, W) in [-1, 1].

    Returns:
        (B, 3, H, W).

    Source: Springenberg et al., "Striving for Simplicity: The All Convolutional Net" (ICLR workshop 2015), Sec. 3.4;
    the slope of PReLU is our reading.
    """
    with _explaining(module) as hooks:
        for layer in module.modules():
            if isinstance(layer, RECTIFIERS):
                hooks.enter_context(layer.register_forward_hook(_guide_output))
            if isinstance(layer, nn.PReLU):  # a slope may be negative
                hooks.enter_context(layer.register_forward_pre_hook(_guide_input))
        pixels = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(score(pixels).sum(), pixels)
    return gradient


def grad_cam(module: nn.Module, score: Score, images: Tensor) -> Tensor:
    """Where the last map of features speaks for a score: ReLU(sum over k of a_k A_k), a_k the mean gradient of map A_k.

    The last map is the last output of a layer with the layout of the image, (B, C, H / s, W / s), more than one
    position and a gradient that is not zero. A layer that runs several times (a mirror image, a crop) counts by its
    first run. Transformers have no such map behind their patch embedding.

    Args:
        module: What `score` runs; its layers are hooked.
        score: What is explained.
        images: (B, 3, H, W) in [-1, 1].

    Returns:
        (B, H, W) in [0, 1], scaled up bilinearly; zero where nothing speaks for the score.

    Raises:
        ValueError: No layer gives such a map.

    Source: Selvaraju et al., "Grad-CAM" (ICCV 2017), Eqs. 1 and 2.
    """
    maps: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, _args: Any, output: Any) -> None:
        if layer not in maps and _is_map(output, images):
            maps[layer] = output

    with _explaining(module) as hooks:
        for layer in module.modules():
            hooks.enter_context(layer.register_forward_hook(keep))
        total = score(images.clone().requires_grad_()).sum()
        for features in reversed(maps.values()):
            (gradient,) = torch.autograd.grad(total, features, retain_graph=True, allow_unused=True)
            if gradient is not None and gradient.any():
                break
        else:
            raise ValueError(f"{type(module).__name__}: no layer gives a map of features that the score depends on")
    weight = gradient.mean(dim=(2, 3), keepdim=True)
    cam = (weight * features.detach()).sum(dim=1, keepdim=True).relu().float()
    cam = F.interpolate(cam, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return cam / cam.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(cam.dtype).tiny)


@contextlib.contextmanager
def _explaining(module: nn.Module) -> Iterator[contextlib.ExitStack]:
    """Evaluation mode and gradients, also within inference mode; modes go back and hooks go at the end."""
    modes = {layer: layer.training for layer in module.modules()}
    try:
        with torch.inference_mode(False), torch.enable_grad(), contextlib.ExitStack() as hooks:
            module.eval()
            yield hooks
    finally:
        for layer, mode in modes.items():
            layer.training = mode


def _guide_input(_layer: nn.Module, args: tuple[Tensor]) -> Tensor:
    own = args[0].clone()  # the same tensor may go elsewhere, too
    if own.requires_grad:
        own.register_hook(_positive)
    return own


def _guide_output(_layer: nn.Module, _args: Any, output: Tensor) -> None:
    if output.requires_grad:
        output.register_hook(_positive)


def _positive(gradient: Tensor) -> Tensor:
    return gradient.clamp(min=0)


def _is_map(output: Any, images: Tensor) -> bool:
    if not isinstance(output, Tensor) or output.ndim != 4 or len(output) != len(images) or not output.requires_grad:
        return False
    (height, width), (rows, columns) = images.shape[-2:], output.shape[-2:]
    return rows * columns > 1 and -(-height // rows) == -(-width // columns)
