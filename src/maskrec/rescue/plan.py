"""How many steps fit into the minutes that were asked for, by taking a few."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from maskrec.callbacks import FreezeBackbone, StepSeed
from maskrec.data.detection import detect_landmarks
from maskrec.errors import UserError

REHEARSED, LEFT_OUT = 12, 4  # steps taken, of which the first are slow: memory is asked for, loaders start
FEWEST = 20  # steps worth taking
TESTED = 64  # faces embedded to time a test
AFTER = 60  # seconds for starting, the page with its pictures, and the files
SLACK = 1.1  # what a machine that is not quiet takes longer


class Plan(NamedTuple):
    """Where the time goes; all in seconds but the steps."""

    epochs: int
    batches: int
    """Of an epoch: all, or as many as make the steps even."""
    step: float
    tests: float
    before: float

    @property
    def options(self) -> list[str]:
        """For the experiment: its epochs end with the run, and the learning rate with them."""
        return [f"--trainer.max_epochs={self.epochs}", f"--trainer.limit_train_batches={self.batches}"]

    def summary(self) -> str:
        """In a line."""
        return (
            f"{self.epochs} x {self.batches:,} steps of {self.step:.2f} s, after {self.before:.0f} s so far, with"
            f" {self.tests:.0f} s for tests"
        )


class StepClock(Callback):
    """Notes when each step begins."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Now."""
        self.starts.append(time.monotonic())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The end of the last one."""
        self.starts.append(time.monotonic())

    def seconds(self) -> float:
        """Of a step, on average, without the first ones."""
        kept = self.starts[min(LEFT_OUT, len(self.starts) - 2) :]
        return (kept[-1] - kept[0]) / (len(kept) - 1)


def prepare(data: Any, say: Callable[[str], None]) -> None:
    """Align faces that are not, and detect the landmarks that masks need; what was done before is passed over.

    Args:
        data: A `FaceFolder` with its test sets.
        say: Takes a line.
    """
    data.align()
    roots = [data.training_rows().root]
    roots += [faces.folder() for faces in data.test_sets if faces.masking is not None]
    for root in dict.fromkeys(roots):
        say(detect_landmarks(root).summary())


def make_plan(cli: Any, minutes: float, started: float) -> Plan:
    """Take a few steps, embed a few faces, and divide what is left of the time.

    Args:
        cli: The experiment, built to take `REHEARSED` steps; it is of no use afterwards.
        minutes: In all, tests and files included.
        started: By `time.monotonic`.

    Raises:
        UserError: Hardly any step fits.
    """
    trainer, model, data = cli.trainer, cli.model, cli.datamodule
    clock = StepClock()
    trainer.callbacks = [kept for kept in trainer.callbacks if isinstance(kept, FreezeBackbone | StepSeed)] + [clock]
    trainer.loggers = []
    trainer.fit(model, datamodule=data)
    rows = sum(len(faces.faces(data.image_size)) for faces in data.test_sets)
    tests = SLACK * rows * _seconds_a_face(model, data.image_size)
    before = time.monotonic() - started
    step = SLACK * clock.seconds()
    steps = int((60 * minutes - before - tests - AFTER) / step)
    if steps < FEWEST:
        needed = (before + tests + AFTER + FEWEST * step) / 60
        raise UserError(
            f"--minutes {minutes:g}: leaves no time to train, for tests take {tests / 60:.1f} minutes and all before"
            f" {before / 60:.1f}; say {math.ceil(needed)} at least, or test on fewer faces"
        )
    whole = int(trainer.num_training_batches)
    epochs = math.ceil(steps / whole)
    if epochs > trainer.max_epochs > 0:
        return Plan(trainer.max_epochs, whole, step, tests, before)
    return Plan(epochs, steps // epochs, step, tests, before)


@torch.inference_mode()
def _seconds_a_face(model: Any, size: tuple[int, int]) -> float:
    """For the templates of both networks."""
    images = torch.zeros(TESTED, 3, *size, device=model.device)
    model.eval().embed(images[:8])
    start = time.monotonic()
    model.embed(images)
    return 2 * (time.monotonic() - start) / TESTED
