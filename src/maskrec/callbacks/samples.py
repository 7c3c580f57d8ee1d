"""What networks that draw make of the same held-out faces, as training goes on."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torchvision.utils import make_grid, save_image

from maskrec.callbacks.pictures import log_picture


class Samples(Callback):
    """Draws `samples(batch)` of the module at each validation, one row under the other; others are left alone.

    Args:
        dirpath: Folder of the pictures.
        faces: Faces a row, of the first batch.
    """

    def __init__(self, dirpath: str, faces: int = 8) -> None:
        self.dirpath = Path(dirpath)
        self.faces = faces

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The first batch."""
        self._draw(
            trainer, pl_module, batch, batch_idx, f"samples_{getattr(pl_module, 'iteration', trainer.global_step):07d}"
        )

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The first batch."""
        self._draw(trainer, pl_module, batch, batch_idx, "samples_test")

    def _draw(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int, name: str) -> None:
        if batch_idx or trainer.sanity_checking or not trainer.is_global_zero or not hasattr(module, "samples"):
            return
        count = min(self.faces, len(batch.image))
        with torch.no_grad():
            rows = module.samples(type(batch)(*(values[:count] for values in batch)))
        self.dirpath.mkdir(parents=True, exist_ok=True)
        file = self.dirpath / f"{name}.png"
        save_image(make_grid((torch.cat(rows).float().cpu() + 1) / 2, count), file)
        log_picture(trainer.loggers, file)
