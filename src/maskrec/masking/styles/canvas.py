"""Drawing masks over the mean face, so that rims, seams and pleats follow it.

Lengths are pixels of the aligned 112x112 face; the picture drawn has `FINER` times as many.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Points
from maskrec.masking.styles.style import LOOPS, Palette, Relief, Straps, Style

FINER = 1.5
LEFT, TOP, RIGHT, BOTTOM = -2.0, 44.0, 114.0, 128.0  # what is drawn of the face's picture
MIDDLE = 55.5
SHIFT = 4  # OpenCV draws at sixteenths of a pixel

# The mean face's `ANCHORS`: the right half of the jaw line; along the nose; the right eye.
JAW = [(17, 60), (19, 76.5), (29.8, 97.5), (43.5, 111)]
NOSE = [(MIDDLE, 50.5), (MIDDLE, 60), (MIDDLE, 73.3), (MIDDLE, 80)]
EYE = [(30.3, 52), (35.2, 54.5), (46, 53.3)]


def _mirrored(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(2 * MIDDLE - x, y) for x, y in reversed(points)]


FACE: Points = np.array([*JAW, (MIDDLE, 113.5), *_mirrored(JAW), *NOSE, *EYE, *_mirrored(EYE)], dtype=np.float32)

Line = Sequence[tuple[float, float]]


class Canvas(NamedTuple):
    """Where things are on the face, (h, w) each."""

    x: Relief
    """Pixels from the middle of the face, to the right of the picture."""
    y: Relief
    """Pixels from the picture's top."""
    cover: Relief
    """Opacity of the mask, 0 to 1."""
    down: Relief
    """From 0 at the upper edge to 1 at the lower, at the same x."""
    inside: Relief
    """Pixels to the nearest edge."""


def canvas(outline: Line) -> Canvas:
    """An empty mask.

    Args:
        outline: Its right half from the middle above to the middle below; the left mirrors it.
    """
    xs, ys = (np.arange(low, high, 1 / FINER, dtype=np.float32) for low, high in ((LEFT, RIGHT), (TOP, BOTTOM)))
    x, y = np.meshgrid(xs, ys)
    line = smooth([*outline, *_mirrored(outline)])
    drawn = np.zeros(x.shape, dtype=np.uint8)
    corners = (line - (LEFT, TOP)) * FINER * (1 << SHIFT)
    cv2.fillPoly(drawn, [np.rint(corners).astype(np.int32)], (255,), cv2.LINE_AA, SHIFT)
    is_mask = drawn > 127
    top, bottom = is_mask.argmax(axis=0), len(ys) - is_mask[::-1].argmax(axis=0)
    down = (np.arange(len(ys))[:, None] - top) / np.maximum(bottom - top, 1)
    inside = cv2.distanceTransform(is_mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / FINER
    # Both are as jagged as pixels are.
    down, inside = (soft(np.asarray(part, dtype=np.float32), 1.2) for part in (down.clip(0, 1), inside))
    return Canvas(x - MIDDLE, y, drawn / np.float32(255), down, inside)


def soft(picture: Relief, blur: float) -> Relief:
    """A blurred picture; blur in its pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), dtype=np.float32)


def smooth(points: Line) -> npt.NDArray[np.float64]:
    """Cut the corners of a closed line, three times (Chaikin)."""
    line = np.asarray(points, dtype=float)
    for _ in range(3):
        after = np.roll(line, -1, axis=0)
        line = np.stack([0.75 * line + 0.25 * after, 0.25 * line + 0.75 * after], axis=1).reshape(-1, 2)
    return line


def step(value: Relief, start: float, end: float) -> Relief:
    """0 before `start`, 1 after `end`, smooth between."""
    s = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(s * s * (3 - 2 * s), dtype=np.float32)


def ridge(value: Relief, at: float, width: float) -> Relief:
    """1 at a value, 0 away from it."""
    return np.asarray(np.exp(-0.5 * ((value - at) / width) ** 2), dtype=np.float32)


def noise(seed: int, wave: float) -> Relief:
    """Smooth noise of standard deviation 1 over the canvas; wave in pixels."""
    shape = round((BOTTOM - TOP) * FINER), round((RIGHT - LEFT) * FINER)
    rough = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    blurred = soft(rough, wave * FINER / 3)
    return np.asarray(blurred / blurred.std(), dtype=np.float32)


def over_face(at: Canvas, nose: float = 10.0) -> Relief:
    """How far a fabric drawn over the face stands out: cheeks and chin, and a tent over the nose."""
    round_face = 40 * np.sqrt(np.clip(1 - (at.x / 50) ** 2, 0.02, None))
    chin = -0.012 * np.clip(at.y - 84, 0, None) ** 2
    tent = nose * step(at.y, 50, 74) * (1 - step(at.y, 80, 108)) * np.exp(-(np.abs(at.x / 15) ** 1.5))
    return np.asarray(round_face + chin + tent, dtype=np.float32)


def finish(
    name: str,
    at: Canvas,
    height: Relief,
    palettes: Sequence[Palette],
    pattern: Relief | float = 0.0,
    trim: Relief | float = 0.0,
    straps: Straps = LOOPS,
) -> Style:
    """The style that was drawn.

    Args:
        name: As the user calls it.
        at: The canvas it was drawn on.
        height: How far it stands out, pixels.
        palettes: Colours of fabric, pattern and trim.
        pattern: How much of the fabric is pattern, 0 to 1.
        trim: How much lies under a trim, 0 to 1.
        straps: How it is held.
    """
    paints = np.stack(np.broadcast_arrays((1 - pattern) * (1 - trim), pattern * (1 - trim), trim, at.x)[:3], axis=2)
    anchors = (FACE - np.array((LEFT, TOP), dtype=np.float32)) * np.float32(FINER)
    paints = np.rint(255 * paints.clip(0, 1)).astype(np.uint8)
    return Style(name, anchors, paints, at.cover, height * np.float32(FINER), tuple(palettes), straps)
