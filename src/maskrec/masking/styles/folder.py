"""Styles from a folder: pictures of masks with transparency, each with the landmarks of the face under it.

`name.png` is RGBA, 8 bits. `name.csv` has 19 lines `x,y`, in pixels of the picture, a pixel's centre at whole numbers:
the landmarks 1, 3, 5, 7, 8, 9, 11, 13, 15 of the jaw line from the person's right, 27 and 28 of the nose bridge, its
tip 30 and foot 33, then 36, 41, 39 of the right eye and 42, 46, 45 of the left (dlib's numbers, from 0). `name.json`
instead is a list of 19 pairs. Points may lie outside the picture.
"""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from maskrec.errors import UserError
from maskrec.masking.base import Points
from maskrec.masking.styles.style import Palette, Style
from maskrec.masking.warp import ANCHORS

PALETTE = Palette(((255.0, 0.0, 0.0), (0.0, 255.0, 0.0), (0.0, 0.0, 255.0)), 0.0)  # a photograph's paints are its RGB
WRINKLES = 0.04  # pixels of height for a grey level: folds of the picture take part in shading


@cache
def folder_styles(folder: str) -> tuple[str, ...]:
    """The names of a folder's styles, all of them readable.

    Raises:
        UserError: The folder holds none, or one lacks its landmarks.
    """
    names = tuple(sorted(path.stem for path in Path(folder).glob("*.png")))
    if not names:
        raise UserError(f"{folder}: holds no PNG; a style of mask is name.png with name.csv or name.json")
    for name in names:
        read_style(folder, name)
    return names


@cache
def read_style(folder: str, name: str) -> Style:
    """Read one style.

    Raises:
        UserError: The picture has no transparency, or its landmarks are missing or not 19 points.
    """
    path = Path(folder) / f"{name}.png"
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise UserError(f"{path}: cannot be read as a picture")
    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise UserError(f"{path}: has shape {picture.shape} and {picture.dtype}; a style needs RGBA of 8 bits")
    if not picture[..., 3].any():
        raise UserError(f"{path}: is all transparent")
    cover = picture[..., 3].astype(np.float32) / np.float32(255)
    paints = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB), dtype=np.uint8)
    height = cv2.GaussianBlur(cv2.cvtColor(paints, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    return Style(name, _landmarks(path), paints, cover, height * np.float32(WRINKLES), (PALETTE,))


def _landmarks(picture: Path) -> Points:
    csv, js = picture.with_suffix(".csv"), picture.with_suffix(".json")
    path = csv if csv.is_file() else js
    if not path.is_file():
        raise UserError(f"{picture}: has no landmarks beside it; expected {csv.name} or {js.name}")
    try:
        if path == csv:
            points = np.loadtxt(csv, delimiter=",", ndmin=2, dtype=np.float32)
        else:
            points = np.array(json.loads(js.read_text(encoding="utf-8")), dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: {error}; expected {len(ANCHORS)} points x, y") from error
    if points.shape != (len(ANCHORS), 2) or not np.isfinite(points).all():
        raise UserError(
            f"{path}: holds {points.shape}; expected {len(ANCHORS)} points x, y: {', '.join(map(str, ANCHORS))}"
        )
    return points
