"""Checkpoints that survive a kill."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, tiny_faces
from pytorch_lightning import Callback, Trainer

from maskrec.callbacks import AtomicCheckpointIO, BestCheckpoint, GoodCheckpoints, LastCheckpoint, StepSeed
from maskrec.methods import FaceClassifier


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, writer = tmp_path / "last.ckpt", AtomicCheckpointIO()
    writer.save_checkpoint({"step": 1}, path)

    def half(*args: Any, **kwargs: Any) -> None:
        Path(str(args[1])).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("lightning_fabric.plugins.TorchCheckpointIO.save_checkpoint", lambda self, *args: half(*args))
    with pytest.raises(OSError, match="disk full"):
        writer.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


def test_step_seed_is_a_function_of_seed_epoch_batch_and_rank() -> None:
    class At:
        current_epoch, global_rank = 2, 0

    def draw(seed: int, batch: int, trainer: Any = At) -> float:
        StepSeed(seed).on_train_batch_start(trainer, None, None, batch)  # type: ignore[arg-type]
        return float(torch.rand(()))

    class OtherRank(At):
        global_rank = 1

    assert draw(1, 5) == draw(1, 5)
    assert len({draw(1, 5), draw(2, 5), draw(1, 6), draw(1, 5, OtherRank)}) == 4


@pytest.mark.parametrize(("at_least", "kept"), [(0.0, ["good-2.ckpt", "good-4.ckpt"]), (1.01, [])])
def test_good_checkpoints_are_kept_in_training_alone(at_least: float, kept: list[str], tmp_path: Path) -> None:
    model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
    good = GoodCheckpoints(str(tmp_path / "kept"), "val/auc", at_least)
    options = {"limit_train_batches": 2, "max_epochs": 2, "enable_checkpointing": True}
    trainer = bare_trainer(tmp_path, callbacks=[good], **options)
    trainer.fit(model, datamodule=tiny_faces())
    trainer.validate(model, datamodule=tiny_faces(), verbose=False)
    assert sorted(path.name for path in tmp_path.glob("kept/*")) == kept
    for name in kept:
        content = torch.load(tmp_path / "kept" / name, weights_only=True)
        assert "state_dict" in content
        assert "optimizer_states" not in content


class Seen(Callback):
    """Notes each batch, and copies `last.ckpt` as it is before each batch and before validation."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.batches, self.validations = folder, [], []

    def keep(self, trainer: Trainer, moment: str) -> None:
        if (self.folder / "last.ckpt").is_file():
            shutil.copy(self.folder / "last.ckpt", self.folder / f"{moment}_{trainer.global_step}.ckpt")

    def on_train_batch_start(self, trainer: Trainer, model: Any, batch: Any, batch_idx: int) -> None:
        self.keep(trainer, "batch")
        self.batches.append((trainer.current_epoch, batch_idx, batch.row.tolist()))

    def on_validation_start(self, trainer: Trainer, model: Any) -> None:
        self.keep(trainer, "validation")
        self.validations.append(trainer.global_step)


@pytest.mark.parametrize(
    ("length", "check"),
    [({"max_epochs": 3}, 2), ({"max_epochs": -1, "max_steps": 9}, 1), ({"max_epochs": -1, "max_steps": 9}, 2)],
)
def test_a_run_goes_on_with_the_batch_that_would_have_come(length: Any, check: int, tmp_path: Path) -> None:
    def run(folder: Path, checkpoint: Path | None = None) -> list[tuple[int, int, list[int]]]:
        seen, last = Seen(folder), LastCheckpoint(str(folder), every_n_steps=1)
        options = {"limit_train_batches": 3, "limit_val_batches": 1, "check_val_every_n_epoch": check}
        options |= {"enable_checkpointing": True}
        model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
        trainer = bare_trainer(folder, callbacks=[seen, last], **length, **options)
        trainer.fit(model, datamodule=tiny_faces(), ckpt_path=checkpoint)
        return seen.batches

    whole = run(tmp_path / "whole")
    assert len(whole) == 9
    at_an_end = 3 * check  # killed in the validation that ends an epoch, a run takes the last batch again
    for moment, step, taken in (
        ("batch", 2, 2),
        ("batch", 3, 3),
        ("validation", at_an_end, at_an_end - 1),
        ("batch", 6, 6),
    ):
        kept = tmp_path / "whole" / f"{moment}_{step}.ckpt"
        assert run(tmp_path / "rest", kept) == whole[taken:], (moment, step)
    assert run(tmp_path / "again", tmp_path / "rest" / "batch_7.ckpt") == whole[7:]  # killed a second time


@pytest.mark.parametrize(
    "every", [{"val_check_interval": 2}, {"val_check_interval": 2, "check_val_every_n_epoch": None}]
)
def test_a_run_goes_on_with_the_validation_that_would_have_come(every: Any, tmp_path: Path) -> None:
    def run(folder: Path, checkpoint: Path | None = None) -> list[int]:
        seen, last = Seen(folder), LastCheckpoint(str(folder), every_n_steps=1)
        options = {"limit_train_batches": 5, "limit_val_batches": 1, "max_epochs": 2, "enable_checkpointing": True}
        model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
        bare_trainer(folder, callbacks=[last, seen], **options, **every).fit(
            model, datamodule=tiny_faces(), ckpt_path=checkpoint
        )
        return seen.validations

    whole = run(tmp_path / "whole")
    assert len(whole) == (5 if every.get("check_val_every_n_epoch", 1) is None else 4)
    for step in whole[1:]:  # killed as it validates, and before the next batch
        assert run(tmp_path / "in", tmp_path / "whole" / f"validation_{step}.ckpt") == [v for v in whole if v >= step]
        if (behind := tmp_path / "whole" / f"batch_{step}.ckpt").is_file():  # not behind the last
            assert run(tmp_path / "behind", behind) == [later for later in whole if later > step]


def test_the_last_step_is_scored_and_may_be_the_best(tmp_path: Path) -> None:
    seen, best = Seen(tmp_path), BestCheckpoint(str(tmp_path))
    model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
    options = {"limit_train_batches": 3, "limit_val_batches": 1, "max_epochs": -1, "enable_checkpointing": True}
    bare_trainer(tmp_path, callbacks=[best, seen], max_steps=4, **options).fit(model, datamodule=tiny_faces())
    assert seen.validations == [3, 4]
    assert len(seen.batches) == 4
