"""Faces by row: drawn for training, or as they are for evaluation."""

from collections.abc import Sequence

import albumentations as A
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from maskrec.data.images import Image, fit_image, read_image, to_tensor
from maskrec.data.samplers import Draw
from maskrec.masking import MaskTransform
from maskrec.types import FaceBatch


def transform_seed(seed: int, *draw: int) -> int:
    """A seed for one showing of a face, so that neither workers nor a resume change what is seen."""
    return int(np.random.SeedSequence((seed, *draw)).generate_state(1)[0])


class TrainingFaces(Dataset[FaceBatch]):
    """Faces of known identities; a draw gives the face with its mask and augmentation.

    Args:
        paths: (N,) pictures.
        labels: (N,) identities.
        image_size: (height, width) in pixels.
        masking: Puts a mask on a share of the faces.
        augmentation: Applied in order, after the mask.
        seed: With a draw, fixes what is seen.
    """

    def __init__(
        self,
        paths: Sequence[str],
        labels: npt.NDArray[np.int64],
        image_size: tuple[int, int],
        masking: MaskTransform | None = None,
        augmentation: Sequence[A.BasicTransform] = (),
        seed: int = 0,
    ) -> None:
        self.paths = paths
        self.labels = labels
        self.image_size = image_size
        self.seed = seed
        self.transform = A.Compose([*([masking] if masking else []), *augmentation])

    def __len__(self) -> int:
        """N."""
        return len(self.paths)

    def __getitem__(self, draw: Draw) -> FaceBatch:
        """One face, its tensors without the batch dimension."""
        image = fit_image(read_image(self.paths[draw.row]), self.image_size)
        self.transform.set_random_seed(transform_seed(self.seed, *draw))
        seen = self.transform(image=image, mask=np.zeros(image.shape[:2], dtype=np.uint8))
        return face(seen["image"], int(self.labels[draw.row]), bool(seen["mask"].any()), draw.row)


def face(image: Image, identity: int, is_masked: bool, row: int) -> FaceBatch:
    """One sample: a `FaceBatch` without the batch dimension, which the loader stacks."""
    return FaceBatch(to_tensor(image), torch.tensor(identity), torch.tensor(is_masked), torch.tensor(row))


class EvaluationFaces(Dataset[FaceBatch]):
    """Faces as they are, and after them, where `masking` is given, the same faces masked: row N + i is row i masked.

    Args:
        paths: (N,) pictures.
        image_size: (height, width) in pixels.
        masking: The mask of the second half, drawn from the seed and the row alone.
        seed: Seed of the masks.
    """

    def __init__(
        self, paths: Sequence[str], image_size: tuple[int, int], masking: MaskTransform | None = None, seed: int = 0
    ) -> None:
        self.paths = paths
        self.image_size = image_size
        self.seed = seed
        self.transform = A.Compose([masking]) if masking else None

    def __len__(self) -> int:
        """N, or 2 N with masks."""
        return len(self.paths) * (2 if self.transform else 1)

    def __getitem__(self, row: int) -> FaceBatch:
        """One face, its tensors without the batch dimension; identities play no part here."""
        again, source = divmod(row, len(self.paths))
        image = fit_image(read_image(self.paths[source]), self.image_size)
        if again and self.transform:
            self.transform.set_random_seed(transform_seed(self.seed, source))
            image = self.transform(image=image)["image"]
        return face(image, -1, bool(again), row)
