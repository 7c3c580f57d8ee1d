"""A pair list, and a search, on faces that have masks put on."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskrec.data.evaluation_set import PictureSet
from maskrec.data.pairs import PairList, Rows, draw_one_of_n
from maskrec.evaluation import Evaluation, Identification, ProtocolRun
from maskrec.masking import MaskTransform


class MaskedPairs(PictureSet):
    """A pair list, compared as it is and with masks put on: the three comparisons.

    `unmasked_unmasked` as listed; `unmasked_masked` with the second face of each pair masked; `masked_masked`.
    With queries, `unmasked_unmasked_search` and `unmasked_masked_search`, where the queries are masked. On demand
    `unmasked_masked_1_of_20`: the right masked face among 20, 400 times.

    Args:
        name: Short name, as in log keys.
        pairs: What is compared.
        root: The folder the pictures lie below, on which `maskrec landmarks` was run if masks need landmarks.
        masking: How faces are masked; without it no face is.
        queries: Rows that are searched for among all others, the gallery.
        one_of_20: Ask for the right one of 20, too, of all faces.
        worn: (F,) the pictures with masks on, in place of a masking.
        **kwargs: As for `PictureSet`.

    Raises:
        UserError: The masking leaves some faces unmasked (p < 1).
    """

    def __init__(
        self,
        name: str,
        pairs: PairList,
        root: Path,
        masking: MaskTransform | None,
        queries: Rows | None = None,
        one_of_20: bool = False,
        worn: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.pairs = pairs
        self.queries = queries
        self.one_of_20 = one_of_20
        listed = [pairs.reference, pairs.probe, *([] if queries is None else [queries])]
        again = np.unique(np.concatenate(listed)) if (masking or worn) and not one_of_20 else None
        prefix = os.path.join(root, "")
        names = [path.removeprefix(prefix) for path in pairs.paths]
        super().__init__(name, root, names, masking=masking, again=again, worn=worn, **kwargs)

    def evaluation(self) -> Evaluation:
        """Verification in each comparison, and the search."""
        faces = len(self.names)
        unmasked, masked = np.arange(faces), np.full(faces, -1)
        masked[self.again] = faces + np.arange(len(self.again))
        sides = {"unmasked_unmasked": (unmasked, unmasked)}
        if len(self.again):
            sides |= {"unmasked_masked": (unmasked, masked), "masked_masked": (masked, masked)}
        identity = np.concatenate([self.pairs.identity, self.pairs.identity[self.again]])
        protocols: dict[str, ProtocolRun] = {
            name: replace(
                self.pairs, reference=first[self.pairs.reference], probe=second[self.pairs.probe]
            ).verification(identity)
            for name, (first, second) in sides.items()
        }
        if self.one_of_20 and len(self.again):
            protocols["unmasked_masked_1_of_20"] = draw_one_of_n(
                identity, unmasked, masked, picture=np.concatenate([unmasked, self.again])
            )
        if self.queries is not None:
            gallery = torch.from_numpy(np.setdiff1d(unmasked, self.queries))
            protocols |= {
                f"{name}_search": Identification(
                    torch.from_numpy(probe[self.queries]), gallery, torch.from_numpy(identity)
                )
                for name, (reference, probe) in sides.items()
                if reference is unmasked
            }
        return Evaluation(self.name, len(identity), protocols, self.paths(), self.wears())
