"""Files of weights, found and read safely: nothing is unpickled but tensors and plain values."""

import glob
import os
import pickle
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from maskrec.errors import UserError

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")


def find_weights(pattern: str | Path) -> Path:
    """The weight file of a name; where that holds `*`, the one file it fits, as `runs/x/seed1-*/checkpoints/last.ckpt`.

    Raises:
        UserError: There is no such file, or several.
    """
    path = Path(pattern)
    if path.suffix not in SUFFIXES:
        raise UserError(f"weights {path}: expected a file ending in {', '.join(SUFFIXES)}")
    if "*" in str(path):
        # By text, for a run's own folder, in `${run_dir}/../other-*`, is not made yet.
        found = sorted(glob.glob(os.path.normpath(path)))  # noqa: PTH207  # pathlib globs below a folder only
        if len(found) > 1:
            raise UserError(f"weights {path}: fits {len(found)} files, {found[0]} and {found[1]}; expected one")
        path = Path(found[0]) if found else path
    if not path.is_file():
        raise UserError(f"weights {path}: no such file")
    return path


def read_file(path: Path, mmap: bool = False) -> Any:
    """What a weight file holds, on the CPU.

    Args:
        path: The file.
        mmap: Read tensors when they are used, where the file allows: what a part of a large file is needed of.

    Raises:
        UserError: It is broken, or holds more than tensors and plain values.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"weights {path}: holds more than tensors and plain values, so it is not read; save the state_dict alone"
        ) from error
    except Exception as error:  # torch, zipfile and safetensors each raise their own for a damaged file
        raise UserError(f"weights {path}: cannot be read as {path.suffix} ({type(error).__name__})") from error
