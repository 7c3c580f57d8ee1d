"""Batches on every rank, and in the midst of an epoch."""

import itertools
from collections import Counter

import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import Draw, IdentityBatchSampler, ShuffledBatchSampler
from maskrec.data.samplers import EpochBatchSampler

LABELS = np.repeat(np.arange(14), np.arange(2, 16))  # 14 identities of 2 to 15 faces


def make(kind: str, rank: int = 0, world_size: int = 1, seed: int = 5) -> EpochBatchSampler:
    options = {"seed": seed, "rank": rank, "world_size": world_size}
    if kind == "shuffled":
        return ShuffledBatchSampler(len(LABELS), 24, **options)
    return IdentityBatchSampler(LABELS, 24, 6, **options)


KINDS = pytest.mark.parametrize("kind", ["shuffled", "identities"])


@KINDS
@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_together_have_the_global_batch_of_one_process(kind: str, world_size: int) -> None:
    whole = list(make(kind))
    ranks = [list(make(kind, rank, world_size)) for rank in range(world_size)]
    assert [list(itertools.chain(*parts)) for parts in zip(*ranks, strict=True)] == whole


@KINDS
def test_an_epoch_can_be_entered_in_the_middle(kind: str) -> None:
    whole, resumed = list(make(kind)), make(kind)
    resumed.start = 2
    assert list(resumed) == whole[2:]
    assert list(resumed) == whole  # the next time around nothing is passed over
    assert len(resumed) == len(whole)


@KINDS
def test_epochs_and_seeds_differ_and_repeat(kind: str) -> None:
    sampler = make(kind)
    first = [[draw.row for draw in batch] for batch in sampler]
    sampler.set_epoch(1)
    second = [[draw.row for draw in batch] for batch in sampler]
    sampler.set_epoch(0)
    assert [[draw.row for draw in batch] for batch in sampler] == first
    assert second != first
    assert [[draw.row for draw in batch] for batch in make(kind, seed=6)] != first


def test_shuffled_shows_every_face_at_most_once() -> None:
    rows = [draw.row for batch in make("shuffled") for draw in batch]
    assert len(rows) == len(LABELS) // 24 * 24
    assert len(set(rows)) == len(rows)


def test_identities_come_p_by_k_each_once_an_epoch() -> None:
    batches = list(make("identities"))
    assert len(batches) == 14 // 4
    seen: list[int] = []
    for batch in batches:
        counts = Counter(int(LABELS[draw.row]) for draw in batch)
        assert list(counts.values()) == [6] * 4
        seen += counts
    assert len(set(seen)) == len(seen)


def test_poor_identities_repeat_as_other_draws() -> None:
    draws = [draw for batch in make("identities") for draw in batch]
    assert len(set(draws)) == len(draws)  # never the same pixels: (row, epoch, repeat) differ
    repeats = Counter(draw.row for draw in draws if LABELS[draw.row] == LABELS[0])
    if repeats:  # the identity of 2 faces, where it was not in the batch left out
        assert sorted(repeats.values()) == [3, 3]
    rich = [draw for draw in draws if LABELS[draw.row] >= 5]
    assert all(draw.repeat == 0 for draw in rich)  # 7 and more faces: none twice


@pytest.mark.parametrize("world_size", [5])
def test_a_batch_that_does_not_split_is_refused(world_size: int) -> None:
    with pytest.raises(UserError, match="batch_size 24 does not split over 5 processes"):
        make("shuffled", 0, world_size)
    with pytest.raises(UserError, match="no multiple of images_per_identity 7"):
        IdentityBatchSampler(LABELS, 24, 7)
    with pytest.raises(UserError, match="more than the 3 training faces"):
        ShuffledBatchSampler(3, 24)
    with pytest.raises(UserError, match="needs 20 identities a batch, the training set has 14"):
        IdentityBatchSampler(LABELS, 120, 6)


def test_draws_of_one_row_have_numbers() -> None:
    class Twice(ShuffledBatchSampler):
        def plan(self, rng: np.random.Generator) -> np.ndarray:
            return np.array([[7, 3, 7], [7, 3, 1]])

    assert list(Twice(3, 3)) == [
        [Draw(7, 0, 0), Draw(3, 0, 0), Draw(7, 0, 1)],
        [Draw(7, 0, 2), Draw(3, 0, 1), Draw(1, 0, 0)],
    ]
