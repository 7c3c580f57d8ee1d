"""Full faces of known identities beside masked faces of anybody, for networks that turn one into the other."""

from collections.abc import Sequence

import albumentations as A
import numpy as np
import torch
from torch.utils.data import Dataset

from maskrec.data.borders import Window
from maskrec.data.datasets import TrainingFaces, compose, read_face, transformed
from maskrec.data.images import to_tensor
from maskrec.data.samplers import Draw
from maskrec.types import FaceBatch, UnpairedBatch

WHOLE = slice(None), slice(None)
MASKED = 5  # a stream of random numbers of its own, beside those of `TrainingFaces`


class UnpairedFaces(Dataset[UnpairedBatch]):
    """Each draw gives a full face and a masked one that is drawn at random, so that every full face meets all of them.

    Args:
        full: Full faces; how many there are is the length of an epoch.
        masked: (M,) pictures of masked faces.
        augmentation: Of masked faces, in order.
        windows: (M,) what is cut out of each masked face, and out of the full one beside it; default: nothing is cut.
    """

    def __init__(
        self,
        full: TrainingFaces,
        masked: Sequence[str],
        augmentation: Sequence[A.BasicTransform] = (),
        windows: Sequence[Window] | None = None,
    ) -> None:
        self.full = full
        self.masked = masked
        self.augmentation = compose(augmentation, None)
        self.windows = windows or [WHOLE] * len(masked)

    def __len__(self) -> int:
        """Full faces."""
        return len(self.full)

    def __getitem__(self, draw: Draw | int) -> UnpairedBatch:
        """One of each, without the batch dimension; a row in place of a draw gives the same two every time."""
        draw = draw if isinstance(draw, Draw) else Draw(draw, epoch=0)
        face = self.full[draw]
        assert isinstance(face, FaceBatch)  # these faces come alone, not paired or in views
        key = (self.full.seed, draw.row, draw.epoch, draw.repeat, MASKED)
        row = int(np.random.default_rng(key).integers(len(self.masked)))
        rows, columns = self.windows[row]
        picture = read_face(self.masked[row], row, self.full.image_size, None)["image"][rows, columns]
        masked = transformed(self.augmentation, {"image": picture}, *key, 1)["image"]
        return UnpairedBatch(face.image[:, rows, columns], torch.as_tensor(face.identity), to_tensor(masked))
