"""Pair lists: which faces are compared, and whether they show the same identity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from maskrec.errors import UserError
from maskrec.evaluation import OneOfN, Verification

FOLDS = 10
MAX_TRIES = 100

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces by row.

    Args:
        reference: (N,) row of the first face.
        probe: (N,) row of the second face.
        is_genuine: (N,) bool.
        fold: (N,) fold.
        is_dealt: Whether the folds were dealt here; a list may bring its own.
    """

    reference: Rows
    probe: Rows
    is_genuine: npt.NDArray[np.bool_]
    fold: Rows
    is_dealt: bool = field(default=True, kw_only=True)

    def verification(self, identity: Rows, reference_offset: int = 0, probe_offset: int = 0) -> Verification:
        """The protocol over these pairs.

        Args:
            identity: (num_faces,) label of every row of the set.
            reference_offset: What to add to the rows of the first faces.
            probe_offset: What to add to those of the second.
        """
        arrays = self.reference + reference_offset, self.probe + probe_offset, self.is_genuine, self.fold, identity
        return Verification(*map(torch.from_numpy, arrays))


@dataclass(frozen=True)
class PairList(Pairs):
    """Pairs of faces by row of `paths`.

    Args:
        reference: (N,) row of the first face.
        probe: (N,) row of the second face.
        is_genuine: (N,) bool.
        fold: (N,) fold.
        paths: (F,) pictures, each once.
        identity: (F,) number of each picture's identity.
    """

    paths: list[str]
    identity: Rows


def have_both_kinds(is_genuine: npt.NDArray[np.bool_]) -> bool:
    """Whether there are two genuine and two impostor pairs: each fold's threshold is found on the others."""
    return bool(min(is_genuine.sum(), (~is_genuine).sum()) >= 2)


def deal_folds(is_genuine: npt.NDArray[np.bool_], folds: int = FOLDS) -> Rows:
    """(N,) folds, dealt in turn to the genuine and to the impostor pairs; fewer where there are fewer of a kind."""
    folds = min(folds, int(is_genuine.sum()), int((~is_genuine).sum()))
    fold = np.zeros(len(is_genuine), dtype=np.int64)
    for kind in (is_genuine, ~is_genuine):
        fold[kind] = np.arange(kind.sum()) % folds if folds else 0
    return fold


def sample_pairs(paths: Sequence[str], labels: Rows, pairs: int, folds: int, seed: int) -> PairList:
    """Draw as many genuine as impostor pairs from labelled faces; the same for one seed.

    Args:
        paths: (F,) pictures.
        labels: (F,) their identities.
        pairs: Pairs of each kind; fewer where the faces do not give so many.
        folds: Folds the pairs are dealt to in turn.
        seed: Seed of the draw.

    Raises:
        UserError: No identity has two faces, there is only one identity, or there are too few pairs for the folds.
    """
    rows = np.arange(len(labels))
    drawn = draw_pairs(labels, rows, rows, pairs, seed)
    count = int(drawn.is_genuine.sum())
    if count < folds:
        raise UserError(f"the held-out identities give {count} pairs of a kind, {folds} folds need more: hold out more")
    fold = deal_folds(drawn.is_genuine, folds)
    return PairList(drawn.reference, drawn.probe, drawn.is_genuine, fold, list(paths), labels)


def draw_pairs(labels: Rows, reference: Rows, probe: Rows, pairs: int, seed: int) -> Pairs:
    """Draw as many genuine as impostor pairs between some faces and the same, or quite other, faces.

    Genuine pairs are taken identity after identity, so that a rich one does not dominate. No pair is drawn twice.

    Args:
        labels: (F,) identities of all faces.
        reference: Rows of the first faces.
        probe: Rows of the second: the same in the same order, or none of them.
        pairs: Pairs of each kind; fewer, but as many of each, where the faces do not give so many.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    is_within = np.array_equal(reference, probe)
    shared = np.intersect1d(labels[reference], labels[probe])
    members = ((reference[labels[reference] == label], probe[labels[probe] == label]) for label in shared)
    queues = [_shuffled_pairs(first, second, is_within, pairs, rng) for first, second in members]
    genuine: list[tuple[int, int]] = []
    while (queues := [queue for queue in queues if queue]) and len(genuine) < pairs:
        genuine += [queue.pop() for queue in queues]
    genuine = genuine[:pairs]
    impostor: dict[tuple[int, int], None] = {}  # ordered and without repeats
    for _ in range(MAX_TRIES if len(np.union1d(labels[reference], labels[probe])) > 1 else 0):
        drawn = rng.integers((len(reference), len(probe)), size=(len(genuine), 2))
        if is_within:
            drawn.sort(axis=1)
        drawn = np.stack([reference[drawn[:, 0]], probe[drawn[:, 1]]], axis=1)
        impostor |= dict.fromkeys((int(a), int(b)) for a, b in drawn if labels[a] != labels[b])
        if len(impostor) >= len(genuine):
            break
    count = min(len(genuine), len(impostor))
    listed = np.array([*genuine[:count], *list(impostor)[:count]], dtype=np.int64).reshape(-1, 2)
    is_genuine = np.repeat([True, False], count)
    return Pairs(listed[:, 0], listed[:, 1], is_genuine, deal_folds(is_genuine))


def _shuffled_pairs(
    first: Rows, second: Rows, is_within: bool, most: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    if is_within:
        a, b = np.triu_indices(len(first), k=1)
    else:
        a, b = map(np.ravel, np.indices((len(first), len(second))))
    order = rng.permutation(len(a))[-most:]  # they are taken from the end
    return list(zip(first[a[order]].tolist(), second[b[order]].tolist(), strict=True))


def draw_one_of_n(
    labels: Rows,
    reference: Rows,
    probe: Rows,
    n: int = 20,
    steps: int = 400,
    seed: int = 0,
    picture: Rows | None = None,
) -> OneOfN:
    """Draw, for each step, a reference, a probe of the same identity, and n - 1 of others, with replacement.

    The probe is another picture of that identity, never the reference itself with a mask on.

    Seneviratne et al. validate so: an unmasked reference among 20 masked probes, 400 steps.

    Args:
        labels: (F,) identities of all faces.
        reference: Rows of the references.
        probe: Rows of the probes: none of the references.
        n: Probes a step.
        steps: Steps.
        seed: Seed of the draw.
        picture: (F,) number of the picture that each face is, with a mask or without; default: each is one of its own.

    Raises:
        UserError: No probe shows the identity of a reference in another picture, or all show one identity.
    """
    rng = np.random.default_rng(seed)
    picture = np.arange(len(labels)) if picture is None else picture
    others = np.bincount(labels[probe], minlength=labels.max() + 1)[labels[reference]]
    reference = reference[others > np.isin(picture[reference], picture[probe])]
    if not len(reference) or len(np.unique(labels[probe])) < 2:
        raise UserError(f"1 of {n}: needs probes of two identities, one of them another picture of a reference's")
    chosen = rng.choice(reference, steps)
    authentic, impostors = np.empty(steps, dtype=np.int64), np.empty((steps, n - 1), dtype=np.int64)
    for step, row in enumerate(chosen):
        is_same = labels[probe] == labels[row]
        authentic[step] = rng.choice(probe[is_same & (picture[probe] != picture[row])])
        impostors[step] = rng.choice(probe[~is_same], n - 1)
    return OneOfN(*map(torch.from_numpy, (chosen, authentic, impostors, labels)))
