"""+Black: the region of the mask, blackened.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), §3.1 and Table 3: the box from
(x1, y28) to (x17, y9), landmarks counted from 1; without landmarks, the lower half of the picture.
"""

from typing import ClassVar

import numpy as np

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.layout import JAW


class Black(MaskTransform):
    """Blacken the box around the lower face.

    Args:
        nose_landmark: Where the box begins, counted from 1. 28 (§3.1) lies on the line of the eyes, and half of each is
            blackened; from 29 on they stay free.
        p: Probability that a face gets a mask.
    """

    needs_landmarks: ClassVar[bool] = False

    def __init__(self, nose_landmark: int = 28, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.nose_landmark = nose_landmark

    def sample(self, rng: np.random.Generator) -> None:
        """Nothing is random here."""

    def render(self, image: Image, landmarks: Points, parameters: None) -> tuple[Image, Region]:
        """Blacken the box in (H, W, 3); the lower half where landmarks are NaN."""
        height, width = image.shape[:2]
        rows, columns = slice(height // 2, height), slice(0, width)
        if np.isfinite(landmarks).all():
            jaw = landmarks[JAW]
            rows = _span(landmarks[self.nose_landmark - 1, 1], jaw[8, 1], height)
            columns = _span(jaw[:, 0].min(), jaw[:, 0].max(), width)
        masked, region = image.copy(), np.zeros((height, width), dtype=bool)
        masked[rows, columns] = 0
        region[rows, columns] = True
        return masked, region


def _span(first: float, last: float, size: int) -> slice:
    """The pixels between two coordinates."""
    return slice(round(min(max(first, 0), size)), round(min(max(last + 1, 0), size)))
