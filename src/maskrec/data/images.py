"""Pictures from disk to arrays of one size."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maskrec.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
Image = npt.NDArray[np.uint8]


def read_image(path: str | Path) -> Image:
    """Read a picture as RGB, (H, W, 3) uint8.

    Raises:
        UserError: The file is missing or no readable picture.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UserError(f"image {path}: {error.strerror}") from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise UserError(f"image {path}: broken, or not a picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def fit_image(image: Image, size: tuple[int, int]) -> Image:
    """Scale a picture to cover (height, width), then cut the centre out.

    An aligned 112x112 face becomes 112x96 by cutting 8 columns off each side, 128x128 by scaling.
    """
    height, width = size
    scale = max(height / image.shape[0], width / image.shape[1])
    if scale != 1:
        scaled = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, scaled, interpolation=method).astype(np.uint8, copy=False)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def to_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def normalise(image: Tensor) -> Tensor:
    """uint8 pixels to float in [-1, 1], channels last in memory: convolutions are faster so."""
    return image.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)
