"""The counted error curve is that of all scores together."""

import math

import pytest
import torch

from maskrec.evaluation.metrics import (
    ErrorCurve,
    ScoreError,
    count_at_least,
    counted_curve,
    error_curve,
    thresholds_of,
)


def scores(seed: int, ties: bool) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    genuine, impostor = torch.randn(300, generator=generator) + 1, torch.randn(20_000, generator=generator)
    return ((genuine * 4).round() / 4, (impostor * 4).round() / 4) if ties else (genuine, impostor)


def counted(genuine: torch.Tensor, impostor: torch.Tensor, chunk: int) -> ErrorCurve:
    thresholds = thresholds_of(genuine)
    return counted_curve(thresholds, genuine, count_at_least(impostor.split(chunk), thresholds), len(impostor))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("chunk", [7, 4096, 20_000])
def test_metrics_equal_those_of_the_whole_list(ties: bool, chunk: int) -> None:
    genuine, impostor = scores(chunk, ties)
    curve = counted(genuine, impostor, chunk)
    whole = error_curve(torch.cat([genuine, impostor]), torch.arange(20_300) < 300)
    assert float(curve.area()) == pytest.approx(float(whole.area()), abs=1e-12)
    assert float(curve.equal_error_rate()) == pytest.approx(float(whole.equal_error_rate()), abs=1e-12)
    assert float(curve.frr100()) == pytest.approx(float(whole.frr100()), abs=1e-12)
    for fmr in (0.3, 1e-2, 1e-3, 1e-4, 5e-5):
        assert float(curve.fnmr_at_fmr(fmr)) == pytest.approx(float(whole.fnmr_at_fmr(fmr)), abs=1e-12)


def test_counts_by_hand() -> None:
    # A genuine 2 ties with one impostor score; just above it there is one.
    thresholds = thresholds_of(torch.tensor([2.0, 0.0]))
    assert count_at_least([torch.tensor([[3.0, 2.0], [1.0, -1.0]])], thresholds).tolist() == [3, 3, 2, 1]


def test_nan_is_refused() -> None:
    genuine, impostor = scores(0, ties=False)
    impostor[5] = math.nan
    with pytest.raises(ScoreError, match="1 of 1000 scores are NaN"):
        counted(genuine, impostor, 1000)
