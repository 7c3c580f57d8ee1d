"""Black borders, which alignment leaves where a picture ends too close to its face."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.data.images import Image, fit_image, read_image
from maskrec.errors import UserError

Window = tuple[slice, slice]
"""Rows and columns of a picture."""
DARK = 12  # the most a channel of a border has; JPEG leaves a little more than 0


def without_borders(paths: Sequence[str], image_size: tuple[int, int], size: tuple[int, int]) -> dict[str, Window]:
    """The pictures that hold a rectangle without border, each with that.

    Args:
        paths: Pictures.
        image_size: (height, width) they are scaled to first.
        size: (height, width) of the rectangle in pixels.

    Raises:
        UserError: None holds one.
    """
    found = {path: clear_window(fit_image(read_image(path), image_size), size) for path in paths}
    kept = {path: window for path, window in found.items() if window is not None}
    if not kept:
        height, width = size
        raise UserError(f"data.cut [{height}, {width}]: none of {len(paths)} masked faces is so large without border")
    return kept


def clear_window(image: Image, size: tuple[int, int]) -> Window | None:
    """The rectangle without border that lies nearest the middle; None where there is none.

    Args:
        image: (H, W, 3) uint8.
        size: (height, width) of the rectangle in pixels.
    """
    height, width = size
    if height > image.shape[0] or width > image.shape[1]:
        return None
    sums = cv2.integral(_border(image).astype(np.uint8))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    places = np.argwhere(inside == 0)
    if not len(places):
        return None
    top, left = places[np.square(places - (np.array(image.shape[:2]) - size) / 2).sum(axis=1).argmin()]
    return slice(top, top + height), slice(left, left + width)


def _border(image: Image) -> npt.NDArray[np.bool_]:
    """(H, W) bool: what is dark and hangs together with the picture's edge, which a dark mask does not."""
    _, regions = cv2.connectedComponents((image.max(axis=2) <= DARK).astype(np.uint8))
    edges = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    return np.isin(regions, edges[edges > 0])
