"""A linear model of heads: a mean mesh, ways in which heads differ, and ways in which a face moves.

Every point of a head has a place on an unrolled plane, the azimuth `a` around the vertical axis and the level `t` from
the crown down to the neck. The mean head lies over that plane, and so does each mode, a smooth field of displacements.
Vertices and landmarks are points of the same plane, so landmarks are exact whatever the modes do to them.

Millimetres; x to the right of the picture, y down, z towards the camera; the origin lies between the eyes, on the skin.
Proportions follow the usual figures of anthropometry (Farkas, "Anthropometry of the Head and Face", 1994).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

Line = list[tuple[float, float]]

COLUMNS, ROWS = 53, 58  # vertices around and down the head
WIDEST = np.radians(118.0)  # the mesh ends behind the ears, at +- this azimuth
CROWDING = 2.2  # how much denser vertices are at the middle of the face than at its sides

# From the crown to the neck, at levels t: y at the middle, z at the middle, half the width, z of the axis, roundness.
PROFILE = np.array(
    [
        # t      y     z  width  axis  power
        [-128, -128, -92, 22, -94, 1.00],
        [-122, -122, -64, 46, -94, 0.95],
        [-108, -108, -38, 62, -94, 0.90],
        [-86, -86, -16, 71, -94, 0.85],
        [-58, -58, -1, 75, -93, 0.80],
        [-30, -30, 4, 75, -91, 0.76],
        [-12, -12, 3, 74, -90, 0.76],
        [0, 0, -1, 72, -89, 0.78],
        [20, 19, 1, 69, -87, 0.80],
        [40, 37.5, 2, 66, -85, 0.84],
        [58, 54.5, 3, 64, -83, 0.90],
        [72, 67.5, 2, 61, -82, 0.95],
        [88, 82.5, -2, 58, -81, 1.02],
        [102, 93.5, -2, 55, -80, 1.10],
        [112, 100.5, -6, 53, -80, 1.16],
        [118, 104, -14, 52, -80, 1.16],
        [126, 107, -34, 50, -80, 1.05],
        [136, 113, -48, 49, -82, 0.95],
        [150, 132, -52, 52, -84, 0.90],
        [190, 190, -52, 60, -86, 0.90],
    ]
)
# Levels of the rows of vertices: close together where the face has detail.
ROW_LEVELS = np.array([[0, -128], [7, -80], [13, -30], [27, 20], [37, 53], [50, 90], [54, 122], [57, 190]])
JAW_RISE = 52.0  # mm by which the jaw line lies higher below the ear than at the chin
MOUTH = 70.0  # level of the line between the lips

# Which displacement belongs to a place: centre (x, t) and width of a Gaussian window, then dx, dy, dz in mm there.
# dx points away from the middle of the face; a window off the middle stands on both sides.
Window = tuple[tuple[float, float], tuple[float, float], tuple[float, float, float]]

RELIEF: tuple[Window, ...] = (
    ((21, -17), (17, 7), (0, 0, 4.5)),  # brow ridge
    ((30, 0), (15, 10), (0, 0, -9)),  # eye sockets
    ((13, 1), (5, 9), (0, 0, -5)),  # where they meet the nose
    ((31, 0.5), (11, 6), (0, 0, 6)),  # eyeballs
    ((46, 24), (15, 12), (0, 0, 5)),  # cheekbones
    ((40, 55), (14, 16), (0, 0, -2)),  # hollow of the cheeks
    ((0, 60), (20, 9), (0, 0, 5)),  # the teeth behind the lips
    ((0, 65), (15, 3.2), (0, 0, 3.5)),  # upper lip
    ((0, 76), (14, 3.8), (0, 0, 4.5)),  # lower lip
    ((0, 70), (24, 1.5), (0, 0, -3)),  # line of the mouth
    ((0, 88), (18, 5), (0, 0, -3.5)),  # fold above the chin
    ((0, 103), (15, 9), (0, 0, 6)),  # chin
    ((62, -30), (12, 18), (0, 0, -4)),  # temples
)

# How heads differ: name, windows; the coefficient of a mode is drawn in `identity`.
IDENTITY_MODES: tuple[tuple[str, tuple[Window, ...]], ...] = (
    ("upper_width", (((62, -10), (26, 45), (4.5, 0, 0)),)),
    ("cheek_width", (((58, 30), (22, 20), (4.5, 0, 0)),)),
    ("cheek_bones", (((45, 24), (14, 11), (0, 0, 4.5)),)),
    ("cheek_fat", (((42, 56), (17, 17), (2.5, 0, 5)),)),
    ("jaw_width", (((52, 72), (22, 24), (6.0, 0, 0)),)),
    ("jaw_drop", (((50, 75), (20, 22), (0, 5.0, 0)),)),
    ("face_length", (((0, 112), (60, 38), (0, 6.0, 0)),)),
    ("chin_width", (((19, 106), (13, 13), (5.0, 0, 0)),)),
    ("chin_length", (((0, 112), (26, 14), (0, 4.5, 0)),)),
    ("chin_forward", (((0, 104), (22, 14), (0, 0, 5.5)),)),
    ("chin_cleft", (((0, 106), (3.2, 8), (0, 0, -2.6)),)),
    ("forehead_slope", (((0, -62), (60, 24), (0, 0, 8)),)),
    ("forehead_bulge", (((0, -48), (28, 16), (0, 0, 4)),)),
    ("brow_ridge", (((21, -17), (17, 7), (0, 0, 3.2)),)),
    ("brow_height", (((22, -20), (26, 9), (0, 3.4, 0)),)),
    ("brow_tilt", (((40, -18), (13, 9), (0, 3.0, 0)), ((10, -18), (9, 8), (0, -2.2, 0)))),
    ("eye_distance", (((31, 0), (19, 15), (3.6, 0, 0)),)),
    ("eye_depth", (((30, 0), (15, 10), (0, 0, 3.2)),)),
    ("eye_length", (((46, 1), (9, 9), (2.6, 0, 0)), ((17, 1), (7, 8), (-2.0, 0, 0)))),
    ("eye_opening", (((31, 6.5), (12, 4), (0, 1.7, 0)), ((31, -5.5), (12, 4), (0, -1.7, 0)))),
    ("eye_tilt", (((46, 0), (9, 9), (0, 2.3, 0)), ((17, 0), (8, 9), (0, -1.6, 0)))),
    ("eye_level", (((31, 0), (24, 14), (0, 2.2, 0)),)),
    ("nose_length", (((0, 43), (22, 15), (0, 4.2, 0)),)),
    ("nose_width", (((14, 43), (8, 9), (3.2, 0, 0)),)),
    ("nose_wings", (((14, 44), (6, 6), (0, 0, 3.2)),)),
    ("nose_forward", (((0, 38), (11, 13), (0, 0, 4.2)),)),
    ("nose_bridge_height", (((0, 8), (8, 13), (0, 0, 3.2)),)),
    ("nose_bridge_width", (((7, 15), (5, 17), (2.4, 0, 0.8)),)),
    ("nose_hump", (((0, 19), (6, 7), (0, 0, 3.2)),)),
    ("nose_tip_lift", (((0, 41), (9, 7), (0, -3.2, 0)),)),
    ("nose_tip_width", (((6, 40), (5, 6), (2.4, 0, 0)),)),
    ("mouth_width", (((25, 70), (12, 13), (4.4, 0, 0)),)),
    ("mouth_level", (((0, 70), (34, 15), (0, 3.2, 0)),)),
    ("mouth_forward", (((0, 69), (24, 15), (0, 0, 4.0)),)),
    ("mouth_corners", (((24, 70), (8, 8), (0, 2.4, 0)),)),
    ("upper_lip", (((0, 64), (17, 4.5), (0, -2.2, 1.4)),)),
    ("lower_lip", (((0, 78), (16, 5.5), (0, 2.4, 1.6)),)),
    ("cupid_bow", (((5.5, 62.5), (3.6, 3.6), (0, -1.7, 0)), ((0, 63.5), (2.6, 3.6), (0, 1.3, 0)))),
    ("philtrum", (((0, 55), (3, 5), (0, 0, -1.6)), ((5, 55), (2.6, 5), (0, 0, 1.0)))),
    ("fold_at_nose", (((27, 58), (6, 15), (0, 0, 2.4)),)),
)

# How a face moves; the coefficient is 1 for the movement in full.
EXPRESSION_MODES: tuple[tuple[str, tuple[Window, ...]], ...] = (
    ("smile", (((25, 70), (11, 11), (6.5, -5.0, -2.0)), ((42, 40), (15, 14), (1.5, -2.5, 3.5)))),
    ("pucker", (((24, 70), (12, 11), (-6.0, 0, 1.0)), ((0, 70), (15, 10), (0, 0, 5.0)))),
    ("brow_raise", (((24, -20), (26, 10), (0, -5.0, 0)),)),
    ("brow_frown", (((10, -18), (10, 8), (-2.5, 3.5, 1.0)),)),
    ("eye_close", (((31, -5.5), (12, 3.6), (0, 4.2, 0)), ((31, 6.5), (12, 3.6), (0, -1.0, 0)))),
)
EXPRESSIONS = (*(name for name, _ in EXPRESSION_MODES), "jaw_open")
JAW_OPEN = 17.0  # mm between the lips when the mouth is wide open


class Mesh(NamedTuple):
    """Vertices (V, 3) in millimetres, row by row, and the landmarks (96, 3)."""

    vertices: Array
    landmarks: Array


def half_width(t: Array) -> Array:
    """Half the width of the skull at a level, mm."""
    return _smooth_interp(t, PROFILE[:, 0], PROFILE[:, 3])


def unroll(x: Array, t: Array) -> Array:
    """The azimuth of points of the face at x millimetres from its middle, at level t."""
    return np.asarray(np.arcsin(np.clip(x / half_width(t), -1, 1)))


def grid() -> tuple[Array, Array]:
    """Azimuth and level of every vertex, (ROWS, COLUMNS) each."""
    across = np.sinh(np.linspace(-CROWDING, CROWDING, COLUMNS)) / np.sinh(CROWDING) * WIDEST
    down = np.interp(np.arange(ROWS), *ROW_LEVELS.T)
    a, t = np.meshgrid(across, down)
    return a, t


@cache
def triangles() -> npt.NDArray[np.intp]:
    """(T, 3) vertices of each triangle."""
    corner = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]))
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)])


def shape(identity: Array, expression: Array) -> Mesh:
    """The head of an identity with an expression.

    Args:
        identity: (number of IDENTITY_MODES,) standard deviations from the mean.
        expression: (number of EXPRESSIONS,) movements, 0 to 1.
    """
    mean, modes = _model()
    points = mean + np.einsum("m,mnk->nk", np.concatenate([identity, expression]), modes)
    return Mesh(points[: ROWS * COLUMNS], points[ROWS * COLUMNS :])


@cache
def _model() -> tuple[Array, Array]:
    """The mean (V + 96, 3) and the modes (M, V + 96, 3), over vertices, then landmarks."""
    a, t = (np.concatenate([vertex.ravel(), mark]) for vertex, mark in zip(grid(), landmark_places(), strict=True))
    base, front = _base(a, t)
    x = base[:, 0]
    mean = base + _field(x, t, RELIEF) * front
    mean[:, 2] += _nose(x, t) * front[:, 0]
    mean += _ear(a, base[:, 1])
    modes = [_field(x, t, windows) * front for _, windows in (*IDENTITY_MODES, *EXPRESSION_MODES)]
    return mean, np.stack([*modes, _jaw_opening(a, t)])


def _base(a: Array, t: Array) -> tuple[Array, Array]:
    """The skull without relief, (N, 3), and how much of the face's relief applies there, (N, 1)."""
    y, z, width, axis, power = (_smooth_interp(t, PROFILE[:, 0], column) for column in PROFILE[:, 1:].T)
    depth = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** power
    # From the chin the jaw line rises towards the ears; the lower the level, the more.
    y = y - JAW_RISE * _step(t, 50, 118) * (1 - _step(t, 118, 185)) * _step(np.abs(a), np.radians(12), np.radians(88))
    front = np.clip(2.5 * np.cos(a) + 0.2, 0, 1) * (1 - _step(t, 114, 128))
    return np.stack([width * np.sin(a), y, axis + (z - axis) * depth], axis=1), front[:, None]


def _nose(x: Array, t: Array) -> Array:
    """How far the nose stands out, in mm: a ridge that widens downwards, a tip, two wings."""
    height = np.interp(t, [-14, -4, 8, 22, 34, 41, 46, 50, 53], [0, 2, 6.5, 13, 18.5, 20, 15, 5, 0])
    width = np.interp(t, [-10, 5, 25, 40, 50], [6, 5.5, 7, 9, 9])
    ridge = height * np.exp(-((np.abs(x) / width) ** 2.4))
    wings = 8.5 * np.exp(-(((np.abs(x) - 13) / 5) ** 2) - ((t - 43.5) / 6.5) ** 2)
    return np.asarray(np.maximum(ridge, wings) + 0.35 * np.minimum(ridge, wings))


def _ear(a: Array, y: Array) -> Array:
    """The ears, as displacement outwards: a rim around a hollow."""
    across, down = (np.abs(a) - np.radians(97)) / np.radians(13), (y - 14) / 31
    distance = np.sqrt(across**2 + down**2)
    out = 13 * np.exp(-((distance / 0.9) ** 6)) - 6 * np.exp(-((distance / 0.5) ** 4))
    return np.stack([np.sign(a) * out, np.zeros_like(out), -0.4 * out], axis=1)


def _jaw_opening(a: Array, t: Array) -> Array:
    """What moves when the mouth opens: all below the line between the lips, less towards the ears."""
    window = 1 - _step(np.abs(a), np.radians(25), np.radians(80))
    corners = 1 - 0.85 * _step(np.abs(a), np.radians(12), np.radians(23)) * (1 - _step(t, MOUTH, MOUTH + 16))
    lower = _step(t, MOUTH - 0.8, MOUTH + 0.8) * (1 - _step(t, 122, 150))
    opening = JAW_OPEN * lower * window * corners
    return np.stack([np.zeros_like(opening), opening, -0.35 * opening], axis=1)


def _field(x: Array, t: Array, windows: tuple[Window, ...]) -> Array:
    """The displacements (N, 3) of a mode."""
    field = np.zeros((len(x), 3))
    for (cx, ct), (sx, st), displacement in windows:
        for side in (1,) if cx == 0 else (-1, 1):
            weight = np.exp(-0.5 * ((x - side * cx) / sx) ** 2 - 0.5 * ((t - ct) / st) ** 2)
            # A window on the middle stretches both sides away from it.
            outward = np.tanh(x / 4) if cx == 0 else side
            field += (
                weight[:, None] * np.stack(np.broadcast_arrays(displacement[0] * outward, *displacement[1:], x))[:3].T
            )
    return field


def _step(value: Array, start: float, end: float) -> Array:
    """0 before `start`, 1 after `end`, smooth between."""
    s = np.clip((value - start) / (end - start), 0, 1)
    return s * s * (3 - 2 * s)


def _smooth_interp(t: Array, knots: Array, values: Array) -> Array:
    """Cubic Hermite interpolation with the slopes of neighbouring knots: smooth skin, no overshoot worth a word."""
    slopes = np.gradient(values, knots)
    i = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2)
    width = knots[i + 1] - knots[i]
    s = (t - knots[i]) / width
    return np.asarray(
        (1 + 2 * s) * (1 - s) ** 2 * values[i]
        + s * (1 - s) ** 2 * width * slopes[i]
        + s**2 * (3 - 2 * s) * values[i + 1]
        + s**2 * (s - 1) * width * slopes[i + 1]
    )


# The landmarks of `maskrec.masking.layout` on the mean head: x in mm and level; the jaw line by azimuth and level.
# They lie where FaceMesh sees them on generated faces, so that both mean the same.
JAW: Line = [(76, -2.5), (77, 11.5), (79, 27), (79, 44), (77, 75), (54, 113), (41, 109), (20, 103), (0, 105)]
RIGHT_BROW: Line = [(-55.5, -18.5), (-49.5, -24), (-41, -26.5), (-29.5, -26), (-15.5, -23.5)]
NOSE: Line = [(0, -3), (0, 15), (0, 29.5), (0, 39.5), (-14, 48), (-6.5, 50), (0, 51), (6.5, 50), (14, 48)]
RIGHT_EYE: Line = [(-44, 0), (-37.5, -4.8), (-26.5, -5), (-16.5, 2.5), (-25, 5.3), (-35.5, 5.3)]
OUTER_LIPS: Line = [(-24, 69.3), (-14.5, 64.3), (-6.5, 61.8), (0, 63), (6.5, 61.8), (14.5, 64.3), (24, 69.3)]
LOWER_LIPS: Line = [(14, 75.5), (7, 77.6), (0, 78), (-7, 77.6), (-14, 75.5)]
INNER_LIPS: Line = [(-20, 69.5), (-6.5, 69), (0, 69), (6.5, 69), (20, 69.5), (6.5, 70.7), (0, 70.7), (-6.5, 70.7)]
RIGHT_SIDE: Line = [(-65.8, 13.3), (-64, 27.3), (-61.7, 41.8), (-58.7, 57), (-50, 82)]
RIGHT_CHEEK: Line = [
    (-59, 29),
    (-57, 41.5),
    (-55.5, 52.5),
    (-49.5, 62.5),
    (-41.5, 74),
    (-30, 77),
    (-24, 82),
    (-35, 85.5),
]
CHIN: Line = [(0, 89), (0, 97.5)]


def landmark_places() -> tuple[Array, Array]:
    """Azimuth and level of the 96 landmarks."""
    jaw = np.array([*((-azimuth, t) for azimuth, t in JAW[:-1]), *reversed(JAW)], dtype=float)
    brow, eye, flip = np.array(RIGHT_BROW), np.array(RIGHT_EYE), np.array([-1, 1])
    right = np.array(RIGHT_SIDE + RIGHT_CHEEK)
    lips = OUTER_LIPS + LOWER_LIPS + INNER_LIPS
    parts = [brow, brow[::-1] * flip, NOSE, eye, eye[[3, 2, 1, 0, 5, 4]] * flip, lips, right, right * flip, CHIN]
    rest = np.concatenate(parts)
    azimuth = np.concatenate([np.radians(jaw[:, 0]), unroll(rest[:, 0], rest[:, 1])])
    return azimuth, np.concatenate([jaw[:, 1], rest[:, 1]])
