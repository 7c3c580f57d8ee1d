"""Triangles to pixels, with a depth buffer: numpy alone."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DEPTH_STEPS = 1 << 20  # depths are told apart to this part of their range


class Fragments(NamedTuple):
    """What is seen: N pixels, each with its triangle and the weights of that triangle's corners."""

    pixel: npt.NDArray[np.int64]
    """(N,) row x width + column, each once."""
    triangle: npt.NDArray[np.intp]
    """(N,) the triangle in front."""
    weights: Array
    """(3, N), which sum to 1."""


def rasterise(points: Array, depth: Array, triangles: npt.NDArray[np.intp], size: tuple[int, int]) -> Fragments:
    """What is seen of triangles; those turned away, whose corners run anticlockwise in the picture, are left out.

    Args:
        points: (V, 2) x, y in pixels; the centre of the first pixel is (0.5, 0.5).
        depth: (V,) larger = nearer.
        triangles: (T, 3) corners, smaller than a few pixels: the cost grows with their bounding boxes.
        size: (height, width) in pixels.
    """
    height, width = size
    corners = triangles.T
    x0, x1, x2 = points[:, 0].take(corners) - 0.5
    y0, y1, y2 = points[:, 1].take(corners) - 0.5
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    # The pixels of a triangle's bounding box whose centres lie within it.
    left = np.maximum(np.ceil(np.minimum(np.minimum(x0, x1), x2)), 0).astype(np.int32)
    top = np.maximum(np.ceil(np.minimum(np.minimum(y0, y1), y2)), 0).astype(np.int32)
    columns = np.minimum(np.maximum(np.maximum(x0, x1), x2), width - 1).astype(np.int32) - left + 1
    rows = np.minimum(np.maximum(np.maximum(y0, y1), y2), height - 1).astype(np.int32) - top + 1
    seen = np.flatnonzero((area > 0) & (columns > 0) & (rows > 0))
    x0, y0, x1, y1, x2, y2, area = (v.take(seen) for v in (x0, y0, x1, y1, x2, y2, area))
    left, top, columns, rows = (v.take(seen) for v in (left, top, columns, rows))

    # The rows of each box. The weights of the corners are affine in x and y: their values at the row's left end, and
    # what one pixel to the right adds; where all three are positive, a stretch of the row lies within the triangle.
    span = np.repeat(np.arange(len(seen)), rows)
    y = np.arange(len(span)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    dx, dy = (left - x0).take(span), y - y0.take(span)
    grow1, grow2 = ((y2 - y0) / area).take(span), ((y0 - y1) / area).take(span)
    start1 = dx * grow1 + dy * ((x0 - x2) / area).take(span)
    start2 = dx * grow2 + dy * ((x1 - x0) / area).take(span)
    start, grow = np.stack([start1, start2, 1 - start1 - start2]), np.stack([grow1, grow2, -grow1 - grow2])
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -start / grow
    first = np.ceil(np.where(grow > 0, crossing, 0).max(axis=0)).astype(np.int64)
    last = np.floor(np.where(grow < 0, crossing, width).min(axis=0)).astype(np.int64)
    length = np.maximum(np.minimum(last, columns.take(span) - 1) - first + 1, 0)
    length *= ((start >= 0) | (grow != 0)).all(axis=0)  # a row along an edge, outside

    # Their pixels.
    owner = np.repeat(np.arange(len(span)), length)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length - first, length)
    weight1 = start1.take(owner) + step * grow1.take(owner)
    weight2 = start2.take(owner) + step * grow2.take(owner)
    pixel = (y * width + left.take(span)).take(owner) + step
    triangle = seen.take(span.take(owner))

    # The nearest wins: depth in the upper bits, who it is in the lower ones.
    d0, d1, d2 = (depth - depth.min()).take(corners) * (DEPTH_STEPS / (np.ptp(depth) or 1))
    level = d0.take(triangle) + weight1 * (d1 - d0).take(triangle) + weight2 * (d2 - d0).take(triangle)
    front = np.full(height * width, -1, dtype=np.int64)
    np.maximum.at(front, pixel, level.astype(np.int64) * len(pixel) + np.arange(len(pixel)))
    pixels = np.flatnonzero(front >= 0)
    winner = front.take(pixels) % max(len(pixel), 1)
    weight1, weight2 = weight1.take(winner), weight2.take(winner)
    return Fragments(pixels, triangle.take(winner), np.stack([1 - weight1 - weight2, weight1, weight2]))
