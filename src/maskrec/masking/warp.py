"""Piecewise affine warping of a small picture onto a face: the mesh of a mask, and one map for all its triangles.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), §3.1: the triangles are Delaunay's, of
the landmarks of the mask picture; each is mapped to its triangle on the face. Triangle by triangle that takes a warp
and a blend for each; here the triangles only write into a map, and one `cv2.remap` reads the picture through it.
"""

from itertools import combinations
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Points
from maskrec.masking.layout import MIRROR, NUM_LANDMARKS, RIGHT_SIDE

Map = npt.NDArray[np.float32]
Triangles = npt.NDArray[np.intp]

NO_MAP: Map = np.empty(0, dtype=np.float32)  # OpenCV's second map: the first holds x and y in one

# The landmarks a mask picture has, in this order: 9 of the jaw line; top and middle of the nose bridge, the nose's tip
# and its foot; of either eye outer corner, lower lid and inner corner, so that masks stay below them.
ANCHORS: npt.NDArray[np.intp] = np.array([1, 3, 5, 7, 8, 9, 11, 13, 15, 27, 28, 30, 33, 36, 41, 39, 42, 46, 45])
JAW_ANCHORS = 9
_FRONT = (30, 31, 35, 48, 54)  # nose and mouth, where they reach furthest aside
FRONT_AND_SIDES: npt.NDArray[np.intp] = np.array([*_FRONT, 1, 3, 5, 15, 13, 11])
_RIGHT: npt.NDArray[np.intp] = np.array([*range(6), *range(*RIGHT_SIDE.indices(NUM_LANDMARKS))])
_LEFT = MIRROR[_RIGHT]
CLEAR = 0.06  # of the height of the face below the eyes: how far beyond them a mask is seen

FOOT = 12  # the foot of the nose, from which the rim is seen
RIM = 0.4  # how far the mesh reaches beyond the jaw line: a mask stands off the face
_ANCHOR = np.eye(len(ANCHORS), dtype=np.float32)
_VERTICES = np.concatenate([_ANCHOR, (1 + RIM) * _ANCHOR[:JAW_ANCHORS] - RIM * _ANCHOR[FOOT]])

FLAT = 1e-3  # twice the area, in square pixels, below which a triangle is seen from its side
OUTSIDE = -1e4  # where a map points that has no triangle: outside any picture
SHIFT = 4  # OpenCV draws at sixteenths of a pixel
LIMIT = 1 << 14  # pixels from the picture's corner: fixed-point numbers hold no more


class Box(NamedTuple):
    """A part of a picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def part(self) -> tuple[slice, slice]:
        """The rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def corner(self) -> Points:
        """(2,) x, y of its first pixel."""
        return np.array((self.left, self.top), dtype=np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def is_empty(self) -> bool:
        """Nothing of the picture lies in it."""
        return self.right <= self.left or self.bottom <= self.top


def box_around(points: npt.NDArray[np.floating[Any]], shape: tuple[int, ...], margin: int = 1) -> Box:
    """The part of a picture (height, width, ...) around points (N, 2)."""
    x, y = points.T.tolist()
    return box_between(min(x) - margin, min(y) - margin, max(x) + margin, max(y) + margin, shape)


def box_between(left: float, top: float, right: float, bottom: float, shape: tuple[int, ...]) -> Box:
    """The part of a picture (height, width, ...) from one corner to the other."""
    height, width = shape[:2]
    return Box(
        int(min(max(left, 0), width)),
        int(min(max(top, 0), height)),
        int(max(min(right + 1, width), 0)),
        int(max(min(bottom + 1, height), 0)),
    )


def fixed(points: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int32]:
    """Points (..., 2) of a picture as OpenCV's drawing functions take them, with `SHIFT`."""
    return np.asarray(np.rint(points.clip(-LIMIT, LIMIT) * (1 << SHIFT)), dtype=np.int32)


def anchors_on(landmarks: Points, aside: float = 0.0, below: float = 0.0) -> Points:
    """The anchors of a face, (19, 2).

    A turned head hides the jaw line on its far side, and nose and mouth stand out beyond it: there the sides of the
    mask are moved out, for it reaches over both.

    Args:
        landmarks: (96, 2), left and right as in the layout.
        aside: How far all anchors are moved to the person's left, in heights of the face below the eyes.
        below: How far downwards.
    """
    places = _complex(landmarks)
    anchors = places[ANCHORS]
    down = complex(places[8] - places[27])
    if down == 0:
        return anchors.view(np.float32).reshape(-1, 2)
    left = -1j * down
    # How far to the left nose and mouth reach, and the sides of the jaw line, in heights.
    reach = (places[FRONT_AND_SIDES] * np.complex64(1 / left)).real.tolist()
    right_most, left_most = min(reach[:5]) - CLEAR, max(reach[:5]) + CLEAR
    if aside or below:
        anchors += np.complex64(aside * left + below * down)
    for side, (right_jaw, left_jaw) in enumerate(zip(reach[5:8], reach[8:], strict=True)):
        if right_jaw > right_most:
            anchors[side] += left * (right_most - right_jaw)
        if left_jaw < left_most:
            anchors[JAW_ANCHORS - 1 - side] += left * (left_most - left_jaw)
    return anchors.view(np.float32).reshape(-1, 2)


def reaching_over(landmarks: Points) -> Points:
    """Landmarks (96, 2) whose sides and jaw line, on a turned head, are moved out as `anchors_on` moves its anchors."""
    places = _complex(landmarks).copy()
    left = -1j * complex(places[8] - places[27])
    if left == 0:
        return landmarks
    reach = (places * np.complex64(1 / left)).real
    for sign, side in ((-1, _RIGHT), (1, _LEFT)):
        beyond = (sign * reach[list(_FRONT)]).max() + CLEAR
        places[side] += np.complex64(sign * left) * (beyond - sign * reach[side]).clip(min=0)
    return places.view(np.float32).reshape(-1, 2)


def affine_map(matrix: npt.NDArray[np.floating[Any]], box: Box) -> Map:
    """(h, w, 2) where each pixel of a box lies under an affine map, (2, 3)."""
    height, width = box.shape
    columns = np.arange(box.left, box.right, dtype=np.float32)
    rows = np.arange(box.top, box.bottom, dtype=np.float32)
    mapped = np.empty((height, width, 2), dtype=np.float32)
    for axis, (along_x, along_y, start) in enumerate(matrix.astype(np.float32)):
        np.add(along_x * columns, (along_y * rows + start)[:, None], out=mapped[..., axis])
    return mapped


def with_rim(anchors: Points) -> Points:
    """The vertices of the mesh: the 19 anchors, then 9 beyond the jaw line, (28, 2)."""
    return np.asarray(_VERTICES @ anchors)


def reaching_out(triangles: Triangles) -> Triangles:
    """Triangles (T, 3) of `with_rim`; those between foot and jaw line reach to the rim, in place of what lay behind.

    The rim is seen from the foot, so that on any face both have the same affine map.
    """
    rim = len(ANCHORS)
    grown = {frozenset((FOOT, jaw, jaw + 1)): (FOOT, rim + jaw + 1, rim + jaw) for jaw in range(JAW_ANCHORS - 1)}
    behind = [{*some, *grown[some]} - {FOOT} for some in map(frozenset, triangles.tolist()) if some in grown]
    kept = [tuple(some) for some in triangles.tolist() if not any(part.issuperset(some) for part in behind)]
    return np.array([grown.get(frozenset(some), some) for some in kept])


def delaunay(points: Points) -> Triangles:
    """The Delaunay triangulation of a few dozen points, (T, 3) corners clockwise in the picture.

    A triangle is Delaunay's if, lifted to the paraboloid x^2 + y^2, no point lies below its plane. Heights are raised
    by next to nothing, each by its own amount: four points on a circle, as mirrored ones are, then have one answer.
    """
    x, y = points.astype(np.float64).T / np.ptp(points)
    z = x**2 + y**2 + np.random.default_rng(0).uniform(0, 1e-6, len(x))
    corners = np.array(list(combinations(range(len(x)), 3)))
    lifted = np.stack([x, y, z], axis=1)
    a, b, c = lifted[corners].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    is_clockwise = normal[:, 2] > 0  # y points down
    corners = np.where(is_clockwise[:, None], corners, corners[:, ::-1])
    normal = np.where(is_clockwise[:, None], normal, -normal)
    below = normal @ lifted.T - (normal * a).sum(axis=1)[:, None] < -1e-12
    return np.asarray(corners[~below.any(axis=1) & (normal[:, 2] > 1e-9)])


class Mesh:
    """A triangulated picture, ready to be warped.

    Args:
        points: (V, 2) x, y of the vertices in the picture, no three corners of a triangle on one line.
        triangles: (T, 3) corners, clockwise.
        outline: (N, 2) x, y of corners of what is drawn in the picture, in triangles all of them.
    """

    def __init__(self, points: Points, triangles: Triangles, outline: Points) -> None:
        self.triangles = triangles
        self._columns = np.ascontiguousarray(triangles.T)
        corners = _complex(points)[self._columns]
        self._origin, self._edges = corners[0], corners[1:] - corners[0]
        places = _barycentric(points[triangles], outline)
        owner = places.min(axis=2).argmax(axis=1)
        weights = np.zeros((len(outline), len(points)), dtype=np.float32)
        np.put_along_axis(weights, triangles[owner], places[np.arange(len(outline)), owner].astype(np.float32), axis=1)
        self.outline = weights

    def box(self, target: Points, shape: tuple[int, ...]) -> Box:
        """The part of a picture (height, width, ...) on which something is drawn; arguments as of `map_to`."""
        return box_around(self.outline @ target, shape)

    def map_to(self, target: Points, box: Box) -> Map:
        """Where each pixel of the box lies in this picture, when its vertices lie at `target` in the other.

        Triangles turned away from the camera, whose corners run anticlockwise at their target, are not drawn.
        Places are complex numbers: a pixel's x and y stay together, and all triangles' affine maps take few steps.

        Args:
            target: (V, 2) x, y in pixels.
            box: Part of the picture.

        Returns:
            (h, w, 2) x, y; far outside the picture where there is no triangle.
        """
        height, width = box.shape
        places = target - box.corner
        corners = _complex(places)[self._columns]
        edges = corners[1:] - corners[0]
        area = (edges[1] * edges[0].conj()).imag  # twice, in square pixels
        # Of two edges u -> s, v -> t: a step along x is (s v_y - t u_y) / area, one along y (t u_x - s v_x) / area.
        other = edges[::-1] / np.maximum(area, FLAT)
        by_y, by_x = self._edges * other.imag, self._edges * other.real
        along_x, along_y = by_y[0] - by_y[1], by_x[1] - by_x[0]
        maps = np.zeros((3, len(area) + 1), dtype=np.complex64)  # along x, along y, at the box's corner
        maps[2, 0] = OUTSIDE
        maps[:, 1:] = along_x, along_y, self._origin - along_x * corners[0].real - along_y * corners[0].imag

        number = np.zeros((height, width), dtype=np.uint8)
        polygons = zip(fixed(places)[self.triangles], (area > FLAT).tolist(), strict=True)
        for colour, (polygon, is_seen) in enumerate(polygons, start=1):
            if is_seen:
                cv2.fillConvexPoly(number, polygon, (colour,), cv2.LINE_8, SHIFT)
        index = number.astype(np.intp)
        by_column, by_row, mapped = (part.take(index, mode="clip").view(np.float32) for part in maps)
        by_column *= np.arange(width, dtype=np.float32).repeat(2)
        by_row *= np.arange(height, dtype=np.float32)[:, None]
        mapped += by_column
        mapped += by_row
        return np.asarray(mapped.reshape(height, width, 2), dtype=np.float32)


def _complex(points: Points) -> npt.NDArray[np.complex64]:
    """(..., 2) x, y as x + iy."""
    return np.ascontiguousarray(points, dtype=np.float32).view(np.complex64)[..., 0]


def _barycentric(corners: Points, points: Points) -> npt.NDArray[np.float64]:
    """Weights (N, T, 3) of the corners (T, 3, 2) of every triangle at every point (N, 2)."""
    a, b, c = corners.astype(np.float64).transpose(1, 0, 2)
    u, v, p = b - a, c - a, points[:, None] - a
    det = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    second = (p[..., 0] * v[:, 1] - p[..., 1] * v[:, 0]) / det
    third = (u[:, 0] * p[..., 1] - u[:, 1] * p[..., 0]) / det
    return np.stack([1 - second - third, second, third], axis=2)
