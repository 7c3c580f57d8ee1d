"""Which pairs are drawn, on every rank and in the midst of an epoch."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import Draw, PairBatchSampler, StratifiedDraw, UniformDraw

COUNTS = [4, 1, 3, 6, 2, *[5] * 12]  # pictures of each identity: the first five make up a small set of their own
LABELS = np.repeat(np.arange(len(COUNTS)), COUNTS)
SETS = (LABELS >= 5).astype(np.int64)
SHUFFLED = np.random.default_rng(0).permutation(len(LABELS))  # rows need not be sorted


def make(draw: Any = None, seed: int = 5, **options: int) -> PairBatchSampler:
    return PairBatchSampler(LABELS[SHUFFLED], SETS[SHUFFLED], 8, draw or UniformDraw(3), seed=seed, **options)


def couples(batches: list[list[Draw]], size: int = 6) -> list[list[Draw]]:
    return [batch[start : start + size] for batch in batches for start in range(0, len(batch), size)]


def identity(draw: Draw) -> int:
    return int(LABELS[SHUFFLED[draw.row]])


def of_set(draw: Draw) -> int:
    return int(SETS[SHUFFLED[draw.row]])


def epochs(sampler: PairBatchSampler, count: int) -> list[list[Draw]]:
    found = []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        found += list(sampler)
    return found


def test_couples_are_a_genuine_and_an_impostor_pair_of_one_set_each() -> None:
    found = couples(epochs(make(), 40))
    assert len(found) == 40 * (len(LABELS) // 8) * 4
    for reference, probe, other, *impostors in found:
        assert identity(reference) == identity(probe)
        assert reference.row != probe.row
        assert [draw.is_masked for draw in (reference, probe, other, *impostors)] == [
            False,
            True,
            False,
            True,
            True,
            True,
        ]
        assert all(identity(impostor) != identity(other) for impostor in impostors)
        assert {of_set(impostor) for impostor in impostors} == {of_set(other)}
    assert 1 not in {identity(couple[0]) for couple in found}  # it has one picture
    assert 1 in {identity(couple[2]) for couple in found}
    assert {draw.row for draw in itertools.chain(*found)} == set(range(len(LABELS)))


def test_pairs_are_numbered_within_the_batch() -> None:
    for batch in make():
        assert [draw.pair for draw in batch] == [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 7, 7, 7, 7]


@pytest.mark.parametrize(("draw", "share"), [(UniformDraw(), (SETS == 0).mean()), (StratifiedDraw(), 0.5)])
def test_shares_of_the_data_sets(draw: Any, share: float) -> None:
    found = couples(epochs(make(draw), 200), 4)
    for at in (0, 2):
        assert np.mean([of_set(couple[at]) == 0 for couple in found]) == pytest.approx(share, abs=0.03)


def test_everybody_is_drawn_alike_within_a_set() -> None:
    found = [couple for couple in couples(epochs(make(StratifiedDraw()), 300), 4) if of_set(couple[0]) == 0]
    people = Counter(identity(couple[0]) for couple in found)
    assert people.keys() == {0, 2, 3, 4}
    assert max(people.values()) / min(people.values()) < 1.25
    # Of the impostors of identity 0, each of the 12 other pictures of its set is as likely.
    impostors = Counter(
        couple[3].row for couple in couples(epochs(make(StratifiedDraw()), 300), 4) if identity(couple[2]) == 0
    )
    assert len(impostors) == 12
    assert max(impostors.values()) / min(impostors.values()) < 1.8


def test_seeds_epochs_ranks_and_the_middle_of_an_epoch() -> None:
    whole = list(make())
    assert list(make()) == whole
    assert list(make(seed=6)) != whole
    sampler = make()
    sampler.start = 3
    assert list(sampler) == whole[3:]
    sampler.set_epoch(1)
    assert [[draw.row for draw in batch] for batch in sampler] != [[draw.row for draw in batch] for batch in whole]
    ranks = [list(make(rank=rank, world_size=2)) for rank in range(2)]
    assert [list(itertools.chain(*parts)) for parts in zip(*ranks, strict=True)] == whole
    assert all(len(draw) == len(whole[0]) // 2 for draw in ranks[0])


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(UserError, match="batch_size 8: half of the pairs are genuine; expected a multiple of 6"):
        make(world_size=3)
    with pytest.raises(UserError, match="batch_size 8 is more than the 4 training faces"):
        PairBatchSampler(np.arange(4), np.zeros(4, np.int64), 8, UniformDraw())
    labels, sets = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    with pytest.raises(UserError, match="data set 2 needs two identities, one of them with two pictures"):
        PairBatchSampler(labels, sets, 2, UniformDraw())
