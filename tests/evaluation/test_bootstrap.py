"""Intervals: how often an item counts, how wide they are, whether two runs differ."""

import math

import pytest
import torch

from maskrec.evaluation.metrics import bootstrap_means, bootstrap_weights, paired_difference, percentile_interval
from maskrec.evaluation.metrics.bootstrap import DRAWS


def test_an_item_counts_as_often_as_its_identities_are_drawn() -> None:
    first, second = torch.tensor([30, 10, 10, 20]), torch.tensor([30, 20, 30, 20])
    # The items 0 and 3 are genuine: they tell how often 30 and 20 were drawn; 10 is the rest of three draws.
    weight = torch.cat(list(bootstrap_weights(4, [first, second])))
    assert weight.shape == (DRAWS, 4)
    thirty, twenty = weight[:, 0], weight[:, 3]
    ten = 3 - thirty - twenty
    torch.testing.assert_close(weight[:, 1], ten * twenty)
    torch.testing.assert_close(weight[:, 2], ten * thirty)
    assert weight.mean(dim=0)[[0, 3]].tolist() == pytest.approx([1, 1], abs=0.1)
    probes = torch.cat(list(bootstrap_weights(4, [first])))
    torch.testing.assert_close(probes[:, 1], probes[:, 2])
    torch.testing.assert_close(probes[:, 0] + probes[:, 1] + probes[:, 3], torch.full((DRAWS,), 3.0).double())


def test_an_interval_is_as_wide_as_theory_says() -> None:
    is_right = torch.rand(2000, generator=torch.Generator().manual_seed(0)) < 0.8
    mean = float(is_right.double().mean())
    low, high = percentile_interval(bootstrap_means(is_right.unsqueeze(1)).squeeze(1))
    expected = 2 * 1.96 * math.sqrt(mean * (1 - mean) / 2000)
    assert low < mean < high
    assert high - low == pytest.approx(expected, rel=0.1)
    # Ten equal probes an identity say no more than one.
    identity = torch.arange(2000)
    draws = bootstrap_means(is_right.repeat_interleave(10).unsqueeze(1), [identity.repeat_interleave(10)])
    low, high = percentile_interval(draws.squeeze(1))
    assert high - low == pytest.approx(expected, rel=0.1)


def test_sums_by_identity_give_the_means_of_their_items() -> None:
    value = torch.rand(30, 2, generator=torch.Generator().manual_seed(2))
    identity = torch.arange(30) // 5 % 4
    sums = torch.zeros(4, 2).index_add_(0, identity, value)
    by_identity = bootstrap_means(sums, size=identity.bincount(), seed=9)
    torch.testing.assert_close(by_identity, bootstrap_means(value, [identity], seed=9), rtol=1e-6, atol=1e-6)


def test_paired_difference() -> None:
    generator = torch.Generator().manual_seed(1)
    first = torch.rand(1000, generator=generator) < 0.8
    identity = torch.arange(1000) % 300
    assert paired_difference(first, first, [identity]) == (0, 0, 0, 1)
    worse = first & (torch.rand(1000, generator=generator) < 0.95)
    difference, low, high, p = paired_difference(first, worse, [identity])
    assert difference == pytest.approx(float((first.double() - worse.double()).mean()))
    assert 0 < low < difference < high
    assert p == pytest.approx(2 / (DRAWS + 1))
    back = paired_difference(worse, first, [identity])
    assert back == pytest.approx((-difference, -high, -low, p))
    # Two coins differ by chance alone.
    coins = torch.rand(2, 400, generator=generator) < 0.5
    _, low, high, p = paired_difference(coins[0], coins[1])
    assert low < 0 < high
    assert p > 0.05
