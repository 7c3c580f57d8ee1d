"""One name space for all backbones: ours first, then every timm model."""

import difflib
from functools import partial
from pathlib import Path
from typing import Protocol

import timm

from maskrec.backbones.base import Backbone
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
    embedding_dim: int,
    weights: str | Path | None = None,
    input_size: tuple[int, int] | None = None,
) -> Backbone:
    """Build a backbone by its name: (B, 3, H, W) in [-1, 1] to (B, D).

    Args:
        name: `iresnet18/34/50/100/200`, `mobilefacenet`, or any timm model.
        embedding_dim: D.
        weights: A `.pt`, `.pth`, `.ckpt` or `.safetensors` file to start from; see `load_weights`.
        input_size: (height, width) in pixels. Default: what the weights were trained at where
            they tell (MobileFaceNet's global convolution), else 112x112.

    Raises:
        UserError: The name is unknown, or the weights do not fit.
    """
    state = read_weights(weights) if weights is not None else None
    size = input_size or (trained_input_size(state) if state is not None else None) or (112, 112)
    if name in BUILDERS:
        backbone = BUILDERS[name](embedding_dim=embedding_dim, input_size=size)
    elif timm.is_model(name):
        backbone = TimmBackbone(name, embedding_dim, size)
    else:
        close = difflib.get_close_matches(name, list_backbones(), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UserError(f"no backbone is called '{name}'{hint} (`maskrec backbones` lists all)")
    if state is not None:
        load_weights(backbone, state, source=str(weights))
    return backbone
