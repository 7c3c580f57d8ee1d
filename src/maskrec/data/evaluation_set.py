"""A named set of faces with its protocols, on which any method can be tested."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from maskrec.data.datasets import EvaluationFaces
from maskrec.data.landmarks import landmarks_for
from maskrec.data.pairs import PairList
from maskrec.errors import UserError
from maskrec.evaluation import Evaluation, Verification
from maskrec.masking import MaskTransform
from maskrec.types import FaceBatch


class EvaluationSet(ABC):
    """What a method is tested on: faces by row, and protocols over those rows."""

    @abstractmethod
    def faces(self, image_size: tuple[int, int]) -> Dataset[FaceBatch]:
        """The faces at (height, width) pixels."""

    @abstractmethod
    def evaluation(self) -> Evaluation:
        """The protocols over the rows of `faces`."""


class MaskedPairs(EvaluationSet):
    """A pair list, compared as it is and with masks put on: the three comparisons.

    `unmasked_unmasked` as listed; `unmasked_masked` with the second face of each pair masked; `masked_masked`.

    Args:
        name: Short name, as in log keys.
        pairs: What is compared.
        root: The folder the pictures lie below, on which `maskrec landmarks` was run if masks need landmarks.
        masking: How faces are masked; without it only `unmasked_unmasked` is run.
        seed: Seed of the masks.

    Raises:
        UserError: The masking leaves some faces unmasked (p < 1), or needs landmarks that were not detected.
    """

    def __init__(self, name: str, pairs: PairList, root: Path, masking: MaskTransform | None, seed: int = 0) -> None:
        if masking is not None and masking.p < 1:
            raise UserError(
                f"test masking of '{name}': p is {masking.p}, but every masked face needs its mask: use p 1"
            )
        self.name = name
        self.pairs = pairs
        self.masking = masking
        self.seed = seed
        self.landmarks = landmarks_for([masking], root, pairs.paths)

    def faces(self, image_size: tuple[int, int]) -> EvaluationFaces:
        """All faces unmasked, then all masked."""
        return EvaluationFaces(self.pairs.paths, image_size, self.masking, self.seed, self.landmarks)

    def evaluation(self) -> Evaluation:
        """10-fold verification in each comparison."""
        faces = len(self.pairs.paths)
        reference, probe = torch.from_numpy(self.pairs.reference), torch.from_numpy(self.pairs.probe)
        comparisons: dict[str, tuple[Tensor, Tensor]] = {"unmasked_unmasked": (reference, probe)}
        if self.masking is not None:
            comparisons["unmasked_masked"] = (reference, probe + faces)
            comparisons["masked_masked"] = (reference + faces, probe + faces)
        is_genuine, fold = torch.from_numpy(self.pairs.is_genuine), torch.from_numpy(self.pairs.fold)
        return Evaluation(
            self.name,
            faces * (2 if self.masking is not None else 1),
            {name: Verification(*rows, is_genuine, fold) for name, rows in comparisons.items()},
        )
