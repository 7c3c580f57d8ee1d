"""One name space for all backbones: ours first, then every timm model."""

import difflib
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import timm
from torch import nn

from maskrec.backbones.base import Backbone, Pool
from maskrec.backbones.iresnet import UNITS, IResNet
from maskrec.backbones.mobilefacenet import MobileFaceNet
from maskrec.backbones.timm_backbone import TimmBackbone
from maskrec.backbones.weights import load_weights, read_weights, trained_input_size
from maskrec.errors import UserError


class BackboneBuilder(Protocol):
    """Builds a backbone of D outputs for images of (height, width) pixels."""

    def __call__(self, embedding_dim: int, input_size: tuple[int, int]) -> Backbone: ...  # noqa: D102


BUILDERS: dict[str, BackboneBuilder] = {
    "mobilefacenet": MobileFaceNet,
    **{name: partial(IResNet, units) for name, units in UNITS.items()},
}


def list_backbones() -> list[str]:
    """Every name `create_backbone` takes: ours first, then timm's."""
    return [*BUILDERS, *(name for name in timm.list_models() if name not in BUILDERS)]


def create_backbone(
    name: str,
    embedding_dim: int | None,
    weights: str | Path | None = None,
    input_size: tuple[int, int] | None = None,
    pool: Pool = "avg",
    last_stride: Literal[1, 2] = 2,
) -> Backbone:
    """Build a backbone by its name: (B, 3, H, W) in [-1, 1] to (B, D).

    Args:
        name: `iresnet18/34/50/100/200`, `mobilefacenet`, or any timm model.
        embedding_dim: D; None for no embedding layer: the last map, pooled, as many numbers as it has channels.
        weights: A `.pt`, `.pth`, `.ckpt` or `.safetensors` file to start from; see `load_weights`.
        input_size: (height, width) in pixels. Default: what the weights were trained at where
            they tell (MobileFaceNet's global convolution), else 112x112.
        pool: How the last map is pooled where there is no embedding layer.
        last_stride: Stride of a ResNet's last stage; 1, for pooled maps alone, makes the last map twice as large.

    Raises:
        UserError: The name is unknown, the weights do not fit, or the last stage's stride cannot be 1.
    """
    state = read_weights(weights) if weights is not None else None
    size = input_size or (trained_input_size(state) if state is not None else None) or (112, 112)
    if name in BUILDERS:
        backbone = BUILDERS[name](embedding_dim=embedding_dim or 1, input_size=size)
    elif timm.is_model(name):
        backbone = TimmBackbone(name, embedding_dim or 1, size)
    else:
        close = difflib.get_close_matches(name, list_backbones(), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UserError(f"no backbone is called '{name}'{hint} (`maskrec backbones` lists all)")
    if embedding_dim is None:
        backbone.without_embedding(pool)
    if last_stride == 1:
        _drop_last_stride(backbone, name)
    if state is not None:
        load_weights(backbone, state, source=str(weights))
    return backbone


def _drop_last_stride(backbone: Backbone, name: str) -> None:
    stage = getattr(getattr(backbone, "trunk", backbone), "layer4", None)
    if stage is None or backbone.pool is None:
        raise UserError(f"last_stride 1: for ResNets without an embedding layer (embedding_dim null), not for '{name}'")
    for module in list(stage.modules()):
        for child_name, child in module.named_children():
            if isinstance(child, nn.Conv2d):
                child.stride = (1, 1)
            elif isinstance(child, nn.AvgPool2d):  # what stands for a stride in the shortcut of some
                setattr(module, child_name, nn.Identity())
