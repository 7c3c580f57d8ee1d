"""The base of every data module that trains: batches, masks, and where a resumed epoch goes on."""

from functools import cached_property
from typing import Any, Literal

import albumentations as A
import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader

from maskrec.data.datasets import EvaluationFaces, FaceRows, TrainingFaces, collate_sides
from maskrec.data.evaluation_set import EvaluationModule, EvaluationSet
from maskrec.data.landmarks import FaceLandmarks, joined_landmarks, landmarks_for, read_landmarks
from maskrec.data.pair_sampler import PairBatchSampler, PairDraw
from maskrec.data.samplers import EpochBatchSampler, IdentityBatchSampler, ShuffledBatchSampler
from maskrec.errors import UserError
from maskrec.masking import MaskTransform
from maskrec.masking.on_device import SampleMask
from maskrec.types import FaceBatch


class FaceDataModule(EvaluationModule):
    """Faces for training, validation, test and prediction.

    A subclass says which faces: it overrides `training_faces`, `validation_sets` and `num_identities`.

    Args:
        image_size: (height, width) in pixels; aligned faces are scaled to cover it and cut to its centre.
        batch_size: Faces in a global batch: over all processes, so that hardware does not change an experiment.
        images_per_identity: K of P x K batches with P = batch_size / K; without it faces are shuffled freely.
        masked_per_identity: How many of the K wear `masking`, whose p is 1; default: each face with its probability.
        masking: Puts masks on training faces, with its own probability.
        augmentation: Further albumentations transforms of training faces, in order, after the mask.
        masking_on_device: Draw the masks of `masking`, an `MG`, on the device, in batches, and after the augmentation;
            workers only sample them. An `IAMGANMask` is drawn there in any case.
        landmarks: Give batches the landmarks of their faces even where neither masks nor augmentation need them.
        paired: Each of the `batch_size` faces comes without and with its mask: first all without, then, in the same
            order, all with theirs, 2 x batch_size pictures over all processes; `masking` with p 1.
        views: 2: each of the `batch_size` faces comes in two views, each with a mask and an augmentation of its own:
            first all first views, then, in the same order, all second ones.
        pair_draw: How pairs are drawn: `batch_size` of them, each an unmasked reference and a masked probe.
        test_sets: What a method is tested on, each under a name of its own.
        num_workers: Loader processes of each rank; default: one a core, at most 8, shared by the ranks of this machine.
        seed: Seed of batches, masks and augmentation; linked to `seed_everything`.

    Raises:
        UserError: Arguments that do not go together, or two test sets of one name.
    """

    def __init__(
        self,
        image_size: tuple[int, int] = (112, 112),
        batch_size: int = 128,
        images_per_identity: int | None = None,
        masked_per_identity: int | None = None,
        masking: MaskTransform | None = None,
        augmentation: list[A.BasicTransform] | None = None,
        masking_on_device: bool = False,
        landmarks: bool = False,
        paired: bool = False,
        views: Literal[1, 2] = 1,
        pair_draw: PairDraw | None = None,
        test_sets: list[EvaluationSet] | None = None,
        num_workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(image_size, num_workers)
        self.batch_size = batch_size
        self.images_per_identity = images_per_identity
        self.masked_per_identity = _masked_per_identity(masked_per_identity, images_per_identity, masking)
        self.masking = masking
        is_sampled = masking_on_device or (masking is not None and masking.always_on_device)
        self.sampling = SampleMask(masking) if is_sampled else None
        self.augmentation = augmentation or []
        self.landmarks = landmarks
        self.paired = paired
        self.views = views
        self.pair_draw = pair_draw
        self.test_sets = _of_different_names(test_sets or [])
        self.seed = seed

    # Which faces: for subclasses.

    @property
    def num_identities(self) -> int | None:
        """K, the identities of the training faces; None where there is nothing to train on."""
        return None

    def training_faces(self) -> TrainingFaces:
        """The faces to train on."""
        raise UserError(f"{type(self).__name__} holds no training faces; give data a class that does, e.g. FaceFolder")

    def validation_sets(self) -> list[EvaluationSet]:
        """What training is validated on; never a test set."""
        return []

    def evaluation_sets(self, stage: str) -> list[EvaluationSet]:
        """The sets behind the loaders of `val` or `test`, in order."""
        return self.test_sets if stage == "test" else self.validation_sets()

    def prepare_data(self) -> None:
        """Prepare the test sets; Lightning calls this in one process a machine."""
        for faces in self.test_sets:
            faces.prepare_data()

    def show(self, *sets: FaceRows) -> TrainingFaces:
        """The faces of one or several data sets as masking and augmentation show them: what `training_faces` returns.

        Raises:
            UserError: Masks need landmarks that were not detected, or some sets have masked copies and some have none.
        """
        if len({bool(part.worn) for part in sets}) > 1:
            raise UserError("data.sets: some have a masked_copy and some have none; expected all or none")
        identities = np.cumsum([0, *(part.labels.max(initial=-1) + 1 for part in sets[:-1])])
        return TrainingFaces(
            [path for part in sets for path in part.paths],
            np.concatenate([part.labels + first for part, first in zip(sets, identities, strict=True)]),
            self.image_size,
            self.sampling or self.masking,
            self.augmentation,
            self.seed,
            joined_landmarks([self._landmarks_of(part) for part in sets]),
            self.paired,
            self.views,
            [path for part in sets for path in part.worn],
            np.repeat(np.arange(len(sets)), [len(part.paths) for part in sets]),
        )

    def _landmarks_of(self, part: FaceRows) -> FaceLandmarks | None:
        if self.landmarks:
            return read_landmarks(part.root, part.paths)
        return landmarks_for([self.masking, *self.augmentation], part.root, part.paths)

    # Loaders.

    def train_dataloader(self) -> DataLoader[FaceBatch]:
        """Batches by a sampler that knows ranks, epochs and where to go on."""
        faces = self.training_faces()
        options = {"seed": self.seed, "rank": self.rank, "world_size": self.world_size}
        sampler: EpochBatchSampler
        if self.pair_draw is not None:
            if not faces.worn and (self.masking is None or self.masking.p < 1):
                raise UserError("data.pair_draw: probes wear masks; give data.masking with p 1, or a set's masked_copy")
            sampler = PairBatchSampler(faces.labels, faces.sets, self.batch_size, self.pair_draw, **options)
        elif self.images_per_identity is None:
            sampler = ShuffledBatchSampler(len(faces), self.batch_size, **options)
        else:
            images = self.images_per_identity, self.masked_per_identity
            sampler = IdentityBatchSampler(faces.labels, self.batch_size, *images, **options)
        return self.training_loader(faces, sampler, collate_sides if self.paired or self.views > 1 else None)

    def plain_training_loader(self, rows: npt.NDArray[np.int64] | None = None) -> DataLoader[FaceBatch]:
        """The training faces as they are, each once, in order; or some of them, whose place in `rows` is their row."""
        paths = self.training_faces().paths
        return self._loader(
            EvaluationFaces([paths[row] for row in rows] if rows is not None else paths, self.image_size)
        )

    def on_after_batch_transfer(self, batch: FaceBatch, dataloader_idx: int) -> FaceBatch:
        """On the device masks are drawn that were only sampled, and pixels become floats in [-1, 1]."""
        if self.sampling and batch.mask_parameters.numel():
            batch = self._drawing.to(batch.image.device).wear(batch)
        return super().on_after_batch_transfer(batch, dataloader_idx)

    @cached_property
    def _drawing(self) -> Any:
        assert self.sampling is not None
        return self.sampling.drawing()


def _of_different_names(sets: list[EvaluationSet]) -> list[EvaluationSet]:
    names = [faces.name for faces in sets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"data.test_sets: '{twice[0]}' is the name of several; give each a `name` of its own")
    return sets


def _masked_per_identity(count: int | None, images: int | None, masking: MaskTransform | None) -> int | None:
    if count is not None and images is None:
        raise UserError("data.masked_per_identity: is a part of data.images_per_identity; give that, too")
    if count and (masking is None or masking.p < 1):
        given = f"{type(masking).__name__} with p {masking.p}" if masking else "none"
        raise UserError(f"data.masked_per_identity {count}: needs a data.masking with p 1; it is {given}")
    return count
