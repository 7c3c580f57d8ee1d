"""Checkpoints that survive a kill."""

from pathlib import Path
from typing import Any

import pytest
import torch

from maskrec.callbacks import AtomicCheckpointIO, StepSeed


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
