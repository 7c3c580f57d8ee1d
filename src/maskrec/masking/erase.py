"""DE: direct erasing of the lower face.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking"
(ACM MM 2020), Table 2: the lower 40 % of the aligned face becomes black. Needs no landmarks.
"""

from typing import ClassVar

import numpy as np

from maskrec.masking.base import Image, MaskTransform, Points, Region


class DE(MaskTransform):
    """Erase the lower part of the face.

    Args:
        fraction: Erased part of the height, counted from below.
        p: Probability that a face gets a mask.
    """

    needs_landmarks: ClassVar[bool] = False

    def __init__(self, fraction: float = 0.4, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.fraction = fraction

    def sample(self, rng: np.random.Generator) -> float:
        """The erased fraction: nothing is random here."""
        return self.fraction

    def render(self, image: Image, landmarks: Points, parameters: float) -> tuple[Image, Region]:
        """Blacken the lower part of (H, W, 3)."""
        masked, region = image.copy(), np.zeros(image.shape[:2], dtype=bool)
        top = round(image.shape[0] * (1 - parameters))
        masked[top:], region[top:] = 0, True
        return masked, region
