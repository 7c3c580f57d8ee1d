"""What methods are tested on: data modules with loaders for evaluation, and the sets behind the loaders."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from maskrec.data.aligned_faces import aligned_faces
from maskrec.data.datasets import EvaluationFaces
from maskrec.data.images import SUFFIXES, normalise
from maskrec.data.index import find_pictures
from maskrec.data.landmarks import FaceLandmarks, landmarks_for
from maskrec.data.loading import LoaderModule
from maskrec.data.pairs import Rows
from maskrec.errors import UserError
from maskrec.evaluation import Evaluation
from maskrec.masking import MaskTransform
from maskrec.types import FaceBatch

EVALUATION_BATCH = 64  # faces a process at a time: larger ones leave a CPU's caches; has no influence on results
MASK_SEED = 0  # not the run's: the masks of a set are the same in every run


class EvaluationModule(LoaderModule, ABC):
    """Loaders for validation, test and prediction.

    Pictures travel as uint8 and become floats in [-1, 1] on the device.

    Args:
        image_size: (height, width) in pixels; aligned faces are scaled to cover it and cut to its centre.
        num_workers: Loader processes of each rank; default: one a core, at most 8, shared by the ranks of this machine.
    """

    def __init__(self, image_size: tuple[int, int] = (112, 112), num_workers: int | None = None) -> None:
        super().__init__(num_workers)
        self.image_size = image_size
        self.predict_folder: Path | None = None

    @abstractmethod
    def evaluation_sets(self, stage: str) -> "list[EvaluationSet]":
        """The sets behind the loaders of `val` or `test`, in order."""

    def val_dataloader(self) -> list[DataLoader[FaceBatch]]:
        """One loader a validation set."""
        return [self._evaluation_loader(faces) for faces in self.evaluation_sets("val")]

    def test_dataloader(self) -> list[DataLoader[FaceBatch]]:
        """One loader a test set."""
        sets = self.evaluation_sets("test")
        if not sets:
            raise UserError("data.test_sets is empty: name at least one evaluation set, e.g. data_modules.LFW")
        return [self._evaluation_loader(faces) for faces in sets]

    def predict_dataloader(self) -> DataLoader[FaceBatch]:
        """The pictures of `predict_folder`."""
        return self._loader(EvaluationFaces(self.predict_paths(), self.image_size))

    def predict_paths(self) -> list[str]:
        """Every picture under `predict_folder`, sorted."""
        if self.predict_folder is None or not self.predict_folder.is_dir():
            raise UserError(f"--images {self.predict_folder}: no such folder of pictures")
        try:
            found = find_pictures(self.predict_folder)
        except UserError as error:
            raise UserError(f"--images {self.predict_folder}: holds no picture ({', '.join(SUFFIXES)})") from error
        return [os.path.join(self.predict_folder, os.fsdecode(name)) for name, _, _ in found]

    def _evaluation_loader(self, faces: "EvaluationSet") -> DataLoader[FaceBatch]:
        return self._loader(faces.faces(self.image_size))

    def _loader(self, faces: Any) -> DataLoader[FaceBatch]:
        # The sampler pads the ranks to one length, which DDP needs; the evaluation drops what was padded.
        sampler: DistributedSampler[FaceBatch] = DistributedSampler(faces, self.world_size, self.rank, shuffle=False)
        return DataLoader(faces, batch_size=EVALUATION_BATCH, sampler=sampler, **self.worker_options())

    def on_after_batch_transfer(self, batch: FaceBatch, dataloader_idx: int) -> FaceBatch:
        """Pixels become floats in [-1, 1] on the device."""
        return batch._replace(image=normalise(batch.image))


class EvaluationSet(EvaluationModule):
    """What a method is tested on: faces by row, and protocols over those rows.

    It is one of the `test_sets` of another data module, whose image size it takes, or the data module itself.

    Attributes:
        name: Short name, as in log keys.
    """

    name: str

    @abstractmethod
    def faces(self, image_size: tuple[int, int]) -> Dataset[FaceBatch]:
        """The faces at (height, width) pixels."""

    @abstractmethod
    def evaluation(self) -> Evaluation:
        """The protocols over the rows of `faces`."""

    def evaluation_sets(self, stage: str) -> "list[EvaluationSet]":
        """Itself."""
        return [self]

    def train_dataloader(self) -> NoReturn:
        """Nothing to train on."""
        raise UserError(f"data {type(self).__name__} is a test set; to train, give a class such as FaceFolder")


class PictureSet(EvaluationSet):
    """Pictures below a folder by row, and after them some of them again with a mask put on.

    Args:
        name: Short name, as in log keys.
        root: The folder, on which `maskrec landmarks` was run if masks need landmarks.
        names: (N,) pictures below it.
        aligned: Whether they are aligned to the ArcFace template; those of a set that is not are aligned on first use,
            into the cache. Default: they are where all are 112 x 112.
        masking: How faces are masked.
        again: (M,) rows that come again, masked, as rows N to N + M - 1; default: all, where there is a masking.
        is_masked: (N,) bool, who wears a real mask; default: nobody.
        worn: (N,) the pictures with masks on, aligned, in place of a masking.
        **kwargs: As for `EvaluationModule`.

    Raises:
        UserError: The masking leaves some faces unmasked (p < 1).
    """

    def __init__(
        self,
        name: str,
        root: Path,
        names: Sequence[str],
        aligned: bool | None = None,
        masking: MaskTransform | None = None,
        again: Rows | None = None,
        is_masked: npt.NDArray[np.bool_] | None = None,
        worn: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if masking is not None and masking.p < 1:
            raise UserError(
                f"test masking of '{name}': p is {masking.p}, but every masked face needs its mask: use p 1"
            )
        self.name = name
        self.root = root
        self.names = names
        self.aligned = aligned
        self.masking = masking
        self.worn = worn
        self.again = np.arange(len(names) if masking or worn else 0) if again is None else again
        self.is_masked = np.zeros(len(names), dtype=bool) if is_masked is None else is_masked

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        _ = self._pictures

    def folder(self) -> Path:
        """Where its aligned faces lie, on which landmarks are detected; aligns what is not aligned yet."""
        return aligned_faces(self.root, self.names, self.aligned).root

    @cached_property
    def _pictures(self) -> tuple[Sequence[str], FaceLandmarks | None, Sequence[str]]:
        """Aligned faces, their landmarks where the masking needs them, and the same faces with masks on."""
        found = aligned_faces(self.root, self.names, self.aligned)
        return found.paths, landmarks_for([self.masking], found.root, found.paths), self.worn

    def faces(self, image_size: tuple[int, int]) -> EvaluationFaces:
        """All faces as they are, then those that come again."""
        paths, landmarks, worn = self._pictures
        masks = self.masking, MASK_SEED, landmarks, self.again, self.is_masked, worn
        return EvaluationFaces(paths, image_size, *masks)

    def wears(self) -> Tensor:
        """(N + M,) bool, who wears a mask, real or put on."""
        return torch.from_numpy(np.concatenate([self.is_masked, np.ones(len(self.again), dtype=bool)]))

    def paths(self) -> list[str]:
        """(N + M,) the picture behind each row."""
        paths = [os.path.join(self.root, name) for name in self.names]
        return paths + [paths[row] for row in self.again]
