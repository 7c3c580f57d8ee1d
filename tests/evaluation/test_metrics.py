"""Metrics against scikit-learn and a list worked by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from maskrec.evaluation.metrics import (
    area_under_roc,
    best_threshold,
    equal_error_rate,
    error_curve,
    fnmr_at_fmr,
    frr100,
    kfold_accuracy,
    mask_accuracy,
    tar_at_far,
)

# Ties between genuine (g) and impostor (i): 0.9 g, 0.8 g i, 0.5 i, 0.4 g i, 0.1 i
SCORE = torch.tensor([0.9, 0.8, 0.8, 0.5, 0.4, 0.4, 0.1])
GENUINE = torch.tensor([1, 1, 0, 0, 1, 0, 0], dtype=torch.bool)


def random_scores(seed: int, ties: bool) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    is_genuine = torch.rand(2000, generator=generator) < 0.4
    score = torch.randn(2000, generator=generator) + 1.2 * is_genuine
    return (score * 5).round() / 5 if ties else score, is_genuine


def test_error_curve_by_hand() -> None:
    threshold, fmr, fnmr = error_curve(SCORE, GENUINE)
    torch.testing.assert_close(threshold, torch.tensor([math.inf, 0.9, 0.8, 0.5, 0.4, 0.1]).double())
    torch.testing.assert_close(fmr, torch.tensor([0, 0, 1, 2, 3, 4]).double() / 4)
    torch.testing.assert_close(fnmr, torch.tensor([3, 2, 1, 1, 0, 0]).double() / 3)


def test_metrics_by_hand() -> None:
    # 12 pairs of scores: the genuine one wins 4 + 3 + 1 times, and ties twice.
    assert area_under_roc(SCORE, GENUINE) == pytest.approx((4 + 3 + 1 + 2 * 0.5) / 12)
    # From (FMR, FNMR) = (1/4, 1/3) to (2/4, 1/3): they meet at 1/3.
    assert equal_error_rate(SCORE, GENUINE) == pytest.approx(1 / 3)
    assert tar_at_far(SCORE, GENUINE, 0.2) == pytest.approx(1 / 3)
    assert tar_at_far(SCORE, GENUINE, 0.25) == pytest.approx(2 / 3)
    assert fnmr_at_fmr(SCORE, GENUINE, 0.25) == pytest.approx(1 / 3)
    # Accepting 0.9 alone and accepting 0.8 too are both right 5 times of 7: the lower threshold, half-way to 0.5.
    assert best_threshold(SCORE, GENUINE) == pytest.approx(0.65)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int, ties: bool) -> None:
    score, is_genuine = random_scores(seed, ties)
    assert area_under_roc(score, is_genuine) == pytest.approx(roc_auc_score(is_genuine, score), abs=1e-12)
    fpr, tpr, thresholds = roc_curve(is_genuine, score, drop_intermediate=False)
    threshold, fmr, fnmr = error_curve(score, is_genuine)
    np.testing.assert_allclose(fmr, fpr, atol=1e-12)
    np.testing.assert_allclose(1 - fnmr, tpr, atol=1e-12)
    np.testing.assert_allclose(threshold, thresholds, rtol=1e-6)
    for far in (0.3, 0.05, 0.001):
        assert tar_at_far(score, is_genuine, far) == pytest.approx(tpr[fpr <= far].max(), abs=1e-12)
    crossing = np.interp(0, fpr - (1 - tpr), fpr)
    assert equal_error_rate(score, is_genuine) == pytest.approx(crossing, abs=1e-12)


def test_kfold_accuracy_against_brute_force() -> None:
    score, is_genuine = random_scores(7, ties=True)
    fold = torch.arange(2000) % 10
    accuracies = []
    for held_out in range(10):
        train, test = fold != held_out, fold == held_out
        values = np.unique(score[train].numpy().astype(np.float64))
        candidates = [-np.inf, *((values[1:] + values[:-1]) / 2), np.inf]
        right = [np.mean((score[train].numpy() >= t) == is_genuine[train].numpy()) for t in candidates]
        chosen = candidates[int(np.argmax(right))]  # the first, so the lowest
        accuracies.append(np.mean((score[test].numpy() >= chosen) == is_genuine[test].numpy()))
    mean, deviation = kfold_accuracy(score, is_genuine, fold)
    assert mean == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert deviation == pytest.approx(np.std(accuracies), abs=1e-12)


def test_frr100_stays_strictly_below_one_per_cent() -> None:
    # 100 impostor pairs: accepting the highest gives an FMR of exactly 1 %, too much for FRR100.
    score = torch.cat([torch.tensor([3.0, 1.0]), torch.full((99,), 0.0), torch.tensor([2.0])])
    is_genuine = torch.arange(102) < 2
    assert frr100(score, is_genuine) == 0.5
    assert fnmr_at_fmr(score, is_genuine, 0.01) == 0


def test_kfold_accuracy_of_distances_is_that_of_their_order() -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = torch.nn.functional.normalize(torch.randn(2, 500, 8, generator=generator), dim=2)
    is_genuine = torch.arange(500) % 2 == 0
    second = torch.where(is_genuine.unsqueeze(1), torch.nn.functional.normalize(first + 0.8 * second, dim=1), second)
    fold = torch.arange(500) // 50
    cosine, distance = (first * second).sum(dim=1).double(), (first.double() - second.double()).norm(dim=1)
    accuracy, _ = kfold_accuracy(-distance, is_genuine, fold)
    # An independent run over distances: the threshold of least errors lies between two distances of the other folds.
    right = 0
    for held_out in range(10):
        train = fold != held_out
        values = distance[train].sort().values
        candidates = (values[1:] + values[:-1]) / 2
        errors = ((distance[train] <= candidates.unsqueeze(1)) != is_genuine[train]).sum(dim=1)
        chosen = candidates[(errors == errors.min()).nonzero()[-1]]  # the most tolerant of equally good ones
        right += int(((distance[~train] <= chosen) == is_genuine[~train]).sum())
    assert accuracy == right / 500
    # Of unit rows the cosine falls as the distance grows; thresholds half-way differ between the two a little.
    assert accuracy == pytest.approx(kfold_accuracy(cosine, is_genuine, fold)[0], abs=0.01)


def test_a_weight_counts_a_pair_so_often() -> None:
    score, is_genuine = random_scores(5, ties=True)
    times = torch.randint(0, 4, (3, 2000), generator=torch.Generator().manual_seed(1))
    weighted = error_curve(score, is_genuine, times)
    for draw in range(3):
        repeated = error_curve(score.repeat_interleave(times[draw]), is_genuine.repeat_interleave(times[draw]))
        assert float(weighted.area()[draw]) == pytest.approx(float(repeated.area()), abs=1e-12)
        assert float(weighted.equal_error_rate()[draw]) == pytest.approx(float(repeated.equal_error_rate()), abs=1e-12)
        assert float(weighted.fnmr_at_fmr(0.1)[draw]) == pytest.approx(float(repeated.fnmr_at_fmr(0.1)), abs=1e-12)


def test_mask_accuracy_by_hand() -> None:
    probability = torch.tensor([0.5, 0.4, 0.9, 0.1])
    assert mask_accuracy(probability, torch.tensor([True, True, True, False])) == 0.75


def test_useless_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 7 scores are NaN"):
        error_curve(SCORE.clone().index_fill(0, torch.tensor([2]), math.nan), GENUINE)
    with pytest.raises(ValueError, match="at least 2 folds, got 1"):
        kfold_accuracy(SCORE, GENUINE, torch.zeros(7))
    with pytest.raises(ValueError, match="genuine and impostor pairs, got 3 and 0"):
        error_curve(SCORE[GENUINE], GENUINE[GENUINE])
