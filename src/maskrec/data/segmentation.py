"""Masked faces with labels of the mask, for training a segmenter."""

import os
from functools import cached_property
from pathlib import Path

import albumentations as A
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from maskrec.data.datasets import transformed
from maskrec.data.images import fit_image, normalise, read_image, to_tensor
from maskrec.data.index import expect_folder, find_pictures
from maskrec.data.loading import LoaderModule
from maskrec.data.samplers import Draw, ShuffledBatchSampler
from maskrec.errors import UserError
from maskrec.types import SegmentationBatch

TREE = "images/<name>.jpg and labels/<name>.png below it"
Pair = tuple[Path, Path]


class SegmentedFaces(Dataset[SegmentationBatch]):
    """Pictures with the region of the mask.

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
        augmentation: list[A.BasicTransform] | None = None,
        seed: int = 0,
    ) -> None:
        self.pairs = pairs
        self.image_size = image_size
        self.mask_level = mask_level
        self.augmentation = A.Compose(augmentation) if augmentation else None
        self.seed = seed

    def __len__(self) -> int:
        """N."""
        return len(self.pairs)

    def __getitem__(self, draw: Draw | int) -> SegmentationBatch:
        """One face, its tensors without the batch dimension; a draw augments it."""
        row = draw.row if isinstance(draw, Draw) else draw
        image, labels = map(read_image, self.pairs[row])
        if image.shape != labels.shape:
            raise UserError(
                f"labels {self.pairs[row][1]}: {labels.shape[:2]} pixels, the picture has {image.shape[:2]}"
            )
        worn = np.where(labels >= self.mask_level, 255, 0).astype(np.uint8)
        image, region = fit_image(image, self.image_size), fit_image(worn, self.image_size)[..., 0] > 127
        seen = {"image": image, "mask": region.astype(np.uint8)}
        if isinstance(draw, Draw):
            seen = transformed(self.augmentation, seen, self.seed, draw.row, draw.epoch, draw.repeat)
        return SegmentationBatch(to_tensor(seen["image"]), torch.from_numpy(np.ascontiguousarray(seen["mask"])).bool())


class DrawnMasks(Dataset[SegmentationBatch]):
    """Faces with masks drawn on them, whose regions are known.

    Args:
        paths: (N,) pictures.
        image_size: (height, width) in pixels.
        masking: What is drawn; where its p leaves a face as it is, the region is empty.
        landmarks: Of the N pictures, where the masking needs them.
        augmentation: Applied in order, to picture and region alike; of draws alone.
        seed: With a draw, fixes what is seen; without one the row alone does.
    """

    def __init__(
        self,
        paths: Sequence[str],
        image_size: tuple[int, int],
        masking: MaskTransform,
        landmarks: FaceLandmarks | None,
        augmentation: list[A.BasicTransform] | None = None,
        seed: int = 0,
    ) -> None:
        self.faces = TrainingFaces(
            paths, np.zeros(len(paths), dtype=np.int64), image_size, masking, augmentation or (), seed, landmarks
        )

    def __len__(self) -> int:
        """N."""
        return len(self.faces)

    def __getitem__(self, draw: Draw | int) -> SegmentationBatch:
        """One face, its tensors without the batch dimension; a draw augments it."""
        return self.faces.with_region(draw if isinstance(draw, Draw) else Draw(draw))


class MaskSegmentation(LoaderModule):
    """Any folder of `images/<name>.<any>` and `labels/<name>.png`: most to train on, the rest to validate.

    Args:
        root: The folder.
        image_size: (height, width) in pixels.
        batch_size: Faces in a global batch, over all processes.
        held_out: Share kept for validation, chosen by `split_seed`.
        mask_level: Lowest level of a label picture that is mask: 1 where 0 is all else, 2 where 1 is the face.
        augmentation: Albumentations transforms of training faces.
        split_seed: Seed of the split.
        num_workers: As for `LoaderModule`.
        seed: Seed of batches and augmentation; linked to `seed_everything`.
    """

    def __init__(
        self,
        root: str,
        image_size: tuple[int, int] = (256, 256),
        batch_size: int = 16,
        held_out: float = 0.1,
        mask_level: int = 1,
        augmentation: list[A.BasicTransform] | None = None,
        split_seed: int = 0,
        num_workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(num_workers)
        self.root = Path(root)
        self.image_size = image_size
        self.batch_size = batch_size
        self.held_out = held_out
        self.mask_level = mask_level
        self.augmentation = augmentation
        self.split_seed = split_seed
        self.seed = seed

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

    def train_dataloader(self) -> DataLoader[SegmentationBatch]:
        """Batches in random order."""
        faces = SegmentedFaces(self.split[0], self.image_size, self.mask_level, self.augmentation, self.seed)
        options = {"seed": self.seed, "rank": self.rank, "world_size": self.world_size}
        return self.training_loader(faces, ShuffledBatchSampler(len(faces), self.batch_size, **options))

    def val_dataloader(self) -> DataLoader[SegmentationBatch]:
        """The held-out faces as they are, in order."""
        faces = SegmentedFaces(self.split[1], self.image_size, self.mask_level)
        return DataLoader(faces, batch_size=self.batch_size, **self.worker_options())

    def on_after_batch_transfer(self, batch: SegmentationBatch, dataloader_idx: int) -> SegmentationBatch:
        """Pixels become floats in [-1, 1] on the device."""
        return batch._replace(image=normalise(batch.image))
