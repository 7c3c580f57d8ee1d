"""+Eye: only forehead and eyes, as large as the picture.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), Table 3: the region of forehead and
eyes is cropped by landmarks and resized; without landmarks, the upper half. How far down it reaches is not said; here
to landmark 29, counted from 1, the first below the eyes.
"""

from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.layout import JAW, NUM_LANDMARKS
from maskrec.masking.warp import Box

BELOW_EYES = 28
LEAST = 4  # pixels that a crop has at least


class Eye(MaskTransform):
    """Crop the face above the nose, and enlarge it to the whole picture; the region is all of it.

    Args:
        p: Probability that a face gets cropped.
    """

    needs_landmarks: ClassVar[bool] = False

    def sample(self, rng: np.random.Generator) -> None:
        """Nothing is random here."""

    def render(self, image: Image, landmarks: Points, parameters: None) -> tuple[Image, Region]:
        """Enlarge the eyes of (H, W, 3); the upper half where landmarks are NaN."""
        height, width = image.shape[:2]
        cropped = image[_crop(landmarks, image.shape).part]
        enlarged = cv2.resize(cropped, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, dtype=np.uint8), np.ones((height, width), dtype=bool)

    def apply_to_keypoints(self, keypoints: npt.NDArray[Any], **params: Any) -> npt.NDArray[Any]:
        """Landmarks go where the crop takes them."""
        height, width = params["shape"][:2]
        box = _crop(keypoints[:, :2], params["shape"])
        scale = np.array([width, height]) / box.shape[::-1]
        moved = keypoints.copy()
        moved[:, :2] = (keypoints[:, :2] - (box.left, box.top) + 0.5) * scale - 0.5
        return moved


def _crop(landmarks: npt.NDArray[Any], shape: tuple[int, ...]) -> Box:
    """From ear to ear, and from the top of the picture to below the eyes."""
    height, width = shape[:2]
    if len(landmarks) == NUM_LANDMARKS and np.isfinite(landmarks).all():
        across = landmarks[JAW, 0].clip(0, width)
        left, right = round(float(across.min())), round(float(across.max()))
        bottom = round(float(min(max(landmarks[BELOW_EYES, 1], 0), height)))
        if min(right - left, bottom) >= LEAST:
            return Box(left, 0, right, bottom)
    return Box(0, 0, width, height // 2)
