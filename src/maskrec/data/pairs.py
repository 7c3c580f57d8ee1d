"""Pair lists: which faces are compared, and whether they show the same identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskrec.data.images import SUFFIXES
from maskrec.errors import UserError, missing

MAX_TRIES = 100


@dataclass(frozen=True)
class PairList:
    """Pairs of faces by row of `paths`.

    Args:
        paths: (F,) pictures, each once.
        reference: (N,) row of the first face.
        probe: (N,) row of the second face.
        is_genuine: (N,) bool.
        fold: (N,) fold.
    """

    paths: list[str]
    reference: npt.NDArray[np.int64]
    probe: npt.NDArray[np.int64]
    is_genuine: npt.NDArray[np.bool_]
    fold: npt.NDArray[np.int64]


def read_lfw_pairs(pairs: str | Path, root: str | Path) -> PairList:
    """Read a pair list in LFW's format.

    First line: folds and genuine pairs a fold (as many impostor pairs follow in each fold).
    Then `name<TAB>i<TAB>j` (genuine) or `name<TAB>i<TAB>other<TAB>j` (impostor).
    Pictures lie at `<root>/<name>/<name>_<i, four digits>.<jpg or png>`.

    Raises:
        UserError: The list is missing or malformed, or names a picture that is not there.
    """
    pairs, root = Path(pairs), Path(root)
    try:
        lines = pairs.read_text().splitlines()
    except OSError as error:
        raise missing(f"pair list {pairs}", error, "LFW's pairs.txt") from error
    header = lines[0].split() if lines else []
    if len(header) != 2 or not all(word.isdigit() for word in header):
        raise UserError(f"pair list {pairs}, line 1: expected two numbers, folds and pairs a fold")
    folds, genuine_per_fold = map(int, header)
    body = [line for line in lines[1:] if line.strip()]
    if len(body) != folds * genuine_per_fold * 2:
        raise UserError(
            f"pair list {pairs}: {len(body)} pairs, but its first line promises {folds}x2x{genuine_per_fold}"
        )
    rows: dict[str, int] = {}

    def row(name: str, number: str, line: int) -> int:
        if not number.isdigit():
            raise UserError(f"pair list {pairs}, line {line}: '{number}' is no picture number")
        stem = root / name / f"{name}_{int(number):04d}"
        path = next((str(stem) + suffix for suffix in SUFFIXES if Path(str(stem) + suffix).is_file()), None)
        if path is None:
            raise UserError(f"pair list {pairs}, line {line}: no picture {stem}.jpg")
        return rows.setdefault(path, len(rows))

    first, second, genuine = [], [], []
    for line, text in enumerate(body, start=2):
        words = text.split("\t")
        if len(words) not in (3, 4):
            raise UserError(f"pair list {pairs}, line {line}: expected 3 or 4 tab-separated words, got {len(words)}")
        first.append(row(words[0], words[1], line))
        second.append(row(words[-2] if len(words) == 4 else words[0], words[-1], line))
        genuine.append(len(words) == 3)
    fold = np.repeat(np.arange(folds), genuine_per_fold * 2)
    return PairList(list(rows), np.array(first), np.array(second), np.array(genuine), fold)


def sample_pairs(paths: Sequence[str], labels: npt.NDArray[np.int64], pairs: int, folds: int, seed: int) -> PairList:
    """Draw as many genuine as impostor pairs from labelled faces; the same for one seed.

    Genuine pairs are taken identity after identity, so that a rich one does not dominate. No pair is drawn twice.

    Args:
        paths: (F,) pictures.
        labels: (F,) their identities.
        pairs: Pairs of each kind; fewer where the faces do not give so many.
        folds: Folds the pairs are dealt to in turn.
        seed: Seed of the draw.

    Raises:
        UserError: No identity has two faces, there is only one identity, or there are too few pairs for the folds.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    queues = [_shuffled_pairs(rows, rng) for rows in members if len(rows) > 1]
    genuine: list[tuple[int, int]] = []
    while queues and len(genuine) < pairs:
        queues = [queue for queue in queues if queue]
        genuine += [queue.pop() for queue in queues]
    genuine = genuine[:pairs]
    impostor: dict[tuple[int, int], None] = {}  # ordered and without repeats
    for _ in range(MAX_TRIES if len(members) > 1 else 0):
        drawn = rng.integers(len(labels), size=(len(genuine), 2))
        drawn.sort(axis=1)
        impostor |= dict.fromkeys((int(a), int(b)) for a, b in drawn if labels[a] != labels[b])
        if len(impostor) >= len(genuine):
            break
    count = min(len(genuine), len(impostor))
    if count < folds:
        raise UserError(f"the held-out identities give {count} pairs of a kind, {folds} folds need more: hold out more")
    listed = np.array([*genuine[:count], *list(impostor)[:count]])
    fold = np.tile(np.arange(count) % folds, 2)
    return PairList(list(paths), listed[:, 0], listed[:, 1], np.repeat([True, False], count), fold)


def _shuffled_pairs(rows: npt.NDArray[np.int64], rng: np.random.Generator) -> list[tuple[int, int]]:
    first, second = np.triu_indices(len(rows), k=1)
    order = rng.permutation(len(first))
    return list(zip(rows[first[order]].tolist(), rows[second[order]].tolist(), strict=True))
