"""Which triangle each pixel of a mesh belongs to, as if `cv2.fillConvexPoly` had drawn them one after the other.

OpenCV fills a triangle row by row between its edges, and draws the edges as lines of their own. Both are computed here
as it does, in whole numbers: its corners come in sixteenths of a pixel, its lines are followed in 65536ths.
Lists are ragged: rows of all triangles behind each other, then pixels of all rows.
"""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from maskrec.masking.warp import SHIFT

FINE = 16  # bits behind the point along a line
ONE, HALF = 1 << FINE, 1 << FINE >> 1


class Lines(NamedTuple):
    """Lines as they are drawn: pixel after pixel along the axis on which they are longer; all whole numbers."""

    is_flat: Tensor
    """Whether that is x."""
    first: Tensor
    """The pixel on that axis where it begins."""
    steps: Tensor
    """How many more there are; negative where the line lies outside the picture."""
    start: Tensor
    """The other coordinate there, in 65536ths; half a pixel more, so that its whole part is the pixel."""
    step: Tensor
    """What that gains a pixel; never 0."""
    last: Tensor
    """(..., 2) x, y of the pixel at the end, which is drawn too."""


def owners(corners: Tensor, faces: Tensor, numbers: Tensor, boxes: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Draw triangles in boxes of pictures.

    Args:
        corners: (S, 3, 2) int64 x, y in sixteenths of a pixel from the corner of the box, clockwise.
        faces: (S,) the picture of each.
        numbers: (S,) above 0; of two triangles in one pixel that with the larger number owns it.
        boxes: (B, 4) left, top, right, bottom; nothing is drawn outside.
        shape: B, height and width.

    Returns:
        (B * height * width,) the numbers; 0 where there is no triangle.
    """
    left, top, right, bottom = boxes[faces].unbind(1)
    rows = (corners[..., 1] + (1 << SHIFT >> 1)) >> SHIFT
    highest, lowest = rows.amin(1).clamp_min(0), torch.minimum(rows.amax(1), bottom - top - 1)
    triangle, row = expand((lowest - highest + 1).clamp_min(0))
    row += highest[triangle]
    starts, ends = corners << (FINE - SHIFT), corners.roll(-1, dims=1) << (FINE - SHIFT)
    size = torch.stack([right - left, bottom - top], dim=1)[:, None]
    begin, end = _outline_spans(_lines(starts, ends, size), triangle, row)
    filled_begin, filled_end = _filled_spans(corners, rows, triangle, row)
    begin = torch.minimum(begin, filled_begin).clamp_min(0)
    end = torch.minimum(torch.maximum(end, filled_end), (right - left - 1)[triangle])
    span, column = expand((end - begin + 1).clamp_min(0))
    pixel = ((faces * shape[1] + top)[triangle] + row) * shape[2] + left[triangle] + begin
    owned = torch.zeros(shape[0] * shape[1] * shape[2], dtype=torch.int64, device=corners.device)
    return owned.scatter_reduce_(0, pixel[span] + column, numbers[triangle][span], "amax")


def expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of N things each so many times, (N,): whose turn it is, and how often it was before, both (sum of counts,)."""
    thing = torch.repeat_interleave(counts)
    return thing, torch.arange(len(thing), device=counts.device) - (counts.cumsum(0) - counts)[thing]


def _filled_spans(corners: Tensor, rows: Tensor, triangle: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """(R,) first and last column between two edges in each row; the last row of a triangle has none."""
    x = corners[..., 0] << (FINE - SHIFT)
    is_down = rows.roll(-1, dims=1) > rows
    # Each edge from its upper to its lower end.
    upper, lower = torch.where(is_down, x, x.roll(-1, dims=1)), torch.where(is_down, x.roll(-1, dims=1), x)
    top, bottom = torch.minimum(rows, rows.roll(-1, dims=1)), torch.maximum(rows, rows.roll(-1, dims=1))
    height = (bottom - top).clamp_min(1)
    slope = torch.div((lower - upper) * 2 + height, 2 * height, rounding_mode="trunc")
    below = row[:, None] - top[triangle]
    column = (upper[triangle] + below * slope[triangle] + HALF) >> FINE
    return _extent(column, column, (below >= 0) & (row[:, None] < bottom[triangle]))


def _outline_spans(lines: Lines, triangle: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """(R,) first and last column that is drawn of the edges in each row."""
    is_flat, first, steps, start, step, last = (part[triangle] for part in lines)
    row = row[:, None]
    # A steep line has a pixel in this row, a flat one those whose other coordinate lies in it.
    near = (row << FINE) - start
    near = torch.where(step < 0, 1 - ONE - near, near)
    pace = step.abs()
    begin = torch.where(is_flat, -torch.div(-near, pace, rounding_mode="floor"), row - first).clamp_min(0)
    end = torch.where(is_flat, torch.div(near + ONE - 1, pace, rounding_mode="floor"), row - first)
    is_drawn = (begin <= torch.minimum(end, steps)) & (steps >= 0)
    end = torch.minimum(end, steps)
    steep = (start + begin * step) >> FINE
    spans = _extent(torch.where(is_flat, first + begin, steep), torch.where(is_flat, first + end, steep), is_drawn)
    ends = _extent(last[..., 0], last[..., 0], (last[..., 1] == row) & (steps >= 0))
    return torch.minimum(spans[0], ends[0]), torch.maximum(spans[1], ends[1])


def _extent(begin: Tensor, end: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """(R,) the first and last of three spans each, (R, 3); of none a span that is empty."""
    begins, ends = begin.masked_fill(~valid, ONE).unbind(1), end.masked_fill(~valid, -1).unbind(1)
    return reduce(torch.minimum, begins), reduce(torch.maximum, ends)


def _lines(starts: Tensor, ends: Tensor, size: Tensor) -> Lines:
    """Lines (..., 2) from start to end, in 65536ths, cut to pictures of (..., 2) width and height in pixels."""
    starts, ends, is_seen = _cut(starts, ends, (size << FINE) - 1)
    along = ends - starts
    is_flat = along[..., 0].abs() > along[..., 1].abs()
    longer = torch.where(is_flat, along[..., 0], along[..., 1])
    is_back = (longer < 0)[..., None]
    starts, ends = torch.where(is_back, ends, starts), torch.where(is_back, starts, ends)
    shorter = torch.where(is_flat, along[..., 1], along[..., 0]) * longer.sign()
    step = torch.div(shorter << FINE, longer.abs() | 1, rounding_mode="trunc")
    begin, other = torch.where(is_flat[..., None], starts, starts.flip(-1)).unbind(-1)
    return Lines(
        is_flat,
        (begin + HALF) >> FINE,
        torch.where(is_seen, longer.abs() >> FINE, -1),
        other + HALF,
        torch.where(step == 0, 1, step),
        (ends + HALF) >> FINE,
    )


def _cut(starts: Tensor, ends: Tensor, largest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lines cut to 0 ... largest, first in y, then in x, and whether any of each is left."""
    is_seen = torch.ones_like(starts[..., 0], dtype=torch.bool)
    for axis in (1, 0):
        limit = largest[..., axis]
        low, high = torch.minimum(starts, ends)[..., axis], torch.maximum(starts, ends)[..., axis]
        is_seen = is_seen & (high >= 0) & (low <= limit)
        starts = _moved_in(starts, ends, limit, axis)
        ends = _moved_in(ends, starts, limit, axis)
    return starts, ends, is_seen


def _moved_in(points: Tensor, others: Tensor, limit: Tensor, axis: int) -> Tensor:
    """Points that lie outside 0 ... limit on an axis moved to its end, along the lines to others."""
    along = others - points
    missing = torch.minimum(points[..., axis].clamp_min(0), limit) - points[..., axis]
    length = torch.where(along[..., axis] == 0, 1, along[..., axis])
    aside = torch.div(missing * along[..., 1 - axis], length, rounding_mode="trunc")
    return points + torch.stack([missing, aside] if axis == 0 else [aside, missing], dim=-1)
