"""Detection of landmarks with mediapipe's FaceMesh: once, before training; it does not work inside loader processes."""

import os
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image
from maskrec.masking.layout import FROM_MESH

Points = npt.NDArray[np.float32]

PADDING = 0.4  # of the picture's size, on each side: FaceMesh's detector expects room around a face


class FaceMesh:
    """mediapipe's FaceMesh on pictures that are tight crops of one face; a context manager."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")  # before the import; mediapipe logs much to no purpose
        import mediapipe  # takes seconds, and nothing but detection needs it

        self._mesh: Any = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def __enter__(self) -> "FaceMesh":
        """The detector itself."""
        return self

    def __exit__(self, *args: object) -> None:
        """Free what mediapipe holds."""
        self._mesh.close()

    def detect(self, image: Image) -> Points | None:
        """Detect the landmarks of `masking.layout`; None if no face is found.

        (96, 2) x, y in pixels, a pixel's centre at whole numbers.

        Args:
            image: (H, W, 3) RGB.
        """
        height, width = image.shape[:2]
        top, left = round(height * PADDING), round(width * PADDING)
        padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE)
        found = self._mesh.process(padded).multi_face_landmarks
        if not found:
            return None
        points = np.array([(point.x, point.y) for point in found[0].landmark], dtype=np.float32)[FROM_MESH]
        size, offset = np.array(padded.shape[1::-1]), np.array([left + 0.5, top + 0.5])
        return np.asarray(points * size - offset, dtype=np.float32)
