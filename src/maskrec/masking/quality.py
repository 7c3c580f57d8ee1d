"""Whether a mask sits where it should, on a face whose landmarks are known."""

from typing import NamedTuple

import numpy as np

from maskrec.masking.base import Image, Points, Region

EYES = slice(36, 48)
NOSE_AND_MOUTH = [30, *range(48, 68)]


class Fit(NamedTuple):
    """What is asked of a mask."""

    eyes_free: bool
    """No landmark of an eye lies in the mask's region, its shadow and straps included."""
    covered: bool
    """The nose's tip and all of the mouth lie in it, as far as the picture shows them."""
    unchanged_outside: bool
    """No pixel outside the region changed."""


def fit_of(image: Image, landmarks: Points, masked: Image, region: Region) -> Fit:
    """How a mask sits.

    Args:
        image: (H, W, 3) the face without it.
        landmarks: (96, 2), left and right as in the layout.
        masked: (H, W, 3) the face with it.
        region: (H, W) where something was drawn.
    """
    return Fit(
        eyes_free=not _hit(region, landmarks[EYES]).any(),
        covered=bool(_hit(region, landmarks[NOSE_AND_MOUTH]).all()),
        unchanged_outside=not (masked != image)[~region].any(),
    )


def _hit(region: Region, points: Points) -> Region:
    """Which of the points that the picture shows lie in the region."""
    column, row = np.rint(points).clip(-1, max(region.shape)).astype(np.intp).T
    is_seen = (column >= 0) & (column < region.shape[1]) & (row >= 0) & (row < region.shape[0])
    return np.asarray(region[row[is_seen], column[is_seen]])
