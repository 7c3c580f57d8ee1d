"""The error curve of more impostor scores than can be held: exact, from scores that come in chunks.

FNMR changes only at genuine scores, so the curve is straight between the operating points just at and just above
them. To count the impostor scores there is enough, and genuine scores are few.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from maskrec.evaluation.metrics.curve import ErrorCurve, ScoreError


def thresholds_of(genuine: Tensor) -> Tensor:
    """(E,) rising: every genuine score, (N,), and the next number above it."""
    thresholds: Tensor = torch.cat([genuine, genuine.nextafter(genuine.new_tensor(torch.inf))]).unique()
    return thresholds


def count_at_least(chunks: Iterable[Tensor], thresholds: Tensor) -> Tensor:
    """How many scores there are at or above each threshold.

    Args:
        chunks: Scores, of any shape; each chunk is let go before the next is asked for.
        thresholds: (E,) rising, each once, of the scores' type, on the CPU.

    Returns:
        (E,) int64.

    Raises:
        ScoreError: A score is NaN.
    """
    counts = torch.zeros(len(thresholds) + 1, dtype=torch.int64)
    for chunk in chunks:
        if chunk.amin().isnan():  # amin hands NaN on
            raise ScoreError(f"{int(chunk.isnan().sum())} of {chunk.numel()} scores are NaN")
        interval = torch.bucketize(chunk.flatten(), thresholds.to(chunk.device), right=True, out_int32=True)
        counts += interval.bincount(minlength=len(counts)).cpu()
    return counts[1:].flip(0).cumsum(0).flip(0)


def counted_curve(thresholds: Tensor, genuine: Tensor, impostors_at_least: Tensor, impostors: int) -> ErrorCurve:
    """The exact curve at `thresholds`, and where everything is rejected and everything accepted.

    Args:
        thresholds: (E,) rising, those of `thresholds_of` among them.
        genuine: (N,) scores.
        impostors_at_least: (E,) int64, how many impostor scores reach each threshold.
        impostors: How many there are.
    """
    genuine_below = torch.searchsorted(genuine.sort().values, thresholds)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    fmr = (impostors_at_least.double() / impostors).flip(0)
    fnmr = (genuine_below.double() / len(genuine)).flip(0)
    return ErrorCurve(
        torch.cat([zero + torch.inf, thresholds.double().flip(0), zero - torch.inf]),
        torch.cat([zero, fmr, one]),
        torch.cat([one, fnmr, zero]),
    )
