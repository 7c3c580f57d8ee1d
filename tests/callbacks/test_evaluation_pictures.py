"""Pictures of what a test found."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from maskrec.callbacks import EvaluationPictures, evaluation_pictures, pictures
from maskrec.callbacks.evaluation_pictures import FRAME, GAP, search_rows
from maskrec.evaluation import Evaluation, Identification, ProtocolResult, Verification
from maskrec.methods import FaceClassifier
from maskrec.types import FaceBatch

SIZE = 32


class Faces(Sequence[FaceBatch]):
    """Noise, but for the first face, which is white."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, row: Any) -> FaceBatch:
        generator = torch.Generator().manual_seed(row)
        image = torch.randint(256, (3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
        return FaceBatch(torch.full_like(image, 255) if row == 0 else image, *[torch.tensor(row)] * 4)


class Set:
    def __init__(self, **protocols: Any) -> None:
        self.protocols = protocols

    def evaluation(self) -> Evaluation:
        return Evaluation("lfw", 8, self.protocols)

    def faces(self, image_size: tuple[int, int]) -> Faces:
        return Faces()


class DataStub:
    image_size = (SIZE, SIZE)

    def __init__(self, *sets: Set) -> None:
        self.sets = sets

    def evaluation_sets(self, stage: str) -> Sequence[Set]:
        return self.sets


class Precision:
    @contextlib.contextmanager
    def forward_context(self) -> Iterator[None]:
        yield


class TrainerStub:
    is_global_zero = True
    fast_dev_run = False
    precision_plugin = Precision()

    def __init__(self, *sets: Set, loggers: Sequence[Any] = ()) -> None:
        self.datamodule = DataStub(*sets)
        self.loggers = loggers


IDENTITY = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
ROWS = torch.arange(0, 8, 2)
PAIRS = Verification(ROWS, ROWS + 1, torch.tensor([False, True, True, False]), torch.tensor([0, 0, 1, 1]))
SEARCH = Identification(ROWS, ROWS + 1, IDENTITY)
FOUND = ProtocolResult(
    {}, arrays={"top_probe": np.array([0, 2, 4, 6]), "top": np.array([[1, 3], [5, 3], [5, 7], [1, 3]])}
)


def method(results: dict[str, ProtocolResult]) -> FaceClassifier:
    torch.manual_seed(0)
    made = FaceClassifier("resnet10t", 16, input_size=(SIZE, SIZE)).eval()
    made.results = results
    return made


def test_frames_say_right_and_wrong() -> None:
    picture = search_rows(Faces(), np.array([0, 2]), np.array([[1, 3], [0, 3]]), IDENTITY.numpy())  # type: ignore[arg-type]
    tile = SIZE + 2 * FRAME + GAP
    assert picture.shape == (3, 2 * tile + GAP, 3 * tile + GAP)
    frames = [[picture[:, GAP + 1 + tile * row, GAP + 1 + tile * column] for column in range(3)] for row in range(2)]
    names = [[("red", "green", "blue")[int(frame.argmax())] for frame in row[1:]] for row in frames]
    assert names == [["green", "red"], ["red", "green"]]
    assert (frames[0][0] == frames[0][0][0]).all()  # the probe's: grey
    inside = picture[:, GAP + FRAME : GAP + FRAME + SIZE, GAP + FRAME : GAP + FRAME + SIZE]
    assert (inside == 1).all()  # the white face, to its edge


def test_a_test_leaves_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Logger:
        logged: list[tuple[str, list[str]]] = []  # noqa: RUF012

        def log_image(self, key: str, images: list[str]) -> None:
            self.logged.append((key, images))

    monkeypatch.setattr(pictures, "WandbLogger", Logger)
    one = Set(unmasked_unmasked=PAIRS, unmasked_masked=PAIRS, unmasked_masked_search=SEARCH)
    trainer: Any = TrainerStub(one, loggers=[Logger()])
    made = method({"lfw/unmasked_masked_search": FOUND})
    callback = EvaluationPictures(str(tmp_path / "pictures"), searches=3)
    with torch.inference_mode():
        callback.on_test_end(trainer, made)
    files = sorted(path.stem for path in (tmp_path / "pictures").iterdir())
    assert files == ["lfw_saliency", "lfw_unmasked_masked_search_best"]
    rows = cv2.imread(str(tmp_path / "pictures" / "lfw_unmasked_masked_search_best.png"))
    assert rows.shape == (3 * (SIZE + 2 * FRAME + GAP) + GAP, 3 * (SIZE + 2 * FRAME + GAP) + GAP, 3)
    assert [key for key, _ in Logger.logged] == [f"pictures/{name}" for name in files]
    assert all(Path(image).is_file() for _, images in Logger.logged for image in images)
    assert all(parameter.grad is None for parameter in made.parameters())


def test_what_is_not_there_is_not_shown(tmp_path: Path) -> None:
    impostors = Verification(ROWS, ROWS + 1, torch.zeros(4, dtype=torch.bool), torch.tensor([0, 0, 1, 1]))
    # No genuine pair, and a search without a result, as a test that was cut short leaves it.
    trainer: Any = TrainerStub(Set(unmasked_unmasked=impostors, unmasked_masked_search=SEARCH))
    EvaluationPictures(str(tmp_path)).on_test_end(trainer, method({}))
    assert not list(tmp_path.iterdir())


def test_a_picture_that_fails_spares_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_pictures, "grad_cam", lambda *_: 1 / 0)
    trainer: Any = TrainerStub(Set(unmasked_unmasked=PAIRS))
    with pytest.warns(UserWarning, match="lfw: not all pictures could be drawn: division by zero"):
        EvaluationPictures(str(tmp_path)).on_test_end(trainer, method({}))


def test_one_process_draws(tmp_path: Path) -> None:
    trainer: Any = TrainerStub(Set(unmasked_unmasked=PAIRS))
    trainer.is_global_zero = False
    EvaluationPictures(str(tmp_path)).on_test_end(trainer, method({}))
    assert not list(tmp_path.iterdir())
