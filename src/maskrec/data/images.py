"""Pictures from disk to arrays of one size."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maskrec.data.records import describe, is_record, read_picture
from maskrec.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


def read_image(path: str | Path) -> Image:
    """Read a picture as RGB, (H, W, 3) uint8; of a record, too (see `maskrec.data.records`).

    Raises:
        UserError: The file is missing or no readable picture.
    """
    image = _decoded(path, cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_levels(path: str | Path) -> npt.NDArray[Any]:
    """Read a picture of labels, (H, W), as the levels that it holds.

    Raises:
        UserError: The file is missing, no readable picture, or one of colours, as with a palette.
    """
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    levels = image if image.ndim == 2 else image[..., 0]
    if image.ndim > 2 and (image[..., :3] != levels[..., None]).any():
        raise UserError(f"labels {path}: expected grey levels, got colours; a palette says nothing about levels")
    return levels


def _decoded(path: str | Path, how: int) -> npt.NDArray[Any]:
    try:
        is_in_record = is_record(str(path))
        content = np.frombuffer(read_picture(str(path)), np.uint8) if is_in_record else np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f"image {path}: {error.strerror}") from error
    try:
        image = cv2.imdecode(content, how) if content.size else None
    except cv2.error:  # a header that promises more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"image {describe(str(path))}: broken, or not a picture")
    return image


def write_png(path: Path, image: Image) -> None:
    """Write an RGB picture, (H, W, 3).

    Raises:
        UserError: The name ends otherwise, or the file cannot be written.
    """
    if path.suffix != ".png":
        raise UserError(f"picture {path}: expected a name that ends in .png")
    try:
        path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    except OSError as error:
        raise UserError(f"picture {path}: {error.strerror}") from error


def fit_image(image: Image, size: tuple[int, int]) -> Image:
    """Scale a picture to cover (height, width), then cut the centre out.

    An aligned 112x112 face becomes 112x96 by cutting 8 columns off each side, 128x128 by scaling.
    """
    height, width = size
    scaled, top, left = _fit(image.shape, size)
    if scaled != image.shape[:2]:
        method = cv2.INTER_AREA if scaled[0] < image.shape[0] else cv2.INTER_LINEAR
        image = cv2.resize(image, scaled[::-1], interpolation=method).astype(np.uint8, copy=False)
    return image[top : top + height, left : left + width]


def fit_points(points: Points, shape: tuple[int, ...], size: tuple[int, int]) -> Points:
    """Move points as `fit_image` moves what they lie on; a pixel's centre is at whole numbers.

    Args:
        points: (N, 2) x, y in pixels.
        shape: (height, width, ...) of the picture.
        size: (height, width) it is fitted to.
    """
    scaled, top, left = _fit(shape, size)
    factor = np.array([scaled[1] / shape[1], scaled[0] / shape[0]], dtype=np.float32)
    offset = np.array([left + 0.5, top + 0.5], dtype=np.float32)
    return (points + np.float32(0.5)) * factor - offset


def _fit(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[tuple[int, int], int, int]:
    """The (height, width) to scale to, and the rows and columns to cut off before the centre."""
    height, width = size
    scale = max(height / shape[0], width / shape[1])
    scaled = max(height, round(shape[0] * scale)), max(width, round(shape[1] * scale))
    return scaled, (scaled[0] - height) // 2, (scaled[1] - width) // 2


def to_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def normalise(image: Tensor) -> Tensor:
    """uint8 pixels to float in [-1, 1], channels last in memory: convolutions are faster so."""
    return image.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)
