"""Filling a polygon with a colour, for the masks that are no more than that."""

import cv2
import numpy as np

from maskrec.masking.base import Image, Points, Region
from maskrec.masking.warp import SHIFT, fixed


def fill(image: Image, outline: Points, colour: tuple[int, int, int]) -> tuple[Image, Region]:
    """A picture with a filled polygon, and where it is.

    Args:
        image: (H, W, 3) RGB; not changed.
        outline: (N, 2) x, y in pixels, in order; may lie outside.
        colour: RGB.
    """
    masked, region = image.copy(), np.zeros(image.shape[:2], dtype=np.uint8)
    corners = [fixed(outline)]
    cv2.fillPoly(masked, corners, colour, cv2.LINE_8, SHIFT)
    cv2.fillPoly(region, corners, (1,), cv2.LINE_8, SHIFT)
    return masked, region.view(bool)
