"""Checkpoints that survive a kill."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, tiny_faces

from maskrec.callbacks import AtomicCheckpointIO, GoodCheckpoints, StepSeed
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
