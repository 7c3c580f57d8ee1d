"""Pictures of what a run sees."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger, WandbLogger
from torch import Tensor
from torchvision.utils import make_grid, save_image

from maskrec.types import FaceBatch


def log_picture(loggers: Iterable[Logger], file: Path) -> None:
    """Show a picture in W&B, if a run is logged there."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(f"pictures/{file.stem}", [str(file)])


class PictureGrid(Callback):
    """Shows the first training batch, and faces masked for validation or test, as the network gets them.

    Where each face has two sides, without its mask and with it, or two views, they stand side by side.

    Args:
        dirpath: Folder of the pictures.
        faces: Faces a picture.
        columns: Faces a row; even, so that pairs stay together.
    """

    def __init__(self, dirpath: str, faces: int = 32, columns: int = 8) -> None:
        self.dirpath = Path(dirpath)
        self.faces = faces
        self.columns = columns
        self._shown: set[str] = set()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """The first batch."""
        image = batch.image
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if getattr(data, "paired", False) or getattr(data, "views", 1) > 1:
            image = image.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1)
        self._show(trainer, "training_batch", image)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The first masked faces."""
        self._show_masked(trainer, f"validation_{dataloader_idx}_masked", batch)

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """The first masked faces."""
        self._show_masked(trainer, f"test_{dataloader_idx}_masked", batch)

    def _show_masked(self, trainer: Trainer, name: str, batch: Any) -> None:
        if not isinstance(batch, FaceBatch):
            return
        masked = int(batch.is_masked.sum())
        if masked >= min(self.faces, len(batch.is_masked)):  # enough to fill the picture, or all there are
            self._show(trainer, name, batch.image[batch.is_masked])

    def _show(self, trainer: Trainer, name: str, image: Tensor) -> None:
        if name in self._shown or not trainer.is_global_zero:
            return
        self._shown.add(name)
        picture = make_grid((image[: self.faces].float().cpu() + 1) / 2, self.columns)
        self.dirpath.mkdir(parents=True, exist_ok=True)
        file = self.dirpath / f"{name}.png"
        save_image(picture, file)
        log_picture(trainer.loggers, file)
