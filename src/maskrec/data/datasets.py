"""Faces by row: drawn for training, or as they are for evaluation."""

import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, default_collate

from maskrec.data.images import fit_image, fit_points, read_image, to_tensor
from maskrec.data.landmarks import FaceLandmarks
from maskrec.data.samplers import Draw
from maskrec.data.texts import Texts
from maskrec.errors import UserError
from maskrec.masking import KEYPOINTS, MaskTransform
from maskrec.masking.base import unmirrored
from maskrec.masking.layout import NUM_LANDMARKS
from maskrec.masking.on_device import PARAMETERS, SampleMask
from maskrec.types import FaceBatch

NO_LANDMARKS = torch.full((NUM_LANDMARKS, 2), torch.nan)
NO_PARAMETERS = NO_PAIR = torch.empty(0)
# What random numbers are for: each has a stream of its own, and so has each view of a face.
FIRST, THEN, AGAIN, SECOND_VIEW, WORN = range(5)
# What keeps a face that is shown again in a batch from having the same pixels, whatever else the experiment does.
MOVED = A.Affine(
    translate_percent=(-0.04, 0.04), rotate=(-6, 6), scale=(0.95, 1.05), border_mode=cv2.BORDER_REPLICATE, p=1
)


class FaceRows(NamedTuple):
    """The faces of one data set.

    Args:
        root: The folder they lie below, on which `maskrec landmarks` was run if masks need landmarks.
        paths: (N,) pictures.
        labels: (N,) identities, from 0.
        worn: (N,) the same pictures with masks on; none where masks are put on online.
    """

    root: Path
    paths: Sequence[str]
    labels: npt.NDArray[np.int64]
    worn: Sequence[str] = ()


class TrainingFaces(Dataset[Any]):
    """Faces of known identities; a draw gives the face with its mask and augmentation.

    A face that was shown before in the epoch is also shifted, turned and scaled a little.

    Args:
        paths: (N,) pictures.
        labels: (N,) identities.
        image_size: (height, width) in pixels.
        masking: Puts a mask on a share of the faces, or, with p 1, on those whose draw says so; `SampleMask` leaves the
            drawing to the device, after the augmentation.
        augmentation: Applied in order, after the mask.
        seed: With a draw, fixes what is seen.
        landmarks: Of the N pictures, where the masking or the augmentation needs them.
        paired: A draw gives the face without its mask, too, and `collate_sides` makes a batch of such pairs. Both get
            the same augmentation: they differ by the mask alone.
        views: 2: a draw gives two views of the face, each with a mask and an augmentation of its own.
        worn: (N,) the pictures with masks on, shown in place of masks put on online: to draws that say so; where draws
            leave it open, as often as the masking would, and half of the time without one.
        sets: (N,) data set of each picture, where there are several.

    Raises:
        UserError: Faces are paired, but do not all get a mask, or are to come in views, too.
    """

    def __init__(
        self,
        paths: Sequence[str],
        labels: npt.NDArray[np.int64],
        image_size: tuple[int, int],
        masking: MaskTransform | SampleMask | None = None,
        augmentation: Sequence[A.BasicTransform] = (),
        seed: int = 0,
        landmarks: FaceLandmarks | None = None,
        paired: bool = False,
        views: Literal[1, 2] = 1,
        worn: Sequence[str] = (),
        sets: npt.NDArray[np.int64] | None = None,
    ) -> None:
        if paired and views > 1:
            raise UserError("data.views 2: the faces are paired already; leave out data.paired")
        if paired and worn:
            raise UserError("data.paired: the second face of each pair is masked online; leave out masked_copy")
        if paired and (masking is None or masking.p < 1):
            raise UserError("data.paired: the second face of each pair wears a mask; give data.masking with p 1")
        self.paths = Texts(paths)
        self.labels = labels
        self.image_size = image_size
        self.seed = seed
        self.landmarks = landmarks
        self.paired = paired
        self.views = views
        self.worn = Texts(worn)
        self.worn_share = 0.5 if masking is None else masking.p
        self.sets = np.zeros(len(paths), dtype=np.int64) if sets is None else sets
        # One after the other where both faces of a pair get the same augmentation; in one go, which is quicker, else.
        masks = [masking] if masking else []
        self.unworn = masking.unworn if isinstance(masking, SampleMask) else np.empty(0, dtype=np.float32)
        first, then = (masks, augmentation) if paired else ([*masks, *augmentation], [])
        self.first, self.then = compose(first, landmarks), compose(then, landmarks)
        self.bare, self.again = compose(augmentation, landmarks), compose([MOVED], landmarks)

    def __len__(self) -> int:
        """N."""
        return len(self.paths)

    def __getitem__(self, draw: Draw) -> FaceBatch | tuple[FaceBatch, FaceBatch]:
        """One face, its tensors without the batch dimension; where they are paired: unmasked, masked; or two views."""
        views = (FIRST, SECOND_VIEW)[: self.views]
        is_worn = {view: self._is_worn(draw, view) for view in views}
        pictures = {worn: self._picture(draw.row, worn) for worn in {*is_worn.values()}}
        first = self.bare if self.worn or draw.is_masked is False else self.first
        seen = [transformed(first, pictures[is_worn[view]], *self._key(draw), view) for view in views]
        if self.paired:
            seen.insert(0, pictures[False])
        one, *other = (self._finished(view, draw) for view in seen)
        return (one, other[0]) if other else one

    def _is_worn(self, draw: Draw, view: int) -> bool:
        """Whether the picture with its mask on already is shown."""
        if not self.worn or draw.is_masked is not None:
            return bool(self.worn and draw.is_masked)
        return bool(np.random.default_rng((*self._key(draw), view, WORN)).random() < self.worn_share)

    def _picture(self, row: int, is_worn: bool) -> dict[str, Any]:
        picture = read_face((self.worn if is_worn else self.paths)[row], row, self.image_size, self.landmarks)
        return picture | {"mask": np.full(self.image_size, is_worn, dtype=np.uint8), PARAMETERS: self.unworn}

    def _key(self, draw: Draw) -> tuple[int, int, int, int]:
        return self.seed, draw.row, draw.epoch, draw.repeat

    def _finished(self, picture: dict[str, Any], draw: Draw) -> FaceBatch:
        seen = transformed(self.then, picture, *self._key(draw), THEN)
        if draw.repeat:
            seen = transformed(self.again, seen, *self._key(draw), AGAIN)
        return _face(seen, int(self.labels[draw.row]), bool(seen["mask"].any()), draw.row, draw.pair)


class EvaluationFaces(Dataset[FaceBatch]):
    """Faces as they are, and after them, where `masking` is given, some of them again, masked.

    Args:
        paths: (N,) pictures.
        image_size: (height, width) in pixels.
        masking: The mask of those that come again, drawn from the seed and the row alone.
        seed: Seed of the masks.
        landmarks: Of the N pictures, where the masking needs them.
        again: (M,) rows that come again: row N + i is row `again[i]` masked; default: all, where there is a masking.
        is_masked: (N,) bool, who wears a real mask; default: nobody.
        worn: (N,) the pictures with masks on, which those that come again show in place of a mask put on online.
    """

    def __init__(
        self,
        paths: Sequence[str],
        image_size: tuple[int, int],
        masking: MaskTransform | None = None,
        seed: int = 0,
        landmarks: FaceLandmarks | None = None,
        again: npt.NDArray[np.int64] | None = None,
        is_masked: npt.NDArray[np.bool_] | None = None,
        worn: Sequence[str] = (),
    ) -> None:
        self.paths = paths
        self.worn = worn
        self.image_size = image_size
        self.seed = seed
        self.landmarks = landmarks
        self.masking = compose([masking] if masking else [], landmarks)
        self.again = np.arange(len(paths) if masking or worn else 0) if again is None else again
        self.is_masked = np.zeros(len(paths), dtype=bool) if is_masked is None else is_masked

    def __len__(self) -> int:
        """N + M."""
        return len(self.paths) + len(self.again)

    def __getitem__(self, row: int) -> FaceBatch:
        """One face, its tensors without the batch dimension; identities play no part here."""
        is_again = row >= len(self.paths)
        source = int(self.again[row - len(self.paths)]) if is_again else row
        paths = self.worn if is_again and self.worn else self.paths
        picture = read_face(paths[source], source, self.image_size, self.landmarks)
        seen = transformed(self.masking if is_again else None, picture, self.seed, source)
        return _face(seen, -1, is_again or bool(self.is_masked[source]), row)


def collate_sides(pairs: Sequence[tuple[FaceBatch, FaceBatch]]) -> FaceBatch:
    """A batch of B faces of two sides each, 2 B long: first all of the first side, then, in the same order, the others.

    Paired faces come so, without masks and with theirs, and two views.
    """
    batch: FaceBatch = default_collate([face for side in zip(*pairs, strict=True) for face in side])
    return batch


def read_face(path: str, row: int, size: tuple[int, int], landmarks: FaceLandmarks | None) -> dict[str, Any]:
    """A picture as transforms take it, with its landmarks where they are needed."""
    image = read_image(path)
    picture: dict[str, Any] = {"image": fit_image(image, size)}
    if landmarks is not None:
        picture["keypoints"] = fit_points(landmarks.of(row, image.shape), image.shape, size)
    return picture


def compose(transforms: Sequence[A.BasicTransform], landmarks: FaceLandmarks | None) -> A.Compose | None:
    """Transforms in order, of pictures with landmarks or without; None for none."""
    if not transforms:
        return None
    with warnings.catch_warnings():  # transforms of colour alone leave landmarks where they are, and rightly so
        warnings.filterwarnings("ignore", message="Got processor for keypoints")
        return A.Compose(transforms, keypoint_params=None if landmarks is None else KEYPOINTS)


def transformed(transform: A.Compose | None, picture: dict[str, Any], *key: int) -> dict[str, Any]:
    """What a transform makes of a picture; its random numbers are a function of the key alone."""
    if transform is None:
        return picture
    generator = np.random.default_rng(key)
    # One state for all: `set_random_seed` would give each transform the same numbers, and only masked faces would flip.
    transform.set_random_state(generator, random.Random(int(generator.integers(1 << 63))))
    seen: dict[str, Any] = transform(**picture)
    return seen


def _face(seen: dict[str, Any], identity: int, is_masked: bool, row: int, pair: int | None = None) -> FaceBatch:
    """One sample: a `FaceBatch` without the batch dimension, which the loader stacks."""
    landmarks = torch.from_numpy(unmirrored(seen["keypoints"])) if "keypoints" in seen else NO_LANDMARKS
    parameters = torch.from_numpy(seen[PARAMETERS]) if PARAMETERS in seen else NO_PARAMETERS
    numbers = torch.tensor(identity), torch.tensor(is_masked), torch.tensor(row)
    return FaceBatch(
        to_tensor(seen["image"]), *numbers, landmarks, parameters, NO_PAIR if pair is None else torch.tensor(pair)
    )
