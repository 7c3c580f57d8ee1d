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
    x0, x1, x2 = points[:, 0][triangles.T] - 0.5
    y0, y1, y2 = points[:, 1][triangles.T] - 0.5
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    # The pixels of a triangle's bounding box whose centres lie within it.
    left = np.maximum(np.ceil(np.minimum(np.minimum(x0, x1), x2)), 0).astype(np.int32)
    top = np.maximum(np.ceil(np.minimum(np.minimum(y0, y1), y2)), 0).astype(np.int32)
    columns = np.minimum(np.maximum(np.maximum(x0, x1), x2), width - 1).astype(np.int32) - left + 1
    rows = np.minimum(np.maximum(np.maximum(y0, y1), y2), height - 1).astype(np.int32) - top + 1
    seen = np.flatnonzero((area > 0) & (columns > 0) & (rows > 0))
    x0, y0, x1, y1, x2, y2, area = (v[seen] for v in (x0, y0, x1, y1, x2, y2, area))
    left, top, columns, rows = (v[seen] for v in (left, top, columns, rows))

    # One candidate for each triangle and pixel of its box, row by row.
    span = np.repeat(np.arange(len(seen)), rows)
    y = np.arange(len(span)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    # The weights of corners 1 and 2 are affine in x and y; here at the left end of each row of the box.
    dx, dy = left[span] - x0[span], y - y0[span]
    grow1, grow2 = (y2 - y0) / area, (y0 - y1) / area
    start1 = dx * grow1[span] - dy * ((x2 - x0) / area)[span]
    start2 = dx * grow2[span] + dy * ((x1 - x0) / area)[span]
    length = columns[span]
    owner = np.repeat(np.arange(len(span)), length)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    weight1 = start1[owner] + step * grow1[span][owner]
    weight2 = start2[owner] + step * grow2[span][owner]
    hit = np.flatnonzero((weight1 >= 0) & (weight2 >= 0) & (weight1 + weight2 <= 1))
    weight1, weight2, owner = weight1[hit], weight2[hit], owner[hit]
    pixel = (y * width + left[span])[owner] + step[hit]
    triangle = seen[span[owner]]

    # The nearest wins: depth in the upper bits, who it is in the lower ones.
    d0, d1, d2 = (depth - depth.min())[triangles.T] * (DEPTH_STEPS / (np.ptp(depth) or 1))
    level = d0[triangle] + weight1 * (d1 - d0)[triangle] + weight2 * (d2 - d0)[triangle]
    front = np.full(height * width, -1, dtype=np.int64)
    np.maximum.at(front, pixel, level.astype(np.int64) * len(hit) + np.arange(len(hit)))
    pixels = np.flatnonzero(front >= 0)
    winner = front[pixels] % max(len(hit), 1)
    weight1, weight2 = weight1[winner], weight2[winner]
    return Fragments(pixels, triangle[winner], np.stack([1 - weight1 - weight2, weight1, weight2]))
