"""KP-CVX: the convex hull of the lower face's key points, erased.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking"
(ACM MM 2020), Table 2. Which key points is not said; here those a mask covers.
"""

import cv2
import numpy as np

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.polygon import fill

LOWER_FACE = np.array([*range(2, 15), *range(28, 36), *range(48, 68)])  # jaw line, nose below its bridge, mouth


class KPCVX(MaskTransform):
    """Erase the convex hull of the lower face's landmarks.

    Args:
        p: Probability that a face gets a mask.
    """

    def sample(self, rng: np.random.Generator) -> None:
        """Nothing is random here."""

    def render(self, image: Image, landmarks: Points, parameters: None) -> tuple[Image, Region]:
        """Blacken the hull in (H, W, 3)."""
        return fill(image, cv2.convexHull(landmarks[LOWER_FACE])[:, 0], (0, 0, 0))
