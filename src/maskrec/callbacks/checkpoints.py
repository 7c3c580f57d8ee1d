"""Checkpoints that survive a kill at any moment."""

import os
from pathlib import Path
from typing import Any, Literal

from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn

BEST, LAST = "best.ckpt", "last.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, then moves it there: a kill leaves the old one or the new one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write in one step."""
        partial = f"{path}.partial"
        super().save_checkpoint(checkpoint, partial, storage_options)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the best by a validation metric; nothing where there is no validation.

    Args:
        dirpath: Its folder.
        monitor: The metric.
        mode: `max` or `min`.
    """

    def __init__(self, dirpath: str, monitor: str = "val/auc", mode: Literal["max", "min"] = "max") -> None:
        options: dict[str, Any] = {"auto_insert_metric_name": False, "enable_version_counter": False}
        super().__init__(dirpath, filename=Path(BEST).stem, monitor=monitor, mode=mode, **options)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Have what `max_steps` ends with validated, too: Lightning leaves the rest of an epoch unscored."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if trainer.global_step == trainer.max_steps:
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep it, if it was scored."""
        if self.monitor in trainer.callback_metrics:
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same, where validation does not end the epoch."""
        if self.monitor in trainer.callback_metrics:
            super().on_train_epoch_end(trainer, pl_module)


class GoodCheckpoints(Checkpoint):
    """Keeps each checkpoint that is good enough, `good-<step>.ckpt`: weights alone, to test or to start from.

    Args:
        dirpath: Their folder.
        monitor: The validation metric.
        at_least: What it has to reach.
    """

    def __init__(self, dirpath: str, monitor: str = "val/precision_1_of_20", at_least: float = 0.9) -> None:
        self.dirpath = Path(dirpath)
        self.monitor = monitor
        self.at_least = at_least

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep it, if it was scored so well in training."""
        reached = trainer.callback_metrics.get(self.monitor)
        if trainer.state.fn == TrainerFn.FITTING and reached is not None and reached >= self.at_least:
            trainer.save_checkpoint(self.dirpath / f"good-{trainer.global_step}.ckpt", weights_only=True)


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, from which a run goes on: every n steps and at the end of each epoch.

    Args:
        dirpath: Its folder.
        every_n_steps: Optimiser steps between two of them; what a kill can cost.
    """

    def __init__(self, dirpath: str, every_n_steps: int = 200) -> None:
        self.path = Path(dirpath) / LAST
        self.every_n_steps = every_n_steps
        self._saved_at = 0

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Begin the next epoch where one had ended; with `max_steps` Lightning would go on in the old one."""
        if trainer.max_steps == -1 or "loops" not in checkpoint:
            return
        loops = checkpoint["loops"]["fit_loop"]
        epochs, batches = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
        if epochs["current"]["processed"] == epochs["current"]["ready"]:
            for count in epochs["total"], epochs["current"]:
                count.update(completed=count["processed"], ready=count["processed"] + 1)
            batches.update(current=dict.fromkeys(batches["current"], 0), is_last_batch=False)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save in the midst of an epoch; where a validation follows, behind it, as a run that goes on leaves it out."""
        if self._is_due(trainer) and not _is_validated(trainer, batch_idx):
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same behind a validation that does not end the epoch."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.is_last_batch and self._is_due(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after the validation that ends the epoch."""
        self._save(trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        return trainer.global_step - self._saved_at >= self.every_n_steps

    def _save(self, trainer: Trainer) -> None:
        self._saved_at = trainer.global_step
        trainer.save_checkpoint(self.path, weights_only=False)  # with the optimiser: a run goes on from it


def _is_validated(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a validation follows this batch; as Lightning, counts batches of all epochs or of one."""
    every_n_epochs, interval = trainer.check_val_every_n_epoch, trainer.val_check_batch
    if not trainer.enable_validation or not interval:
        return False
    if every_n_epochs is not None and (trainer.current_epoch + 1) % every_n_epochs:
        return False
    batches = batch_idx if every_n_epochs is not None else trainer.fit_loop.epoch_loop.total_batch_idx
    return (batches + 1) % interval == 0
