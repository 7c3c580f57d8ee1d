"""Batches of draws: what each step of an epoch sees, on every rank, known from the seed alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from maskrec.errors import UserError

Rows = npt.NDArray[np.int64]


class Draw(NamedTuple):
    """One showing of a face: with the seed it fixes the face's augmentation and mask."""

    row: int
    epoch: int
    repeat: int = 0
    """How often the face was shown before in this epoch."""
    is_masked: bool | None = None
    """Whether it wears a mask; None: as the masking's probability has it."""
    pair: int | None = None
    """The number of its pair in the batch, where faces come in pairs."""


class EpochBatchSampler(Sampler[list[Draw]], ABC):
    """Cuts an epoch into global batches and gives each rank its part of each.

    The order is a function of (seed, epoch): every rank plans the same epoch and takes its own slice. An epoch can be
    entered in the middle: `start` batches are passed over.

    Args:
        batch_size: Faces in a global batch, over all ranks.
        seed: Seed of the order.
        rank: This process among `world_size`.
        world_size: Processes that share a global batch.

    Raises:
        UserError: The batch cannot be split evenly over the ranks.
    """

    def __init__(self, batch_size: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        if batch_size % world_size:
            raise UserError(f"data.batch_size {batch_size} does not split over {world_size} processes; use a multiple")
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start = 0

    @abstractmethod
    def plan(self, rng: np.random.Generator) -> Rows:
        """The rows of an epoch's global batches, (batches, batch_size), ranks side by side."""

    @abstractmethod
    def __len__(self) -> int:
        """Batches in a whole epoch."""

    @property
    def sampler(self) -> "EpochBatchSampler":
        """Itself: Lightning looks here for the sampler whose `set_epoch` it calls."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Plan another epoch; Lightning calls this as it begins."""
        self.epoch = epoch

    def wears(self) -> npt.NDArray[np.bool_] | None:
        """(batch_size,) who wears a mask in every global batch; None: as the masking's probability has it."""
        return None

    def pairs(self) -> Rows | None:
        """(batch_size,) the pair of each face in every global batch, rising; None where faces do not come in pairs."""
        return None

    def __iter__(self) -> Iterator[list[Draw]]:
        """This rank's batches, from `start` on; the next epoch starts at its beginning again."""
        plan = self.plan(np.random.default_rng((self.seed, self.epoch)))
        repeats = _repeats(plan.ravel()).reshape(plan.shape)
        start, self.start = self.start, 0
        share = self.batch_size // self.world_size
        mine = slice(self.rank * share, (self.rank + 1) * share)
        is_masked, pair = (
            [None] * share if column is None else column[mine].tolist() for column in (self.wears(), self.pairs())
        )
        for rows, repeat in zip(plan[start:, mine], repeats[start:, mine], strict=True):
            how = zip(rows.tolist(), repeat.tolist(), is_masked, pair, strict=True)
            yield [Draw(row, self.epoch, *rest) for row, *rest in how]


def _repeats(rows: Rows) -> Rows:
    """How often each row stood earlier in the list."""
    order = rows.argsort(kind="stable")
    ordered = rows[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    repeats = np.empty_like(rows)
    repeats[order] = np.arange(len(rows)) - first
    return repeats


class ShuffledBatchSampler(EpochBatchSampler):
    """Every face once an epoch, in random order; the incomplete last batch is left out.

    Args:
        num_faces: Rows of the set.
        batch_size: Faces in a global batch.
        **kwargs: As for `EpochBatchSampler`.
    """

    def __init__(self, num_faces: int, batch_size: int, **kwargs: int) -> None:
        super().__init__(batch_size, **kwargs)
        if num_faces < batch_size:
            raise UserError(f"data.batch_size {batch_size} is more than the {num_faces} training faces")
        self.num_faces = num_faces

    def __len__(self) -> int:
        """Whole batches."""
        return self.num_faces // self.batch_size

    def plan(self, rng: np.random.Generator) -> Rows:
        """A permutation, cut."""
        return rng.permutation(self.num_faces)[: len(self) * self.batch_size].reshape(len(self), self.batch_size)


class IdentityBatchSampler(EpochBatchSampler):
    """P identities with K faces each: every identity once an epoch; the incomplete last batch is left out.

    Identities are split over ranks, so a rank has P / world_size of them. An identity with fewer than K faces shows
    some again, each showing with a mask and augmentation of its own.

    Args:
        labels: (N,) identity of each row.
        batch_size: P x K, over all ranks.
        images_per_identity: K.
        masked_per_identity: How many of the K wear a mask, the last ones; default: as the masking's probability has it.
        **kwargs: As for `EpochBatchSampler`.
    """

    def __init__(
        self,
        labels: Rows,
        batch_size: int,
        images_per_identity: int,
        masked_per_identity: int | None = None,
        **kwargs: int,
    ) -> None:
        super().__init__(batch_size, **kwargs)
        if batch_size % (images_per_identity * self.world_size):
            raise UserError(
                f"data.batch_size {batch_size} is no multiple of images_per_identity {images_per_identity}"
                f" x {self.world_size} processes"
            )
        if masked_per_identity is not None and not 0 <= masked_per_identity <= images_per_identity:
            raise UserError(
                f"data.masked_per_identity {masked_per_identity}: expected 0 to images_per_identity,"
                f" {images_per_identity}"
            )
        self.images_per_identity = images_per_identity
        self.masked_per_identity = masked_per_identity
        self.rows = np.argsort(labels, kind="stable")
        self.counts = np.bincount(labels)
        self.ends = self.counts.cumsum()
        if len(self.counts) < self.identities_per_batch:
            raise UserError(
                f"data.batch_size {batch_size} needs {self.identities_per_batch} identities a batch,"
                f" the training set has {len(self.counts)}"
            )

    @property
    def identities_per_batch(self) -> int:
        """P."""
        return self.batch_size // self.images_per_identity

    def __len__(self) -> int:
        """Whole batches."""
        return len(self.counts) // self.identities_per_batch

    def wears(self) -> npt.NDArray[np.bool_] | None:
        """(batch_size,) the last `masked_per_identity` of each identity's K."""
        if self.masked_per_identity is None:
            return None
        is_last = np.arange(self.images_per_identity) >= self.images_per_identity - self.masked_per_identity
        return np.tile(is_last, self.identities_per_batch)

    def plan(self, rng: np.random.Generator) -> Rows:
        """K faces of each identity, without replacement as far as they reach."""
        identities = rng.permutation(len(self.counts))[: len(self) * self.identities_per_batch]
        chosen = [self._choose(identity, rng) for identity in identities]
        return np.concatenate(chosen).reshape(len(self), self.batch_size)

    def _choose(self, identity: int, rng: np.random.Generator) -> Rows:
        count = int(self.counts[identity])
        rounds = -(-self.images_per_identity // count)
        order = np.concatenate([rng.permutation(count) for _ in range(rounds)])[: self.images_per_identity]
        chosen: Rows = self.rows[self.ends[identity] - count + order]
        return chosen
