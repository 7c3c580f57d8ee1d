"""Whether masks sit where they should, counted over faces whose landmarks are known."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from maskrec.masking.base import Face, MaskTransform, Points, Region, unmirrored

EYES = slice(36, 48)
NOSE_AND_MOUTH = [30, *range(48, 68)]


class Quality(NamedTuple):
    """What was counted."""

    faces: int
    eyes_free: float
    """Share of the faces with no landmark of an eye in the mask's region, its shadow and straps included."""
    covered: float
    """Share of the faces with the nose's tip and all of the mouth in it, as far as the picture shows them."""
    changed_outside: int
    """Faces on which a pixel outside the region changed."""


def quality(kind: MaskTransform, faces: Iterable[Face], seed: int = 0) -> Quality:
    """Count over masked faces.

    Args:
        kind: The mask; its probability plays no part.
        faces: With their landmarks.
        seed: Of the masks: that of a face is drawn from it and the face's number.
    """
    free, covered, changed = [], [], []
    for number, (image, landmarks) in enumerate(faces):
        marks = unmirrored(np.asarray(landmarks, dtype=np.float32))
        masked, region = kind.render(image, marks, kind.sample(np.random.default_rng((seed, number))))
        free.append(not _hit(region, marks[EYES]).any())
        covered.append(_hit(region, marks[NOSE_AND_MOUTH]).all())
        changed.append(bool((masked != image)[~region].any()))
    return Quality(len(free), float(np.mean(free)), float(np.mean(covered)), sum(changed))


def _hit(region: Region, points: Points) -> Region:
    """Which of the points that the picture shows lie in the region."""
    column, row = np.rint(points).clip(-1, max(region.shape)).astype(np.intp).T
    is_seen = (column >= 0) & (column < region.shape[1]) & (row >= 0) & (row < region.shape[0])
    return np.asarray(region[row[is_seen], column[is_seen]])
