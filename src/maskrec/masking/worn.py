"""Putting a style on a face through a map: paint, shading, shadow, loops."""

import math
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image, Points
from maskrec.masking.layout import NUM_LANDMARKS
from maskrec.masking.light import Light
from maskrec.masking.styles.style import NOTHING, OPENEST, Picture, Straps
from maskrec.masking.warp import NO_MAP, SHIFT, Box, Map, fixed

Cover: TypeAlias = npt.NDArray[np.uint8]
Weights: TypeAlias = npt.NDArray[np.float32]

NOISE_STEP = 24  # grey levels of standard deviation of the noise below

_WHITE = np.random.default_rng(0).normal(128, 2 * NOISE_STEP, (256, 256, 3)).clip(0, 255)
NOISE: npt.NDArray[np.uint8] = cv2.GaussianBlur(_WHITE, (0, 0), 0.6).astype(np.uint8)  # as compression leaves it


def paste(
    image: Image,
    drawn: Cover,
    box: Box,
    paint: Picture,
    rest: Cover,
    colours: npt.ArrayLike,
    light: Light | None = None,
    surface: Picture | None = None,
) -> None:
    """Draw a mask within a box, in place.

    Args:
        image: (H, W, 3) RGB.
        drawn: (H, W) above 0 wherever something was drawn.
        box: Part of the picture, h x w.
        paint: (h, w, 3) how much of each of three paints there is, times cover.
        rest: (h, w) what is still seen of the skin.
        colours: (3, 3) RGB of the paints, as they are under the light.
        light: On the face; None: flat colours.
        surface: (h, w, 3) as `Layers` has it, where there is light.
    """
    coloured = cv2.transform(paint, np.asarray(colours).T / 255)
    if light is not None and surface is not None:
        shade = cv2.transform(surface, _shading(light.direction))
        height, width = box.shape
        if light.noise and height <= len(NOISE) and width <= len(NOISE):
            amount = light.noise / NOISE_STEP
            shade = cv2.addWeighted(shade, 1, NOISE[:height, :width], amount, -128 * amount)
        coloured = cv2.multiply(coloured, shade, scale=1 / 128)
    behind = cv2.multiply(image[box.part], cv2.cvtColor(rest, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    image[box.part] = cv2.add(behind, coloured)
    within = drawn[box.part]
    within |= ~rest


def warped(picture: Picture, mapped: Map, sharp: bool = True) -> Picture:
    """A picture (H, W, 3) through a map; where that points outside, as at the picture's border.

    Args:
        picture: Of paint or surface.
        mapped: (h, w, 2) x, y.
        sharp: Between pixels; else the nearest one, in a third of the time: what is blurred already looks no different.
    """
    method = cv2.INTER_LINEAR if sharp else cv2.INTER_NEAREST
    return np.asarray(cv2.remap(picture, mapped, NO_MAP, method, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def warped_layer(layer: Picture, mapped: Map) -> tuple[Picture, Cover]:
    """Paint (h, w, 3) and rest (h, w) of a layer through a map; where that points outside, nothing but skin."""
    found = cv2.remap(layer, mapped, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=NOTHING)
    paint, rest = cv2.cvtColor(found, cv2.COLOR_BGRA2BGR), cv2.extractChannel(found, 3)
    return np.asarray(paint, dtype=np.uint8), np.asarray(rest, dtype=np.uint8)


def _shading(direction: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """(3, 4) from `Layers.surface` to brightness, three times the same; 128 is that of average skin."""
    across, down, sky = (part * 128 / 127 * OPENEST for part in direction)
    return np.array([(across, down, sky, -128 * (across + down + sky))] * 3)


_SIDES_AND_NOSE = np.array([1, 15, 29])
REACH = 0.1  # of the width of the jaw: how far the ear stands beyond the jaw line, on a face seen from the front
TURN = 0.5  # how much of the face's turn brings it to sight
LEAST = 0.03  # reach of an ear that is seen
POINTS = 4  # of a line
WITHIN = 0.35  # how far, towards the foot of the nose, straps begin within the mask, which is drawn over them


def draw_straps(image: Image, drawn: Cover, landmarks: Points, straps: Straps, colour: npt.NDArray[np.float64]) -> None:
    """Draw what runs from the mask to the ears or around the head, in place, on the sides that are seen."""
    (right, top), (left, bottom), (nose, level) = landmarks[_SIDES_AND_NOSE].tolist()
    across, down = left - right, bottom - top
    width = math.hypot(across, down)
    if straps.kind == "none" or width < 1:
        return
    # Where the nose lies between the sides: 0 from the front, positive where the right side is seen more.
    turn = ((2 * nose - right - left) * across + (2 * level - top - bottom) * down) / width**2
    still, reaching = (strap_lines(straps.kind, straps.corners) @ landmarks).reshape(2, 2, 2 * POINTS * 2)
    reaches = REACH + TURN * turn, REACH - TURN * turn
    sides = fixed(still + np.array(reaches, dtype=np.float32)[:, None] * reaching).reshape(2, 2, POINTS, 2)
    points = [line for side, reach in zip(sides, reaches, strict=True) if reach > LEAST for line in side]
    thickness = max(1, round(straps.width * width))
    cv2.polylines(image, points, False, colour.tolist(), thickness, cv2.LINE_AA, SHIFT)
    cv2.polylines(drawn, points, False, (255,), thickness, cv2.LINE_AA, SHIFT)


@cache
def strap_lines(kind: str, corners: tuple[int, int]) -> Weights:
    """Bowed lines as weighted landmarks: without reach, and what reach adds; two right, two left; `POINTS` each."""
    mark = np.eye(NUM_LANDMARKS, dtype=np.float32)
    down, along = mark[8] - mark[27], np.linspace(0, 1, POINTS, dtype=np.float32)[:, None]
    still, reaching = [], []
    for jaw in (mark[:17], mark[16::-1]):
        outward = jaw[1] - jaw[15]
        if kind == "ear":
            ends = (jaw[0] - 0.04 * down, outward), (jaw[0] + 0.3 * down, 0.8 * outward)
        else:
            ends = (jaw[0] - 0.15 * down, 1.8 * outward), (jaw[3], 1.4 * outward)
        for corner, (end, reach), bend in zip(corners, ends, (-0.16 * down, 0.12 * down), strict=True):
            start = (1 - WITHIN) * jaw[corner] + WITHIN * mark[33]
            still.append(start + (end - start) * along + bend * along * (1 - along))
            reaching.append(reach * along)
    return np.concatenate([*still, *reaching])
