"""Pictures of what a run sees."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import torch

from maskrec.callbacks import PictureGrid
from maskrec.types import FaceBatch


class TrainerStub:
    is_global_zero = True
    datamodule = None
    loggers: tuple[Any, ...] = ()


def batch(is_masked: list[bool], grey: float) -> FaceBatch:
    count = len(is_masked)
    image = torch.full((count, 3, 8, 8), grey)
    landmarks = torch.full((count, 96, 2), torch.nan)
    return FaceBatch(image, torch.zeros(count), torch.tensor(is_masked), torch.arange(count), landmarks)


def test_masked_faces_are_shown_once_there_are_enough(tmp_path: Path) -> None:
    grid: Any = PictureGrid(str(tmp_path), faces=4, columns=2)
    picture = tmp_path / "test_0_masked.png"
    grid.on_test_batch_start(TrainerStub, None, batch([False] * 5 + [True], -1.0), 0)
    assert not picture.exists()
    grid.on_test_batch_start(TrainerStub, None, batch([True] * 6, 1.0), 1)
    shown = cv2.imread(str(picture))
    assert shown.shape == (22, 22, 3)  # 2 x 2 faces of 8 pixels, 2 pixels between and around
    assert (shown[4, 4] == 255).all()
    grid.on_test_batch_start(TrainerStub, None, batch([True] * 6, -1.0), 2)
    assert (cv2.imread(str(picture)) == shown).all()  # the first stays


def test_the_first_training_batch(tmp_path: Path) -> None:
    grid: Any = PictureGrid(str(tmp_path), faces=4, columns=2)
    grid.on_train_batch_start(TrainerStub, None, batch([False] * 6, 0.0), 0)
    assert cv2.imread(str(tmp_path / "training_batch.png"))[4, 4].tolist() == [128, 128, 128]


def test_paired_faces_stand_side_by_side(tmp_path: Path) -> None:
    trainer: Any = TrainerStub()
    trainer.datamodule = SimpleNamespace(paired=True)
    grid: Any = PictureGrid(str(tmp_path), faces=4, columns=4)
    images = torch.tensor([-1.0, -0.5, 0.5, 1.0]).view(4, 1, 1, 1).expand(4, 3, 8, 8)  # two without masks, two with
    grid.on_train_batch_start(trainer, None, batch([False, False, True, True], 0.0)._replace(image=images), 0)
    shown = cv2.imread(str(tmp_path / "training_batch.png"))
    assert [int(shown[4, 4 + 10 * column, 0]) for column in range(4)] == [0, 191, 64, 255]
