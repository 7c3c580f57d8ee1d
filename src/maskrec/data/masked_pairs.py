"""A pair list, and a search, on faces that have masks put on."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskrec.data.evaluation_set import PictureSet
from maskrec.data.pairs import PairList, Rows
from maskrec.evaluation import Evaluation, Identification, ProtocolRun
from maskrec.masking import MaskTransform


class MaskedPairs(PictureSet):
    """A pair list, compared as it is and with masks put on: the three comparisons.

    `unmasked_unmasked` as listed; `unmasked_masked` with the second face of each pair masked; `masked_masked`.
    With queries, `unmasked_unmasked_search` and `unmasked_masked_search`, where the queries are masked.

    Args:
        name: Short name, as in log keys.
        pairs: What is compared.
        root: The folder the pictures lie below, on which `maskrec landmarks` was run if masks need landmarks.
        masking: How faces are masked; without it no face is.
        queries: Rows that are searched for among all others, the gallery.
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
        **kwargs: Any,
    ) -> None:
        self.pairs = pairs
        self.queries = queries
        listed = [pairs.reference, pairs.probe, *([] if queries is None else [queries])]
        again = np.unique(np.concatenate(listed)) if masking else None
        prefix = os.path.join(root, "")
        names = [path.removeprefix(prefix) for path in pairs.paths]
        super().__init__(name, root, names, masking=masking, again=again, **kwargs)

    def evaluation(self) -> Evaluation:
        """Verification in each comparison, and the search."""
        faces = len(self.names)
        unmasked, masked = np.arange(faces), np.full(faces, -1)
        masked[self.again] = faces + np.arange(len(self.again))
        sides = {"unmasked_unmasked": (unmasked, unmasked)}
        if self.masking is not None:
            sides |= {"unmasked_masked": (unmasked, masked), "masked_masked": (masked, masked)}
        identity = np.concatenate([self.pairs.identity, self.pairs.identity[self.again]])
        protocols: dict[str, ProtocolRun] = {
            name: replace(
                self.pairs, reference=first[self.pairs.reference], probe=second[self.pairs.probe]
            ).verification(identity)
            for name, (first, second) in sides.items()
        }
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
