"""Ranks and average precision against scikit-learn, torchmetrics and a list worked by hand."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor
from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP

from maskrec.evaluation.metrics import ScoreError, cumulative_match, first_of_n, rank_and_average_precision


def table(seed: int, ties: bool) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    is_genuine = torch.rand(40, 60, generator=generator) < 0.1
    is_genuine[:, 7] = True
    score = torch.randn(40, 60, generator=generator) + is_genuine
    return (score * 2).round() / 2 if ties else score, is_genuine


def test_by_hand() -> None:
    # 0.9 wrong, 0.8 right and wrong, 0.5 right: the right one at 0.8 shares its place with a wrong one.
    score = torch.tensor([[0.8, 0.9, 0.5, 0.8], [0.1, 0.1, 0.1, 0.1]])
    is_genuine = torch.tensor([[True, False, True, False], [False, False, False, True]])
    rank, precision = rank_and_average_precision(score, is_genuine)
    assert rank.tolist() == [3, 4]
    torch.testing.assert_close(precision, torch.tensor([(1 / 3 + 2 / 4) / 2, 1 / 4]).double())
    assert cumulative_match(rank, 2) == 0
    assert cumulative_match(rank, 3) == 0.5
    assert cumulative_match(rank, 5) == 1


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn_and_brute_force(seed: int, ties: bool) -> None:
    score, is_genuine = table(seed, ties)
    rank, precision = rank_and_average_precision(score, is_genuine)
    expected = [average_precision_score(g, s) for g, s in zip(is_genuine.numpy(), score.numpy(), strict=True)]
    torch.testing.assert_close(precision, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    for probe in range(len(score)):
        best = max(float(s) for s, g in zip(score[probe], is_genuine[probe], strict=True) if g)
        assert rank[probe] == 1 + sum(
            float(s) >= best and not g for s, g in zip(score[probe], is_genuine[probe], strict=True)
        )


def test_against_torchmetrics() -> None:
    score, is_genuine = table(4, ties=False)  # torchmetrics orders ties by chance
    rank, precision = rank_and_average_precision(score, is_genuine)
    score = score.exp()  # torchmetrics takes no score at or below 0 for a hit
    query = torch.arange(40).unsqueeze(1).expand(40, 60).flatten()
    expected = RetrievalMAP()(score.flatten(), is_genuine.flatten(), indexes=query)
    assert float(precision.mean()) == pytest.approx(float(expected), abs=1e-6)
    for within in (1, 5, 10):
        expected = RetrievalHitRate(top_k=within)(score.flatten(), is_genuine.flatten(), indexes=query)
        assert cumulative_match(rank, within) == pytest.approx(float(expected), abs=1e-6)


def test_useless_tables_are_refused() -> None:
    score, is_genuine = table(0, ties=False)
    with pytest.raises(ScoreError, match="1 of 40 probes have no face in the gallery"):
        rank_and_average_precision(score, is_genuine.index_fill(0, torch.tensor([3]), False))
    with pytest.raises(ScoreError, match="60 of 2400 scores are NaN"):
        rank_and_average_precision(score.index_fill(0, torch.tensor([3]), math.nan), is_genuine)


def test_first_of_n_counts_a_tie_against() -> None:
    authentic = torch.tensor([0.9, 0.5, 0.4])
    impostors = torch.tensor([[0.1, 0.8], [0.5, 0.2], [0.6, 0.1]])
    assert first_of_n(authentic, impostors).tolist() == [True, False, False]
    with pytest.raises(ScoreError, match="needs steps and impostors"):
        first_of_n(authentic, impostors[:, :0])
    with pytest.raises(ScoreError, match="1 of 9 scores are NaN"):
        first_of_n(torch.tensor([0.9, math.nan, 0.4]), impostors)
