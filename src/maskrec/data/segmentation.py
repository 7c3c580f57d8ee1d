"""Masked faces with the region of the mask, for training a segmenter."""

import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import albumentations as A
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from maskrec.data.datasets import compose, read_face, transformed
from maskrec.data.images import fit_image, normalise, read_image, read_levels, to_tensor
from maskrec.data.index import expect_folder, find_pictures
from maskrec.data.landmarks import FaceLandmarks
from maskrec.data.loading import LoaderModule
from maskrec.data.samplers import Draw, ShuffledBatchSampler
from maskrec.errors import UserError
from maskrec.masking import MaskTransform
from maskrec.types import SegmentationBatch

TREE = "images/<name>.jpg and labels/<name>.png below it"
Pair = tuple[Path, Path]
Regions: TypeAlias = "Dataset[SegmentationBatch]"
"""By row, or by draw, which augments."""


class LabelledRegions(Dataset[SegmentationBatch]):
    """Pictures with label pictures of the mask.

    Args:
        pairs: (N,) picture and label picture.
        image_size: (height, width) in pixels; pictures are scaled to cover it and cut to its centre.
        mask_level: Lowest level of a label that is mask.
        augmentation: Applied in order, to picture and region alike.
        seed: With a draw, fixes what is seen.
    """

    def __init__(
        self,
        pairs: list[Pair],
        image_size: tuple[int, int],
        mask_level: int,
        augmentation: Sequence[A.BasicTransform] = (),
        seed: int = 0,
    ) -> None:
        self.pairs = pairs
        self.image_size = image_size
        self.mask_level = mask_level
        self.augmentation = compose(augmentation, None)
        self.seed = seed

    def __len__(self) -> int:
        """N."""
        return len(self.pairs)

    def __getitem__(self, draw: Draw | int) -> SegmentationBatch:
        """One face, its tensors without the batch dimension."""
        row = draw.row if isinstance(draw, Draw) else draw
        image, labels = read_image(self.pairs[row][0]), read_levels(self.pairs[row][1])
        if image.shape[:2] != labels.shape:
            raise UserError(f"labels {self.pairs[row][1]}: {labels.shape} pixels, the picture has {image.shape[:2]}")
        worn = np.where(labels >= self.mask_level, 255, 0).astype(np.uint8)
        image, region = fit_image(image, self.image_size), fit_image(worn, self.image_size) > 127
        seen = {"image": image, "mask": region.astype(np.uint8)}
        if isinstance(draw, Draw):
            seen = transformed(self.augmentation, seen, self.seed, draw.row, draw.epoch, draw.repeat)
        return _segmented(seen)


class DrawnRegions(Dataset[SegmentationBatch]):
    """Faces on which masks are drawn: where is known.

    Args:
        paths: (N,) pictures.
        image_size: (height, width) in pixels.
        masking: Draws them; where its p leaves a face as it is the region is empty.
        landmarks: Of the N pictures, where the masking needs them.
        augmentation: Applied to draws, in order, after the mask.
        seed: Fixes what is seen, with a draw or a row.
    """

    def __init__(
        self,
        paths: Sequence[str],
        image_size: tuple[int, int],
        masking: MaskTransform,
        landmarks: FaceLandmarks | None,
        augmentation: Sequence[A.BasicTransform] = (),
        seed: int = 0,
    ) -> None:
        self.paths = paths
        self.image_size = image_size
        self.landmarks = landmarks
        self.masked, self.augmented = compose([masking], landmarks), compose([masking, *augmentation], landmarks)
        self.seed = seed

    def __len__(self) -> int:
        """N."""
        return len(self.paths)

    def __getitem__(self, draw: Draw | int) -> SegmentationBatch:
        """One face, its tensors without the batch dimension."""
        row = draw.row if isinstance(draw, Draw) else draw
        picture = read_face(self.paths[row], row, self.image_size, self.landmarks)
        picture["mask"] = np.zeros(self.image_size, dtype=np.uint8)
        if isinstance(draw, Draw):
            return _segmented(transformed(self.augmented, picture, self.seed, row, draw.epoch, draw.repeat))
        return _segmented(transformed(self.masked, picture, self.seed, row))


def _segmented(seen: dict[str, Any]) -> SegmentationBatch:
    return SegmentationBatch(to_tensor(seen["image"]), torch.from_numpy(np.ascontiguousarray(seen["mask"])).bool())


class JoinedRegions(Dataset[SegmentationBatch]):
    """Several of them, one after the other, by row or by draw.

    Args:
        parts: Which.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts
        self.starts = [0, *accumulate(map(len, parts))]

    def __len__(self) -> int:
        """Faces of all parts."""
        return self.starts[-1]

    def __getitem__(self, draw: Draw | int) -> SegmentationBatch:
        """One face, its tensors without the batch dimension."""
        row = draw.row if isinstance(draw, Draw) else draw
        part = bisect_right(self.starts, row) - 1
        own = row - self.starts[part]
        face: SegmentationBatch = self.parts[part][draw._replace(row=own) if isinstance(draw, Draw) else own]
        return face


class SegmentationModule(LoaderModule, ABC):
    """Masked faces with their regions, to train a segmenter on and to validate and test it.

    Args:
        image_size: (height, width) in pixels.
        batch_size: Faces in a global batch, over all processes.
        augmentation: Albumentations transforms of training faces.
        num_workers: As for `LoaderModule`.
        seed: Seed of batches and augmentation; linked to `seed_everything`.
    """

    def __init__(
        self,
        image_size: tuple[int, int] = (256, 256),
        batch_size: int = 16,
        augmentation: list[A.BasicTransform] | None = None,
        num_workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(num_workers)
        self.image_size = image_size
        self.batch_size = batch_size
        self.augmentation = augmentation or []
        self.seed = seed
        self.num_identities = None  # of a head, which is not trained here

    @abstractmethod
    def regions(self, shown: "SegmentationModule") -> tuple[Regions, Regions]:
        """What is trained on and what is held out, in the size and with the augmentation of `shown`."""

    @cached_property
    def _regions(self) -> tuple[Regions, Regions]:
        return self.regions(self)

    def train_dataloader(self) -> DataLoader[SegmentationBatch]:
        """Batches in random order."""
        faces: Any = self._regions[0]
        options = {"seed": self.seed, "rank": self.rank, "world_size": self.world_size}
        return self.training_loader(faces, ShuffledBatchSampler(len(faces), self.batch_size, **options))

    def val_dataloader(self) -> DataLoader[SegmentationBatch]:
        """The held-out faces, in order."""
        return DataLoader(self._regions[1], batch_size=self.batch_size, **self.worker_options())

    test_dataloader = val_dataloader

    def on_after_batch_transfer(self, batch: SegmentationBatch, dataloader_idx: int) -> SegmentationBatch:
        """Pixels become floats in [-1, 1] on the device."""
        return batch._replace(image=normalise(batch.image))


class MaskSegmentation(SegmentationModule):
    """Any folder of `images/<name>.<any>` and `labels/<name>.png`: most to train on, the rest to validate.

    Args:
        root: The folder.
        image_size: As for `SegmentationModule`.
        batch_size: As for `SegmentationModule`.
        held_out: Share kept for validation, chosen by `split_seed`.
        mask_level: Lowest level of a label picture that is mask: 1 where 0 is all else, 2 where 1 is the face.
        split_seed: Seed of the split.
        **kwargs: As for `SegmentationModule`.
    """

    def __init__(
        self,
        root: str,
        image_size: tuple[int, int] = (256, 256),
        batch_size: int = 16,
        held_out: float = 0.1,
        mask_level: int = 1,
        split_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size, batch_size, **kwargs)
        self.root = Path(root)
        self.held_out = held_out
        self.mask_level = mask_level
        self.split_seed = split_seed

    @cached_property
    def split(self) -> tuple[list[Pair], list[Pair]]:
        """What is trained on and what is held out.

        Raises:
            UserError: A folder or a picture's labels are missing.
        """
        images, labels = self.root / "images", self.root / "labels"
        for folder in (images, labels):
            expect_folder(folder, TREE)
        pictures = [images / os.fsdecode(name) for name, _, _ in find_pictures(images)]
        pairs = [(path, labels / path.relative_to(images).with_suffix(".png")) for path in pictures]
        if bare := [path for path, labelled in pairs if not labelled.is_file()]:
            raise UserError(f"image {bare[0]}: has no labels ({len(bare)} such pictures); expected {TREE}")
        order = np.random.default_rng(self.split_seed).permutation(len(pairs))
        held_out = round(len(pairs) * self.held_out)
        return [pairs[row] for row in sorted(order[held_out:])], [pairs[row] for row in sorted(order[:held_out])]

    def regions(self, shown: SegmentationModule) -> tuple[Regions, Regions]:
        """Most pictures, and the rest as they are."""
        training, held_out = self.split
        augmented = LabelledRegions(training, shown.image_size, self.mask_level, shown.augmentation, shown.seed)
        return augmented, LabelledRegions(held_out, shown.image_size, self.mask_level)
