"""Batches of pairs: an unmasked reference and a masked probe, genuine and impostor pairs in turn.

Seneviratne et al., "Multi-dataset training for masked face recognition with a contrastive Siamese network", Secs. 3.4
and 3.8.1.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maskrec.data.samplers import EpochBatchSampler, Rows
from maskrec.errors import UserError

Floats = npt.NDArray[np.float64]


class PairDraw(ABC):
    """Which data set a pair comes from, and how many impostors are looked at; both faces come from one set.

    Args:
        hardest_of: Faces of other people that are drawn for each impostor pair: the method trains on the one it finds
            most like the reference.

    Raises:
        UserError: None is drawn.
    """

    def __init__(self, hardest_of: int = 1) -> None:
        if hardest_of < 1:
            raise UserError(f"data.pair_draw.hardest_of {hardest_of}: expected 1 or more")
        self.hardest_of = hardest_of

    @abstractmethod
    def shares(self, sizes: Floats) -> Floats:
        """The probability of each data set, from how many faces it has."""


class UniformDraw(PairDraw):
    """A data set is drawn in proportion to its size."""

    def shares(self, sizes: Floats) -> Floats:
        """(S,) to (S,)."""
        return np.asarray(sizes / sizes.sum())


class StratifiedDraw(PairDraw):
    """Data sets are equally likely."""

    def shares(self, sizes: Floats) -> Floats:
        """(S,) to (S,)."""
        return np.full(len(sizes), 1 / len(sizes))


class _Groups(NamedTuple):
    """Items of groups that lie one after another: where each group begins, and how many there are."""

    start: Rows
    size: Rows

    @classmethod
    def of(cls, group: Rows, groups: int) -> "_Groups":
        """Of items sorted by group."""
        size = np.bincount(group, minlength=groups)
        return cls(size.cumsum() - size, size)

    def draw(self, group: Rows, rng: np.random.Generator) -> Rows:
        """The place of one item of each given group."""
        drawn: Rows = self.start[group] + rng.integers(self.size[group])
        return drawn


class PairBatchSampler(EpochBatchSampler):
    """A couple is a genuine pair, reference and probe, and an impostor pair, reference and n probes; all drawn anew.

    A reference is a face of an identity drawn at random. A genuine probe is another picture of it, so identities of one
    picture are references of impostor pairs alone; impostors are any pictures of others. An epoch has as many pairs as
    there are faces.

    Args:
        labels: (N,) identity of each row; each is of one data set.
        sets: (N,) data set of each row, from 0.
        batch_size: Pairs of a global batch, half of them genuine.
        draw: Where they come from.
        **kwargs: As for `EpochBatchSampler`.

    Raises:
        UserError: The pairs do not split evenly, or a data set does not give both kinds.
    """

    def __init__(self, labels: Rows, sets: Rows, batch_size: int, draw: PairDraw, **kwargs: int) -> None:
        ranks = kwargs.get("world_size", 1)
        if batch_size % (2 * ranks):
            raise UserError(
                f"data.batch_size {batch_size}: half of the pairs are genuine; expected a multiple of {2 * ranks}"
            )
        if len(labels) < batch_size:
            raise UserError(f"data.batch_size {batch_size} is more than the {len(labels)} training faces")
        super().__init__(batch_size // 2 * (3 + draw.hardest_of), **kwargs)
        self.hardest_of = draw.hardest_of
        self.pairs_per_batch = batch_size
        self.rows = np.lexsort((labels, sets))
        labels, sets = labels[self.rows], sets[self.rows]
        _, first, identity = np.unique(labels + sets * (labels.max() + 1), return_index=True, return_inverse=True)
        self.pictures = _Groups.of(identity, len(first))
        self.in_set = _Groups.of(sets, sets[-1] + 1)
        self.people = _Groups.of(sets[first], sets[-1] + 1)
        self.several = np.flatnonzero(self.pictures.size > 1)  # identities that give genuine pairs
        self.people_with_several = _Groups.of(sets[first][self.several], sets[-1] + 1)
        for number in np.flatnonzero((self.people.size < 2) | (self.people_with_several.size < 1)):
            raise UserError(
                f"data.pair_draw: data set {number + 1} needs two identities, one of them with two pictures"
            )
        self.shares = draw.shares(self.in_set.size.astype(np.float64))

    def __len__(self) -> int:
        """Whole batches."""
        return len(self.rows) // self.pairs_per_batch

    def wears(self) -> npt.NDArray[np.bool_]:
        """(pictures of a batch,) all but the references."""
        return np.tile([False, True, False] + [True] * self.hardest_of, self.pairs_per_batch // 2)

    def pairs(self) -> Rows:
        """(pictures of a batch,) the number of the pair of each."""
        couples = 2 * np.arange(self.pairs_per_batch // 2)[:, None]
        return np.ravel(couples + np.array([0, 0] + [1] * (1 + self.hardest_of)))

    def plan(self, rng: np.random.Generator) -> Rows:
        """Couples, side by side."""
        count = len(self) * self.pairs_per_batch // 2
        of_genuine, of_impostor = rng.choice(len(self.shares), (2, count), p=self.shares)
        couples = np.column_stack([*self._genuine(of_genuine, rng), *self._impostor(of_impostor, rng)])
        return np.reshape(self.rows[couples], (len(self), self.batch_size))

    def _genuine(self, sets: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        identity = self.several[self.people_with_several.draw(sets, rng)]
        reference = self.pictures.draw(identity, rng)
        probe: Rows = self.pictures.start[identity] + rng.integers(self.pictures.size[identity] - 1)
        probe += probe >= reference
        return reference, probe

    def _impostor(self, sets: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        identity = self.people.draw(sets, rng)
        reference = self.pictures.draw(identity, rng)
        start, own = self.pictures.start[identity, None], self.pictures.size[identity, None]
        others = np.repeat(self.in_set.size[sets, None] - own, self.hardest_of, axis=1)
        probe: Rows = self.in_set.start[sets, None] + rng.integers(others)
        probe += own * (probe >= start)
        return reference, probe
