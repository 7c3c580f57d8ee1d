"""Learning rates over a run."""

import math

import pytest
import torch

from maskrec.schedules import WarmupCosine


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
