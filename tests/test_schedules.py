"""Learning rates over a run."""

import math
from pathlib import Path

import pytest
import torch
from helpers import bare_trainer, tiny_faces

from maskrec.methods import FaceClassifier
from maskrec.schedules import WarmupCosine, WarmupMultiStep


def test_warmup_cosine_by_hand() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = WarmupCosine(optimizer, warmup=0.2)
    schedule.total_steps = 10
    rates = []
    for _ in range(11):
        rates.append(schedule.get_last_lr()[0] / 2)
        optimizer.step()
        schedule.step()
    expected = [0.04, 0.52, *((1 + math.cos(math.pi * step / 8)) / 2 for step in range(9))]
    assert rates == pytest.approx(expected)
    assert rates[-1] == 0


def test_warmup_multi_step_by_hand() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = WarmupMultiStep(optimizer, warmup=0.2, milestones=[0.5, 0.8], gamma=0.1)
    schedule.total_steps = 10
    rates = []
    for _ in range(10):
        rates.append(schedule.get_last_lr()[0] / 2)
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.04, 0.52, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("schedule", [WarmupCosine, WarmupMultiStep])
def test_without_warmup_a_run_begins_at_the_full_rate(schedule: type[WarmupCosine | WarmupMultiStep]) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    assert schedule(optimizer, warmup=0).get_last_lr() == [2.0]


def test_a_run_warms_up_by_step_whatever_is_said(tmp_path: Path) -> None:
    model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32), lr_scheduler=WarmupCosine)
    assert model.lr_interval == "epoch"
    trainer = bare_trainer(tmp_path, max_epochs=2, limit_train_batches=3, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_faces())
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0
