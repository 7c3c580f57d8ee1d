"""Identification metrics: ranks, CMC, mean average precision, 1-of-N precision.

P: probes, G: gallery faces, S: steps. Scores are higher for more alike faces.
"""

import torch
from torch import Tensor

from maskrec.evaluation.metrics.curve import ScoreError


def rank_and_average_precision(score: Tensor, is_genuine: Tensor) -> tuple[Tensor, Tensor]:
    """How well each probe finds the gallery faces of its identity.

    Ties count against the method. The rank is 1 + the number of wrong faces that score at least as high as the best
    right one. The average precision is the mean over right faces of the precision at their score, where all faces
    of one score are found together: that of `sklearn.metrics.average_precision_score`.

    Args:
        score: (P, G).
        is_genuine: (P, G) bool, whether the gallery face is of the probe's identity.

    Returns:
        rank, (P,) int64, 1 = first, and average precision, (P,) float64.

    Raises:
        ScoreError: A probe has no right face in the gallery, or a score is NaN.
    """
    mates = is_genuine.sum(dim=1, keepdim=True)
    if not mates.all():
        raise ScoreError(f"{int((mates == 0).sum())} of {len(score)} probes have no face in the gallery")
    if score.amin().isnan():  # amin hands NaN on
        raise ScoreError(f"{int(score.isnan().sum())} of {score.numel()} scores are NaN")
    row, column = is_genuine.nonzero(as_tuple=True)
    slot = torch.arange(len(row), device=score.device) - (mates.cumsum(0) - mates).squeeze(1)[row]
    genuine = score.new_full((len(score), int(mates.max())), torch.inf)
    genuine[row, slot] = score[row, column]
    genuine = genuine.sort(dim=1).values  # rising; beyond the mates +inf

    reached = torch.searchsorted(genuine, score, right=True)  # right faces that score no higher
    found = torch.zeros(len(score), genuine.shape[1] + 1, dtype=torch.int64, device=score.device)
    found.scatter_add_(1, reached, torch.ones((), dtype=torch.int64, device=score.device).expand_as(reached))
    found = found.flip(1).cumsum(1).flip(1)[:, 1:]  # faces that score at least as high as each right one
    right = mates - torch.searchsorted(genuine, genuine)  # right ones among them

    best = mates - 1
    rank = (found - right).gather(1, best).squeeze(1) + 1
    # A running sum, unlike a sum, does not depend on how far the longest row reaches beyond.
    precision = (right.double() / found).cumsum(dim=1).gather(1, best) / mates
    return rank, precision.squeeze(1)


def cumulative_match(rank: Tensor, within: int) -> float:
    """CMC at rank `within`: the share of probes whose best right face ranks there or before.

    Args:
        rank: (P,), 1 = first.
        within: The rank asked for.
    """
    return float((rank <= within).double().mean())


def first_of_n(authentic: Tensor, impostors: Tensor) -> Tensor:
    """Whether the authentic probe ranks first in each step, (S,) bool; a tie counts against it.

    Args:
        authentic: (S,) scores.
        impostors: (S, N - 1) scores.

    Raises:
        ScoreError: There is no step or no impostor, or a score is NaN.
    """
    if impostors.numel() == 0:
        raise ScoreError(f"1-of-N precision needs steps and impostors, got {tuple(impostors.shape)}")
    unusable = int(authentic.isnan().sum() + impostors.isnan().sum())
    if unusable:
        raise ScoreError(f"{unusable} of {authentic.numel() + impostors.numel()} scores are NaN")
    return authentic > impostors.amax(dim=1)
