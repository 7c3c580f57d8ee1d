"""Faces of which some wear real masks: pair lists, all pairs, search and 1 of 20."""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning.utilities import rank_zero_info

from maskrec.data.evaluation_set import PictureSet
from maskrec.data.halves import Half, in_half
from maskrec.data.index import cache_folder, expect_folder, find_pictures
from maskrec.data.pair_files import read_pairs, write_pairs
from maskrec.data.pairs import Pairs, Rows, deal_folds, draw_one_of_n, draw_pairs, have_both_kinds
from maskrec.errors import UserError
from maskrec.evaluation import AllPairs, Evaluation, Identification, ProtocolRun

COMPARISONS = {  # (is the reference masked, is the probe)
    "unmasked_unmasked": (False, False),
    "unmasked_masked": (False, True),
    "masked_masked": (True, True),
}
Flags = npt.NDArray[np.bool_]


class RealMasks(PictureSet):
    """Pair lists by comparison, and all that can be asked of masked and unmasked faces of the same identities.

    `unmasked_masked_all`: each masked face against each unmasked one; `unmasked_masked_search`: each masked face
    searched for among the unmasked ones; `unmasked_masked_1_of_20`: the right masked face among 20.

    Args:
        name: Short name, as in log keys.
        root: The folder.
        names: (N,) pictures below it.
        labels: (N,) their identities.
        is_masked: (N,) bool, who wears a mask.
        lists: Pairs by comparison, in rows.
        **kwargs: As for `PictureSet`, but for masks put on.

    Raises:
        UserError: There is nothing to compare.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        names: Sequence[str],
        labels: Rows,
        is_masked: Flags,
        lists: Mapping[str, Pairs],
        **kwargs: Any,
    ) -> None:
        super().__init__(name, root, names, masking=None, again=None, is_masked=is_masked, **kwargs)
        self.labels = labels
        self.lists = lists
        self.is_shared = np.intersect1d(labels[is_masked], labels[~is_masked]).size > 0
        if not lists and not self.is_shared:
            raise UserError(f"data root {root}: no identity has two faces to compare")

    def evaluation(self) -> Evaluation:
        """All that the faces allow."""
        protocols: dict[str, ProtocolRun] = {
            name: pairs.verification(self.labels) for name, pairs in self.lists.items()
        }
        if self.is_shared:
            masked, unmasked = np.flatnonzero(self.is_masked), np.flatnonzero(~self.is_masked)
            probe, reference, identity = map(torch.from_numpy, (masked, unmasked, self.labels))
            if len(np.unique(self.labels)) > 1:
                protocols["unmasked_masked_all"] = AllPairs(reference, probe, identity)
            protocols["unmasked_masked_search"] = Identification(probe, reference, identity)
            if len(np.unique(self.labels[masked])) > 1:
                protocols["unmasked_masked_1_of_20"] = draw_one_of_n(self.labels, unmasked, masked)
        return Evaluation(self.name, len(self.names), protocols, self.paths(), self.wears())


def list_identities(root: Path, folders: Mapping[str, bool], half: Half | None = None) -> tuple[list[str], Rows, Flags]:
    """The pictures of several folders of identities, `<folder>/<identity>/<image>`.

    Args:
        root: What the folders lie below.
        folders: Whether the faces in each wear masks.
        half: One half of the identities alone.

    Returns:
        Names below the root, identities and masks, one each a picture. An identity has one name in all folders.

    Raises:
        UserError: A folder is missing or holds no picture, or a picture is in no identity's folder.
    """
    names: list[str] = []
    people: list[str] = []
    is_masked: list[bool] = []
    tree = " and ".join(f"{folder}/<identity>/<image>" for folder in folders)
    for folder, wears_mask in folders.items():
        expect_folder(root / folder, tree)
        for name in (os.fsdecode(name) for name, _, _ in find_pictures(root / folder)):
            person, *below = name.split("/")
            if not below:
                raise UserError(f"image {root / folder / name}: expected {folder}/<identity>/<image>")
            names.append(f"{folder}/{name}")
            people.append(person)
            is_masked.append(wears_mask)
    chosen = np.ones(len(people), dtype=bool) if half is None else in_half(people, half)
    names, people = ([value for value, is_in in zip(of, chosen, strict=True) if is_in] for of in (names, people))
    return names, np.unique(people, return_inverse=True)[1].astype(np.int64), np.array(is_masked)[chosen]


def by_comparison(pairs: Pairs, is_masked: Flags) -> dict[str, Pairs]:
    """The pairs of each comparison, unmasked faces first, in a list's own folds; where both kinds are there."""
    swap = is_masked[pairs.reference] & ~is_masked[pairs.probe]
    reference = np.where(swap, pairs.probe, pairs.reference)
    probe = np.where(swap, pairs.reference, pairs.probe)
    lists = {}
    for name, (first, second) in COMPARISONS.items():
        chosen = (is_masked[reference] == first) & (is_masked[probe] == second)
        is_genuine = pairs.is_genuine[chosen]
        if have_both_kinds(is_genuine):
            own = pairs.fold[chosen]
            fold = deal_folds(is_genuine) if pairs.is_dealt or len(np.unique(own)) < 2 else own
            lists[name] = Pairs(reference[chosen], probe[chosen], is_genuine, fold)
    return lists


def drawn_lists(
    set_name: str, root: Path, names: Sequence[str], labels: Rows, is_masked: Flags, pairs: int, seed: int = 0
) -> dict[str, Pairs]:
    """Fixed lists of as many genuine as impostor pairs: drawn once, kept in the cache, and read from there.

    Args:
        set_name: What the files begin with.
        root: The folder.
        names: (N,) pictures below it.
        labels: (N,) their identities.
        is_masked: (N,) bool, who wears a mask.
        pairs: Pairs of each kind in each comparison; fewer where the faces do not give so many.
        seed: Seed of the draw.

    Raises:
        UserError: A list was drawn from other pictures.
    """
    sides = {True: np.flatnonzero(is_masked), False: np.flatnonzero(~is_masked)}
    rows = {comparison: (sides[first], sides[second]) for comparison, (first, second) in COMPARISONS.items()}
    drawn = {
        comparison: drawn_list(f"{set_name}-{comparison}", root, names, labels, pairs, seed, *of_both)
        for comparison, of_both in rows.items()
    }
    return {comparison: listed for comparison, listed in drawn.items() if have_both_kinds(listed.is_genuine)}


def drawn_list(
    name: str,
    root: Path,
    names: Sequence[str],
    labels: Rows,
    pairs: int,
    seed: int = 0,
    reference: Rows | None = None,
    probe: Rows | None = None,
) -> Pairs:
    """A fixed list of as many genuine as impostor pairs: drawn once, kept in the cache, and read from there.

    Args:
        name: What the file begins with.
        root: The folder.
        names: (N,) pictures below it.
        labels: (N,) their identities.
        pairs: Pairs of each kind; fewer where the faces do not give so many.
        seed: Seed of the draw.
        reference: Rows of the first faces; default: all.
        probe: Rows of the second; default: all.

    Raises:
        UserError: The list was drawn from other pictures.
    """
    everyone = np.arange(len(names))
    reference, probe = (everyone if rows is None else rows for rows in (reference, probe))
    drawn_from = hashlib.sha256(os.fsencode("\0".join(names))).hexdigest()[:16]
    header = f"{pairs} pairs a kind, seed {seed}, of {len(names)} pictures ({drawn_from}) below {root.resolve()}"
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    file = cache_folder() / "pairs" / f"{name}-{pairs}-{seed}-{place}.txt"
    if file.is_file():
        return _read_drawn(file, header, names, labels)
    drawn = draw_pairs(labels, reference, probe, pairs, seed)
    if have_both_kinds(drawn.is_genuine):
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
            write_pairs(file, header, drawn, names)
            rank_zero_info(f"{name}: {len(drawn.fold):,} pairs were drawn, and are kept in {file}")
    return drawn


def _read_drawn(file: Path, header: str, names: Sequence[str], labels: Rows) -> Pairs:
    before = file.read_text().split("\n", 1)[0].removeprefix("# ")
    if before != header:
        raise UserError(f"pair list {file}: drawn from {before}, but now there are {header}; remove it to draw anew")
    return read_pairs(file, names, labels)
