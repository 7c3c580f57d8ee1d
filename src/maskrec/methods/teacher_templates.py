"""What a teacher that stays as it is makes of each training face: computed once, and kept in the cache."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from maskrec.data.index import cache_folder
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.progress import track

VERSION = 1  # raise when templates are computed otherwise


@torch.no_grad()
def teacher_templates(
    method: LightningModule, teacher: nn.Module, embed: Callable[[Tensor], Tensor], dim: int, how: str
) -> npt.NDArray[np.float32]:
    """The template of every training face as it is, without mask and augmentation, (N, D), memory-mapped.

    They lie in the cache (`MASKREC_CACHE`, default `~/.cache/maskrec`), under a name that depends on the teacher's
    weights and on the pictures. Each batch is kept as it comes: what a kill ended goes on there.

    Args:
        method: Whose training begins; every rank computes a part.
        teacher: The network, in evaluation mode.
        embed: (B, 3, H, W) in [-1, 1] to templates (B, D).
        dim: D.
        how: What else templates depend on.

    Raises:
        UserError: The cache cannot be written.
    """
    trainer: Any = method.trainer
    data = trainer.datamodule
    paths = data.training_faces().paths
    file = cache_folder() / f"templates-{_digest(teacher, paths, repr((data.image_size, how)))}.npy"
    try:
        if trainer.is_global_zero and not file.is_file():
            _begin(file, (len(paths), dim))
        trainer.strategy.barrier()
        templates: npt.NDArray[np.float32] = np.load(file, mmap_mode="r+")
    except OSError as error:
        raise UserError(f"templates {file}: {error.strerror}; expected a cache that can be written") from error
    missing = np.flatnonzero(np.isnan(templates[:, 0]))
    trainer.strategy.barrier()  # all ranks have looked before one of them writes
    if len(missing):
        loader = data.plain_training_loader(missing)
        for batch in track(loader, "Teacher's templates", disable=not trainer.is_global_zero):
            image = data.on_after_batch_transfer(batch, 0).image.to(method.device)
            templates[missing[batch.row.numpy()]] = embed(image).cpu().numpy()
        trainer.strategy.barrier()
    return templates


def _digest(teacher: nn.Module, paths: list[str], how: str) -> str:
    """Of everything that templates depend on."""
    digest = hashlib.sha256(repr((VERSION, how)).encode())
    for name, value in teacher.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    for path in paths:
        found = Path(path).stat()
        digest.update(os.fsencode(f"{Path(path).absolute()}\0{found.st_size} {found.st_mtime_ns}\0"))
    return digest.hexdigest()[:16]


def _begin(file: Path, shape: tuple[int, int]) -> None:
    """Write a file without any template yet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial:
        np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)[:] = np.nan
