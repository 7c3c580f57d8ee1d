"""Verification metrics as pure functions of scores (higher = more alike) and truth.

N: pairs. Every function takes `score` (N,) and `is_genuine` (N,) bool, is exact (no grid of thresholds), and
accepts a pair when score >= threshold, so tied scores are accepted or rejected together.
"""

import torch
from torch import Tensor


def error_curve(score: Tensor, is_genuine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All operating points, from rejecting everything to accepting everything.

    Returns:
        (threshold, fmr, fnmr), each (T,) float64 with T = distinct scores + 1: FMR is the share of impostor
        pairs accepted, FNMR the share of genuine pairs rejected (ISO/IEC 19795-1). Thresholds fall from +inf.

    Raises:
        ValueError: There is no genuine or no impostor pair, or a score is NaN.
    """
    if score.isnan().any():
        raise ValueError(f"{int(score.isnan().sum())} of {len(score)} scores are NaN")
    genuine, impostor = int(is_genuine.sum()), int((~is_genuine).sum())
    if genuine == 0 or impostor == 0:
        raise ValueError(f"verification needs genuine and impostor pairs, got {genuine} and {impostor}")
    score, order = score.double().sort(descending=True)
    accepted_genuine = is_genuine[order].cumsum(0)
    accepted = torch.arange(1, len(score) + 1, device=score.device)
    last_of_tie = torch.cat([score[1:] != score[:-1], score.new_ones(1, dtype=torch.bool)])
    accepted_genuine = accepted_genuine[last_of_tie].double()
    accepted_impostor = accepted[last_of_tie].double() - accepted_genuine
    zero = score.new_zeros(1)
    threshold = torch.cat([score.new_full((1,), torch.inf), score[last_of_tie]])
    fmr = torch.cat([zero, accepted_impostor / impostor])
    fnmr = torch.cat([zero + 1, 1 - accepted_genuine / genuine])
    return threshold, fmr, fnmr


def area_under_roc(score: Tensor, is_genuine: Tensor) -> float:
    """Area under the ROC curve: P(genuine score > impostor score), ties counted half."""
    _, fmr, fnmr = error_curve(score, is_genuine)
    return float(torch.trapezoid(1 - fnmr, fmr))


def equal_error_rate(score: Tensor, is_genuine: Tensor) -> float:
    """The error rate where FMR = FNMR, on the straight line between the two operating points that enclose it."""
    _, fmr, fnmr = error_curve(score, is_genuine)
    difference = fmr - fnmr  # rises from -1 to 1
    after = int((difference >= 0).nonzero()[0])
    before = after - 1
    share = -difference[before] / (difference[after] - difference[before])
    return float(fmr[before] + share * (fmr[after] - fmr[before]))


def tar_at_far(score: Tensor, is_genuine: Tensor, far: float) -> float:
    """True accept rate (1 - FNMR) at the largest FMR that does not exceed `far`."""
    _, fmr, fnmr = error_curve(score, is_genuine)
    return float(1 - fnmr[fmr <= far].min())


def best_threshold(score: Tensor, is_genuine: Tensor) -> float:
    """The threshold of highest accuracy: midway between two scores; the lowest of several equally good ones."""
    threshold, fmr, fnmr = error_curve(score, is_genuine)
    genuine = is_genuine.double().mean()
    accuracy = (1 - fnmr) * genuine + (1 - fmr) * (1 - genuine)
    best = int((accuracy >= accuracy.max() - 1e-12).nonzero()[-1])
    if best == len(threshold) - 1:
        return float(threshold[best])  # accept everything
    if best == 0:
        return torch.inf  # reject everything
    return float((threshold[best] + threshold[best + 1]) / 2)


def kfold_accuracy(score: Tensor, is_genuine: Tensor, fold: Tensor) -> tuple[float, float]:
    """Accuracy on each fold at the threshold found on the other folds (the LFW protocol).

    Args:
        score: (N,).
        is_genuine: (N,) bool.
        fold: (N,) integer fold of each pair, at least two different.

    Returns:
        Mean and standard deviation (over folds, with n in the denominator) of the accuracy.
    """
    accuracies = []
    for held_out in fold.unique():
        test = fold == held_out
        threshold = best_threshold(score[~test], is_genuine[~test])
        accuracies.append(((score[test].double() >= threshold) == is_genuine[test]).double().mean())
    stacked = torch.stack(accuracies)
    return float(stacked.mean()), float(stacked.std(unbiased=False))
