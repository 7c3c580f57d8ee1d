"""Confidence intervals by bootstrap over identities.

Faces of one identity resemble each other, so pairs are no independent draws, but identities are. Identities are
drawn with replacement, as many as there are. A probe or a genuine pair then counts as often as its identity was drawn
(the subsets bootstrap: Bolle, Ratha and Pankanti, "Error analysis of pattern recognition systems", CVIU 2004), an
impostor pair as often as the product of its two identities (the vertex bootstrap: Snijders and Borgatti,
"Non-parametric standard errors and tests for network statistics", Connections 1999; two draws of one identity are
not compared). N: items (pairs or probes), D: draws.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

DRAWS = 1000
WEIGHTS_AT_ONCE = 2**18
TAIL = 0.025  # of either side of a 95 % interval


def bootstrap_weights(items: int, identities: Sequence[Tensor] = (), seed: int = 0) -> Iterator[Tensor]:
    """How often each item counts in each draw, DRAWS in all, some at a time: (some, N) float64.

    Args:
        items: N.
        identities: Of each item, (N,): one tensor for probes, two for pairs; none: the items themselves are drawn.
        seed: Of the draws.
    """
    labels = torch.cat(list(identities)) if identities else torch.arange(items)
    drawable, label = labels.unique(return_inverse=True)
    generator = torch.Generator().manual_seed(seed)
    for some in torch.arange(DRAWS).split(max(1, WEIGHTS_AT_ONCE // max(items, len(drawable)))):
        drawn = torch.randint(len(drawable), (len(some), len(drawable)), generator=generator)
        times = torch.zeros(drawn.shape, dtype=torch.float64)
        times.scatter_add_(1, drawn, torch.ones((), dtype=torch.float64).expand_as(drawn))
        first, *others = label.split(items)
        weight = times[:, first]
        for second in others:
            weight = torch.where(first == second, weight, weight * times[:, second])
        yield weight


def bootstrap_means(
    value: Tensor, identities: Sequence[Tensor] = (), size: Tensor | None = None, seed: int = 0
) -> Tensor:
    """The means of `value` in each draw.

    Args:
        value: (N, M), M kinds of values.
        identities: As for `bootstrap_weights`.
        size: (N,) what each value is the sum of; default: 1.
        seed: Of the draws.

    Returns:
        (D, M) float64; NaN where a draw has no item.
    """
    size = torch.ones(len(value)) if size is None else size
    means = [
        weight @ value.double() / (weight @ size.double()).unsqueeze(1)
        for weight in bootstrap_weights(len(value), identities, seed)
    ]
    return torch.cat(means)


def percentile_interval(draws: Tensor) -> tuple[float, float]:
    """The middle 95 % of a metric's draws, (D,); draws that have no number, NaN, are left out."""
    low, high = draws.nanquantile(draws.new_tensor([TAIL, 1 - TAIL])).tolist()
    return low, high


def paired_difference(
    first: Tensor, second: Tensor, identities: Sequence[Tensor] = (), seed: int = 0
) -> tuple[float, float, float, float]:
    """Whether two runs differ on the same pairs or probes.

    Args:
        first: (N,) what the first run made of each item: right or wrong, an average precision.
        second: (N,) the same of the second run.
        identities: As for `bootstrap_weights`.
        seed: Of the draws.

    Returns:
        Mean of `first` minus mean of `second`, its 95 % interval, and the two-sided p of no difference: twice the
        smaller share of draws on either side of 0, (1 + r) / (1 + D) (Davison and Hinkley, "Bootstrap Methods and
        their Application", 1997, §4.2).
    """
    difference = first.double() - second.double()
    means = bootstrap_means(difference.unsqueeze(1), identities, seed=seed).squeeze(1)
    means = means[~means.isnan()]
    beyond = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (1 + beyond) / (1 + len(means)))
    return float(difference.mean()), *percentile_interval(means), p
