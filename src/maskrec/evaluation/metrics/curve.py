"""Verification errors as functions of scores (higher = more alike) and truth.

N: pairs, T: operating points. Everything is exact (no grid of thresholds). A pair is accepted when score >=
threshold, so tied scores are accepted or rejected together. FMR is the share of impostor pairs accepted, FNMR the
share of genuine pairs rejected (ISO/IEC 19795-1); papers also say FAR and FRR, and TAR for 1 - FNMR.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class ScoreError(ValueError):
    """Scores no metric can be computed from."""


class ErrorCurve(NamedTuple):
    """Operating points from rejecting everything to accepting everything.

    The metrics have the shape of the rates' leading dimensions: one curve a draw of a bootstrap, for instance.
    """

    threshold: Tensor
    """(T,) falling from +inf."""
    fmr: Tensor
    """(..., T) float64, rising from 0 to 1."""
    fnmr: Tensor
    """(..., T) float64, falling from 1 to 0."""

    def area(self) -> Tensor:
        """Area under the ROC curve: P(genuine score > impostor score), ties counted half."""
        return torch.trapezoid(1 - self.fnmr, self.fmr)

    def equal_error_rate(self) -> Tensor:
        """The rate where FMR = FNMR, on the straight line between the two operating points that enclose it."""
        difference = self.fmr - self.fnmr  # rises from -1 to 1
        after = (difference < 0).sum(dim=-1, keepdim=True).clamp(min=1)
        low, high = difference.gather(-1, after - 1), difference.gather(-1, after)
        fmr = torch.lerp(self.fmr.gather(-1, after - 1), self.fmr.gather(-1, after), low / (low - high))
        return fmr.squeeze(-1)

    def fnmr_at_fmr(self, fmr: float) -> Tensor:
        """FNMR at the largest FMR that does not exceed `fmr`."""
        return self.fnmr.masked_fill(self.fmr > fmr, 1).amin(dim=-1)

    def threshold_at_fmr(self, fmr: float) -> Tensor:
        """The lowest threshold at which FMR does not exceed `fmr`; of one curve."""
        return self.threshold[self.fmr <= fmr][-1]

    def frr100(self) -> Tensor:
        """FNMR at the largest FMR strictly below 1 %."""
        return self.fnmr.masked_fill(self.fmr >= 0.01, 1).amin(dim=-1)


def error_curve(score: Tensor, is_genuine: Tensor, weight: Tensor | None = None) -> ErrorCurve:
    """All operating points, one a distinct score and one that rejects everything.

    Args:
        score: (N,).
        is_genuine: (N,) bool.
        weight: (..., N) how often each pair counts; default: once.

    Raises:
        ScoreError: There is no genuine or no impostor pair, or a score is NaN.
    """
    if score.isnan().any():
        raise ScoreError(f"{int(score.isnan().sum())} of {len(score)} scores are NaN")
    genuine, impostor = int(is_genuine.sum()), int((~is_genuine).sum())
    if genuine == 0 or impostor == 0:
        raise ScoreError(f"verification needs genuine and impostor pairs, got {genuine} and {impostor}")
    score, order = score.double().sort(descending=True)
    last_of_tie = torch.cat([score[1:] != score[:-1], score.new_ones(1, dtype=torch.bool)]).nonzero().squeeze(1)
    weight = torch.ones_like(score) if weight is None else weight.double()[..., order]
    is_genuine = is_genuine[order]

    def share_accepted(weight: Tensor) -> Tensor:
        total = weight.cumsum(dim=-1)
        share = total[..., last_of_tie] / total[..., -1:]
        return torch.cat([torch.zeros_like(share[..., :1]), share], dim=-1)

    threshold = torch.cat([score.new_full((1,), torch.inf), score[last_of_tie]])
    return ErrorCurve(threshold, share_accepted(weight * ~is_genuine), 1 - share_accepted(weight * is_genuine))


def area_under_roc(score: Tensor, is_genuine: Tensor) -> float:
    """`ErrorCurve.area` of the scores, (N,), and truth, (N,) bool."""
    return float(error_curve(score, is_genuine).area())


def equal_error_rate(score: Tensor, is_genuine: Tensor) -> float:
    """`ErrorCurve.equal_error_rate` of the scores, (N,), and truth, (N,) bool."""
    return float(error_curve(score, is_genuine).equal_error_rate())


def fnmr_at_fmr(score: Tensor, is_genuine: Tensor, fmr: float) -> float:
    """`ErrorCurve.fnmr_at_fmr` of the scores, (N,), and truth, (N,) bool."""
    return float(error_curve(score, is_genuine).fnmr_at_fmr(fmr))


def tar_at_far(score: Tensor, is_genuine: Tensor, far: float) -> float:
    """True accept rate (1 - FNMR) at the largest FMR that does not exceed `far`."""
    return 1 - fnmr_at_fmr(score, is_genuine, far)


def frr100(score: Tensor, is_genuine: Tensor) -> float:
    """`ErrorCurve.frr100` of the scores, (N,), and truth, (N,) bool."""
    return float(error_curve(score, is_genuine).frr100())
