"""Alignment: a similarity that puts a face where the 5-point ArcFace template has it, in 112 x 112 pixels.

mediapipe's short-range face detector gives six key-points, with a mask or without: the same aligner for both.
"""

import os
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.data.images import Image, Points

SIZE = 112
# Of the picture's size, on each side, one tried after the other: room around a tight crop, and no more than is needed.
PADDINGS = (0.3, 0.1, 0.5, 0.0, 0.8)
# x, y of right eye, left eye, nose, mouth, right ear, left ear (the person's) on faces aligned to the ArcFace template:
# medians of those detected on LFW, made symmetrical.
TARGET = np.array(
    [(37.2, 53.6), (73.8, 53.6), (55.5, 74.1), (55.5, 92.7), (17.2, 62.1), (93.8, 62.1)], dtype=np.float32
)
# One over the variance of each, the eyes' being 1: as a head turns, its nose and ears move, eyes and mouth stay.
WEIGHTS = np.array([1, 1, 0.25, 0.8, 0.06, 0.06], dtype=np.float32)


class FaceDetector:
    """mediapipe's short-range face detector on pictures of one face, or of one in the middle and others."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")  # before the import; mediapipe logs much to no purpose
        import mediapipe  # takes seconds, and nothing but detection needs it

        self._detector: Any = mediapipe.solutions.face_detection.FaceDetection(model_selection=0)

    def detect(self, image: Image) -> Points | None:
        """The six key-points, (6, 2) x, y in pixels, of the large face in the middle; None if no face is found.

        It looks twice: in the picture, and in the face that was found, upright and as large as those of `TARGET`.
        On 120 raw pictures of LFW this takes the eyes from 3.7 to 2.9 pixels (median), from 16 to 6 at most, from
        where another aligner has them.

        Args:
            image: (H, W, 3) RGB.
        """
        found = next((found for padding in PADDINGS if (found := self._detect(image, padding)) is not None), None)
        closer = None if found is None else self._detect(align(image, found), PADDINGS[0])
        if found is None or closer is None:
            return found
        back = cv2.invertAffineTransform(similarity(found, TARGET, WEIGHTS))
        return np.asarray(closer @ back[:, :2].T + back[:, 2], dtype=np.float32)

    def count(self, image: Image) -> int:
        """The most faces that are found with any of the paddings; (H, W, 3) RGB.

        Of 30 pictures of two faces, pairs of raw ones of LFW side by side, 29 are seen to be that; 24 with the first
        padding that shows any face. Of 60 raw pictures one is taken for two either way.
        """
        return max(len(self._found(_padded(image, padding)[0])) for padding in PADDINGS)

    def _detect(self, image: Image, padding: float) -> Points | None:
        padded, border = _padded(image, padding)
        found = self._found(padded)
        if not found:
            return None
        face = max(found, key=lambda face: _prominence(face, padded.shape))
        points = np.array([(point.x, point.y) for point in face.relative_keypoints], dtype=np.float32)
        return np.asarray(points * padded.shape[1::-1] - (border[0] + 0.5, border[1] + 0.5), dtype=np.float32)

    def _found(self, padded: Image) -> list[Any]:
        return [detection.location_data for detection in self._detector.process(padded).detections or ()]


def _padded(image: Image, padding: float) -> tuple[Image, tuple[int, int]]:
    """A picture with its borders drawn out, and by how many pixels: left, top."""
    height, width = image.shape[:2]
    top, left = round(height * padding), round(width * padding)
    padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return padded, (left, top)


def _prominence(face: Any, shape: tuple[int, ...]) -> float:
    """How much wider a face is than it is away from the centre, in pixels."""
    box, (height, width) = face.relative_bounding_box, shape[:2]
    away = np.hypot((box.xmin + box.width / 2 - 0.5) * width, (box.ymin + box.height / 2 - 0.5) * height)
    return float(box.width * width - away)


def align(image: Image, points: Points) -> Image:
    """A face, (112, 112, 3), on the template; what lies outside its picture is black.

    Args:
        image: (H, W, 3).
        points: (6, 2) its key-points.
    """
    matrix = similarity(points, TARGET, WEIGHTS)
    # A picture that shrinks to less than half is scaled first, by area: a warp would skip its pixels.
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        factor = np.array(small.shape[1::-1]) / image.shape[1::-1]
        image, matrix = small, similarity((points + 0.5) * factor - 0.5, TARGET, WEIGHTS)
    return cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def similarity(source: Points, target: Points, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The rotation, scale and shift, (2, 3), that takes points closest to others: weighted least squares.

    Args:
        source: (N, 2) x, y.
        target: (N, 2) where they should go.
        weights: (N,) what an error at each counts.
    """
    # As complex numbers, a similarity is z -> a z + b.
    start, end = source.astype(np.float64) @ (1, 1j), target.astype(np.float64) @ (1, 1j)
    start_mean, end_mean = np.average(start, weights=weights), np.average(end, weights=weights)
    start, end = start - start_mean, end - end_mean
    a = (weights * start.conj() * end).sum() / (weights * abs(start) ** 2).sum()
    b = end_mean - a * start_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
