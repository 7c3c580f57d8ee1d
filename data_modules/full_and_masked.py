"""Full faces of a folder of identities, and masked faces of anybody, not paired: what IAMGAN learns from."""

from functools import cached_property
from pathlib import Path

import albumentations as A
from pytorch_lightning.utilities import rank_zero_info
from torch.utils.data import DataLoader

from data_modules.face_folder import FaceFolder
from maskrec.data import (
    Half,
    LoaderModule,
    ShuffledBatchSampler,
    TrainingFaces,
    UnpairedFaces,
    normalise,
    pictures_below,
    without_borders,
)
from maskrec.types import UnpairedBatch


class FullAndMasked(LoaderModule):
    """F, the faces of a folder, and M, all pictures below another; validated and tested on identities F holds out.

    Args:
        full: F: which faces; how they are shown is said here.
        masked_root: What M lies below, to any depth.
        masked_half: M is one half of the folders directly below `masked_root`; a test set takes the other.
        image_size: (height, width) in pixels.
        batch_size: Faces of each kind in a global batch, over all processes.
        augmentation: Albumentations transforms of faces of both kinds.
        cut: (height, width) in pixels that faces of both kinds are cut to in training, where the masked one has no
            black border, as aligned faces have whose picture ends close to them; else these masks would bring borders.
            Masked faces that are nowhere so large without one are left out, and counted.
        shown: Held-out faces that are validated and tested on, at most.
        num_workers: As for `LoaderModule`.
        seed: Seed of batches and augmentation; linked to `seed_everything`.
    """

    def __init__(
        self,
        full: FaceFolder,
        masked_root: str,
        masked_half: Half | None = None,
        image_size: tuple[int, int] = (256, 256),
        batch_size: int = 1,
        augmentation: list[A.BasicTransform] | None = None,
        cut: tuple[int, int] | None = None,
        shown: int = 64,
        num_workers: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(num_workers)
        self.full = full
        self.masked_root = Path(masked_root)
        self.masked_half = masked_half
        self.image_size = image_size
        self.batch_size = batch_size
        self.augmentation = augmentation or []
        self.cut = cut
        self.shown = shown
        self.seed = seed

    @property
    def num_identities(self) -> int | None:
        """K, the identities of F."""
        return self.full.num_identities

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        self.full.align()

    @cached_property
    def masked_faces(self) -> list[str]:
        """M."""
        return pictures_below(self.masked_root, self.masked_half)

    def train_dataloader(self) -> DataLoader[UnpairedBatch]:
        """Batches in random order."""
        rows = self.full.training_rows()
        faces = TrainingFaces(rows.paths, rows.labels, self.image_size, None, self.augmentation, self.seed)
        options = {"seed": self.seed, "rank": self.rank, "world_size": self.world_size}
        sampler = ShuffledBatchSampler(len(faces), self.batch_size, **options)
        masked, windows = self.masked_faces, None
        if self.cut is not None:
            kept = without_borders(masked, self.image_size, self.cut)
            rank_zero_info(f"{len(kept)} of {len(masked)} masked faces, those without border where cut")
            masked, windows = list(kept), list(kept.values())
        return self.training_loader(UnpairedFaces(faces, masked, self.augmentation, windows), sampler)

    def val_dataloader(self) -> DataLoader[UnpairedBatch]:
        """Held-out faces as they are, at even steps, and a masked face beside each."""
        rows = self.full.held_out_rows()
        step = max(1, len(rows.paths) // self.shown)
        shown = slice(0, step * self.shown, step)
        faces = UnpairedFaces(TrainingFaces(rows.paths[shown], rows.labels[shown], self.image_size), self.masked_faces)
        return DataLoader(faces, batch_size=8, **self.worker_options())

    test_dataloader = val_dataloader

    def on_after_batch_transfer(self, batch: UnpairedBatch, dataloader_idx: int) -> UnpairedBatch:
        """Pixels become floats in [-1, 1] on the device."""
        return batch._replace(image=normalise(batch.image), masked=normalise(batch.masked))
