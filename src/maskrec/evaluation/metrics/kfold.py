"""Verification accuracy with the threshold found on other pairs than it is tried on."""

import torch
from torch import Tensor

from maskrec.evaluation.metrics.curve import ScoreError, error_curve


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


def kfold_decisions(score: Tensor, is_genuine: Tensor, fold: Tensor) -> Tensor:
    """(N,) bool, whether each pair is judged rightly at the best threshold of the other folds."""
    is_right, folds = torch.empty_like(is_genuine), fold.unique()
    if len(folds) < 2:
        raise ScoreError(f"the accuracy needs at least 2 folds, got {len(folds)}")
    for held_out in folds:
        test = fold == held_out
        threshold = best_threshold(score[~test], is_genuine[~test])
        is_right[test] = (score[test].double() >= threshold) == is_genuine[test]
    return is_right


def mean_over_folds(is_right: Tensor, fold: Tensor) -> tuple[float, float]:
    """Mean and standard deviation (over folds, with n in the denominator) of the folds' accuracies."""
    accuracy = torch.stack([is_right[fold == number].double().mean() for number in fold.unique()])
    return float(accuracy.mean()), float(accuracy.std(unbiased=False))


def kfold_accuracy(score: Tensor, is_genuine: Tensor, fold: Tensor) -> tuple[float, float]:
    """Accuracy on each fold at the threshold found on the other folds (the LFW protocol).

    Scores may be cosines or negative distances: the accuracy is that of the order alone.

    Args:
        score: (N,).
        is_genuine: (N,) bool.
        fold: (N,) integer fold of each pair, at least two different.

    Returns:
        Mean and standard deviation (over folds, with n in the denominator) of the accuracy.

    Raises:
        ScoreError: There is one fold, the other folds of one have no genuine or no impostor pair, or a score is NaN.
    """
    return mean_over_folds(kfold_decisions(score, is_genuine, fold), fold)
