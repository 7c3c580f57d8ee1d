"""An identity and a view to a picture with its landmarks."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.data.generated.camera import SIZE, Camera
from maskrec.data.generated.head import COLUMNS, ROWS, shape, triangles
from maskrec.data.generated.identity import Glasses, Identity
from maskrec.data.generated.plane import CELL, SHIFT, Picture
from maskrec.data.generated.raster import rasterise
from maskrec.data.generated.view import View
from maskrec.masking.layout import LEFT_EYE, RIGHT_EYE

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

FINER = 1.25  # pixels drawn for each of the finished picture: smooth edges
SIDE = round(SIZE * FINER)
SHINE = 150.0  # grey levels of the brightest highlight


def render(identity: Identity, skin: Picture, view: View) -> tuple[Image, Array]:
    """Draw a face.

    Args:
        identity: Who.
        skin: What `draw_skin` drew for the identity.
        view: How.

    Returns:
        (SIZE, SIZE, 3) RGB, and the landmarks of `masking.layout`, (96, 2) x, y in pixels, a pixel's centre at whole
        numbers.
    """
    rng = np.random.default_rng(view.seed)
    head = shape(identity.modes, view.expression)
    camera = Camera.of(view, head.landmarks)
    canvas = _background(rng)
    if identity.has_long_hair:
        _draw_long_hair(canvas, identity, camera, view)
    _draw_head(canvas, camera, camera.turn(head.vertices), skin, view)
    if identity.glasses:
        _draw_glasses(canvas, identity.glasses, head.landmarks, camera, view)
    small = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    return _photograph(small, view, rng), camera.picture(camera.turn(head.landmarks))


def _background(rng: np.random.Generator) -> Picture:
    """Colours without form, from plain to crowded."""
    rows, columns = rng.integers(2, 9, 2)
    grey = rng.uniform(20, 235) + rng.normal(0, rng.uniform(3, 50), (rows, columns, 1))
    colour = rng.normal(0, 22, 3) + rng.normal(0, rng.uniform(0, 25), (rows, columns, 3))
    coarse = (grey + colour).clip(0, 255).astype(np.float32)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _draw_long_hair(canvas: Picture, identity: Identity, camera: Camera, view: View) -> None:
    """The hair behind the face and the neck."""
    around = np.linspace(0, 2 * np.pi, 40)
    x, y = 84 * np.sin(around), 20 - 132 * np.cos(around)
    outline = np.stack([np.where(y > 20, x * 1.08, x), y, np.full_like(x, -105)], axis=1)
    fall = np.concatenate([outline, outline + np.array([0, 60, 0])])
    hull = cv2.convexHull(camera.picture(camera.turn(fall)).astype(np.float32))
    colour = np.array(identity.hair) * (0.6 * view.exposure / np.mean(identity.skin))
    cv2.fillPoly(canvas, [_fixed(hull[:, 0].astype(np.float64))], colour.tolist(), cv2.LINE_AA, SHIFT)


def _draw_head(canvas: Picture, camera: Camera, vertices: Array, skin: Picture, view: View) -> None:
    seen = rasterise((camera.picture(vertices) + 0.5) * FINER, vertices[:, 2], triangles(), (SIDE, SIDE))
    # Where each pixel lies in the grid of vertices: light and skin are looked up there.
    where = np.zeros((2, SIDE * SIDE), dtype=np.float32)
    where[:, seen.pixel] = (_corners().take(seen.triangle, axis=2) * seen.weights).sum(axis=1)
    column, row = where.reshape(2, SIDE, SIDE)
    light = cv2.remap(_light(vertices, view), column, row, cv2.INTER_LINEAR)
    drawn = cv2.remap(skin, column * CELL, row * CELL, cv2.INTER_LINEAR)
    red, green, blue, gloss = cv2.split(light * drawn)
    colour = cv2.merge([red + gloss, green + gloss, blue + gloss])
    is_head = np.zeros((SIDE, SIDE), dtype=np.uint8)
    is_head.reshape(-1)[seen.pixel] = 1
    mean = np.mean(cv2.mean(colour, is_head)[:3])
    cv2.copyTo(colour * np.float32(view.exposure / mean), is_head, canvas)


@cache
def _corners() -> Array:
    """Column and row of the corners of every triangle in the grid of vertices, (2, 3, T)."""
    row, column = np.divmod(triangles().T, COLUMNS)
    return np.asarray(np.stack([column, row]), dtype=np.float64)


def _light(vertices: Array, view: View) -> Picture:
    """What falls on each vertex of the grid, (ROWS, COLUMNS, 4): red, green, blue, and the highlight."""
    normal = _normals(vertices)
    lit = np.clip(view.light @ normal * 0.75 + 0.25, 0, None)  # skin lets light through its shadows
    around = 0.78 - 0.22 * normal[1]  # more from above
    half = view.light + np.array([0, 0, 1])  # Blinn's highlight, for a camera straight ahead
    gloss = np.clip(half @ normal / np.linalg.norm(half), 0, None) ** 20 * (view.shine * SHINE / 255)
    diffuse = np.outer(view.lamp, view.contrast * 1.2 * lit) + (1 - view.contrast) * around
    return np.asarray(np.stack([*diffuse, gloss], axis=-1), dtype=np.float32).reshape(ROWS, COLUMNS, 4)


def _normals(vertices: Array) -> Array:
    """(3, V) of unit length, out of the head."""
    x, y, z = vertices.reshape(ROWS, COLUMNS, 3).transpose(2, 0, 1)
    (xa, ya, za), (xd, yd, zd) = ([np.gradient(part, axis=axis) for part in (x, y, z)] for axis in (1, 0))
    normal = np.stack([ya * zd - za * yd, za * xd - xa * zd, xa * yd - ya * xd]).reshape(3, -1)
    return np.asarray(normal / np.sqrt((normal**2).sum(axis=0)))


def _draw_glasses(canvas: Picture, glasses: Glasses, landmarks: Array, camera: Camera, view: View) -> None:
    """Two rims, a bridge, and the arm on the side that is seen."""

    def draw(points: Array) -> None:
        line = (camera.picture(camera.turn(points)) + 0.5) * FINER
        thickness = max(1, round(glasses.thickness * 0.57 * FINER))
        cv2.polylines(canvas, [_fixed(line)], False, glasses.colour, thickness, cv2.LINE_AA, SHIFT)

    around = np.linspace(0, 2 * np.pi, 33)
    rim = np.stack([np.cos(around), np.sin(around)], axis=1)
    rim = np.sign(rim) * np.abs(rim) ** (2 / glasses.squareness) * (glasses.half_width, glasses.half_height)
    eyes = [landmarks[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    front = max(eye[2] for eye in eyes) + 13
    for side, eye in zip((-1, 1), eyes, strict=True):
        draw(np.column_stack([rim[:, 0] + eye[0], rim[:, 1] + eye[1] + 2, np.full(len(rim), front)]))
        if side * view.yaw < -6:  # turned so that this temple faces the camera
            hinge = (eye[0] + side * glasses.half_width, eye[1] - 3, front)
            draw(np.array([hinge, (side * 75, eye[1] - 2, -88)]))
    inner = [(eye[0] - side * glasses.half_width, eye[1] - 2, front) for side, eye in zip((-1, 1), eyes, strict=True)]
    draw(np.array(inner))


def _fixed(points: Array) -> npt.NDArray[np.int32]:
    return np.asarray(np.round(points * (1 << SHIFT)), dtype=np.int32)


def _photograph(picture: Picture, view: View, rng: np.random.Generator) -> Image:
    """What lens and sensor do."""
    picture = picture * view.white_balance.astype(np.float32)
    picture = 255 * (picture.clip(0, 255) / 255) ** np.float32(view.gamma)
    if view.blur > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), view.blur + 0.2).astype(np.float32, copy=False)
    picture += np.float32(view.noise) * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.round(picture).clip(0, 255).astype(np.uint8)
