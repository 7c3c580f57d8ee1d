"""Landmarks of faces: mediapipe's FaceMesh, and from its 468 points the 68 of dlib and the iBUG 300-W mark-up.

Detect once and keep the result: mediapipe does not work inside loader processes.
"""

import os
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image

Points = npt.NDArray[np.float32]

# The mesh's point at each of the 68 landmarks. Checked on generated faces, whose landmarks are known: `maskrec faces`.
MESH_TO_68 = np.array(
    [
        *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),  # jaw, 0 to 16
        *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows, 17 to 26
        *(168, 197, 5, 4, 98, 97, 2, 326, 327),  # nose, 27 to 35
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes, 36 to 47
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips, 48 to 59
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips, 60 to 67
    ]
)
PADDING = 0.4  # of the picture's size, on each side: FaceMesh's detector expects room around a face


class FaceMesh:
    """mediapipe's FaceMesh on pictures that are tight crops of one face; a context manager."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")  # before the import; mediapipe logs much to no purpose
        import mediapipe  # takes seconds, and nothing but detection needs it

        self._mesh: Any = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def __enter__(self) -> "FaceMesh":
        return self

    def __exit__(self, *args: object) -> None:
        self._mesh.close()

    def detect(self, image: Image) -> Points | None:
        """The 468 points of the face, (468, 2) x, y in pixels, a pixel's centre at whole numbers; None if none is found.

        Args:
            image: (H, W, 3) RGB.
        """
        height, width = image.shape[:2]
        top, left = round(height * PADDING), round(width * PADDING)
        padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE)
        found = self._mesh.process(padded).multi_face_landmarks
        if not found:
            return None
        points = np.array([(point.x, point.y) for point in found[0].landmark], dtype=np.float32)
        return points * np.float32([padded.shape[1], padded.shape[0]]) - np.float32([left + 0.5, top + 0.5])
