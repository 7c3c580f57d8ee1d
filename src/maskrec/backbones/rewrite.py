"""A weight file written anew with other numbers: whatever read the old one reads the new one."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maskrec.backbones.base import Backbone
from maskrec.backbones.weights import backbone_keys, innermost
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.weight_files import find_weights, read_file


def rewrite_weights(source: str | Path, backbone: Backbone, target: Path) -> list[str]:
    """Write a backbone's weights as the file they were loaded from: its format, wrappers, keys, order and dtypes.

    What else the file holds, such as an epoch or a classification layer, is copied.

    Args:
        source: The file; see `find_weights`.
        backbone: What was loaded from it, and trained since.
        target: The file to write, with the same ending.

    Returns:
        The tensors beside the backbone's, which were copied.

    Raises:
        UserError: The target ends otherwise or cannot be written, or a tensor of the file is not the backbone's.
    """
    source = find_weights(source)
    if target.suffix != source.suffix:
        raise UserError(f"weights {target}: expected a name that ends in {source.suffix}, as {source} does")
    content = read_file(source)
    holder, state = innermost(content), backbone.state_dict()
    ours = backbone_keys(holder, backbone)
    for key, name in ours.items():
        old, new = holder[key], state[name]
        if old.shape != new.shape:
            raise UserError(f"weights {source}: '{key}' is {tuple(old.shape)}, the backbone's is {tuple(new.shape)}")
        holder[key] = new.detach().cpu().to(old.dtype).contiguous()
    try:
        with replacing(target) as partial:
            _write(content, source, partial)
    except OSError as error:
        raise UserError(f"weights {target}: {error.strerror or error}") from error
    others = [key for key, value in content.items() if value is not holder and _holds_tensors(value)]
    return others + [key for key, value in holder.items() if isinstance(value, Tensor) and key not in ours]


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(inner, Tensor) for inner in value.values())


def _write(content: Any, source: Path, target: Path) -> None:
    if source.suffix == ".safetensors":
        with safetensors.safe_open(source, framework="pt") as file:
            metadata = file.metadata()
        safetensors.torch.save_file(content, target, metadata)
    else:  # what was written before torch 1.6 may be read there
        torch.save(content, target, _use_new_zipfile_serialization=zipfile.is_zipfile(source))
