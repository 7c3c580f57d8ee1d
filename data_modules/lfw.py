"""LFW, Labeled Faces in the Wild (Huang et al., 2007), with masks put on."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.data import MaskedPairs, PairList, find_pictures, read_lfw_pairs
from maskrec.masking import MG, MaskTransform


class LFW(MaskedPairs):
    """LFW's 6,000 pairs in 10 folds, in the three comparisons, and LPD's search.

    Args:
        root: Pictures, `<root>/<Name>/<Name>_0001.jpg`, and the official list, `<root>/pairs.txt`.
        masking: How faces are masked; without it only `unmasked_unmasked` is run.
        name: Short name, as in log keys.
        search: Search for the first picture of each identity among all other pictures (Ding et al., ACM MM 2020, §5).
        **kwargs: As for `PictureSet`.
    """

    def __init__(
        self, root: str, masking: MaskTransform | None = None, name: str = "lfw", search: bool = False, **kwargs: Any
    ) -> None:
        pairs, queries = read_lfw_pairs(Path(root) / "pairs.txt", root), None
        if search:
            pairs = _all_faces(pairs, Path(root))
            by_name = np.argsort(pairs.paths)
            queries = by_name[np.unique(pairs.identity[by_name], return_index=True)[1]]
        super().__init__(name, pairs, Path(root), masking, queries, **kwargs)


class SLFW(LFW):
    """S_LFW: LFW masked by MG, with the search. LPD reports `unmasked_masked` and `unmasked_masked_search` of it.

    Args:
        root: As for `LFW`.
        name: Short name, as in log keys.
        **kwargs: As for `PictureSet`.
    """

    def __init__(self, root: str, name: str = "s_lfw", **kwargs: Any) -> None:
        super().__init__(root, MG(), name, search=True, **kwargs)


def _all_faces(pairs: PairList, root: Path) -> PairList:
    """The list with all pictures of the folder behind those it names."""
    listed = set(pairs.paths)
    found = [str(root / os.fsdecode(name)) for name, _, _ in find_pictures(root) if b"/" in name]
    paths = [*pairs.paths, *(path for path in found if path not in listed)]
    people = [Path(path).parent.name for path in paths]
    return replace(pairs, paths=paths, identity=np.unique(people, return_inverse=True)[1].astype(np.int64))
