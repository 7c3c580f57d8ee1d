"""Drawing on the unrolled plane of a head, in millimetres, stroke by stroke."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.data.generated.head import COLUMNS, CROWDING, ROW_LEVELS, ROWS, WIDEST, grid, half_width, unroll

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
Points = npt.NDArray[np.floating[Any]] | npt.NDArray[np.signedinteger[Any]] | Sequence[tuple[float, float]]
Colour = Array | tuple[float, float, float]

CELL = 6  # pixels from one vertex to the next
SIZE = ((ROWS - 1) * CELL + 1, (COLUMNS - 1) * CELL + 1)
SHIFT = 4  # OpenCV draws at sixteenths of a pixel
DENSITY = 2.3  # pixels a millimetre at the middle of the face


class Stroke(NamedTuple):
    """How much of each pixel is covered, (h, w) from 0 to 1, and where that part of the plane lies."""

    amount: Picture
    window: tuple[slice, slice]

    def times(self, factor: "float | Picture | Stroke") -> "Stroke":
        """A fainter stroke; another stroke must lie in the same window, a picture covers the plane."""
        if isinstance(factor, Stroke):
            factor = factor.amount
        elif isinstance(factor, np.ndarray):
            factor = factor[self.window]
        return Stroke((self.amount * factor).clip(0, 1), self.window)

    def inverse(self) -> "Stroke":
        """What the stroke leaves free."""
        return Stroke(1 - self.amount, self.window)


def pixels(points: Points) -> Array:
    """(x mm, level) to (column, row) of the plane."""
    x, level = np.asarray(points, dtype=float).T
    column = np.arcsinh(unroll(x, level) / WIDEST * np.sinh(CROWDING)) / CROWDING
    row = np.interp(level, ROW_LEVELS[:, 1], ROW_LEVELS[:, 0])
    return np.stack([(column + 1) / 2 * (COLUMNS - 1) * CELL, row * CELL], axis=1)


def smooth(points: Points, closed: bool = False) -> Array:
    """Cut the corners of a line, three times (Chaikin)."""
    line = np.asarray(points, dtype=float)
    for _ in range(3):
        before, after = (line, np.roll(line, -1, axis=0)) if closed else (line[:-1], line[1:])
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        line = cut if closed else np.concatenate([line[:1], cut, line[-1:]])
    return line


def window(points: Points, margin: float) -> tuple[slice, slice]:
    """The part of the plane around points, with a margin in pixels."""
    return _around(pixels(points), margin)


def area(points: Points, blur: float = 0.0, within: tuple[slice, slice] | None = None) -> Stroke:
    """The inside of a closed line; blur in pixels."""
    return area_of_pixels(pixels(points), blur, within)


def area_of_pixels(corners: Array, blur: float = 0.0, within: tuple[slice, slice] | None = None) -> Stroke:
    """The inside of a closed line given in pixels of the plane."""
    within = within or _around(corners, 3 * blur + 2)
    canvas = _empty(within)
    cv2.fillPoly(canvas, [_fixed(corners, within)], (255,), cv2.LINE_AA, SHIFT)
    return _finish(canvas, blur, within)


def line(points: Points, width: float, blur: float = 0.7, within: tuple[slice, slice] | None = None) -> Stroke:
    """A line; width in millimetres, blur in pixels."""
    thickness = max(1, round(width * DENSITY))
    corners = pixels(points)
    within = within or _around(corners, thickness + 3 * blur + 2)
    canvas = _empty(within)
    cv2.polylines(canvas, [_fixed(corners, within)], False, (255,), thickness, cv2.LINE_AA, SHIFT)
    return _finish(canvas, blur, within)


def disc(centre: tuple[float, float], radius: float, within: tuple[slice, slice] | None = None) -> Stroke:
    """A disc with a soft edge; radius in millimetres."""
    within = within or window([centre], 3 * radius + 4)
    distance = np.hypot(*(place[within] - at for place, at in zip(_places(), centre, strict=True)))
    return Stroke(np.clip((radius - distance) / 0.7 + 0.5, 0, 1).astype(np.float32), within)


def glow(centre: tuple[float, float], radius: float) -> Stroke:
    """A round patch that fades outwards; radius in millimetres, where it has faded to 0.6."""
    within = window([centre], 3 * radius * DENSITY)
    distance = np.hypot(*(place[within] - at for place, at in zip(_places(), centre, strict=True)))
    return Stroke(np.exp(-0.5 * (distance / radius) ** 2).astype(np.float32), within)


def paint(canvas: Picture, colour: Colour, stroke: Stroke) -> None:
    """Blend a colour into the picture, in place."""
    part = canvas[stroke.window]
    part += (np.asarray(colour, dtype=np.float32) - part) * stroke.amount[..., None]


def shade(canvas: Picture, factor: float, stroke: Stroke) -> None:
    """Multiply the brightness of the picture, in place."""
    part = canvas[stroke.window]
    part *= 1 + np.float32(factor - 1) * stroke.amount[..., None]


def noise(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Smooth noise over the plane with so many waves, about -1 to 1."""
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


@cache
def _places() -> tuple[Picture, Picture]:
    """X in mm and level of every pixel of the plane."""
    a, t = (np.asarray(cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_LINEAR), dtype=float) for part in grid())
    return (half_width(t) * np.sin(a)).astype(np.float32), t.astype(np.float32)


def _around(corners: Array, margin: float) -> tuple[slice, slice]:
    left, top = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + margin).astype(int) + 1
    return slice(top, min(bottom, SIZE[0])), slice(left, min(right, SIZE[1]))


def _empty(within: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
    rows, columns = within
    return np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)


def _fixed(corners: Array, within: tuple[slice, slice]) -> npt.NDArray[np.int32]:
    return np.asarray(np.round((corners - (within[1].start, within[0].start)) * (1 << SHIFT)), dtype=np.int32)


def _finish(canvas: npt.NDArray[np.uint8], blur: float, within: tuple[slice, slice]) -> Stroke:
    amount = canvas.astype(np.float32) / np.float32(255)
    if blur:
        amount = cv2.GaussianBlur(amount, (0, 0), blur).astype(np.float32, copy=False)
    return Stroke(amount, within)
