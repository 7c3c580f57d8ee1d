"""The light on a face, read off its own skin, so that a mask looks as if it had been there."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image, Points
from maskrec.masking.layout import MIRROR, NUM_LANDMARKS
from maskrec.masking.warp import NO_MAP, box_between

Triple: TypeAlias = tuple[float, float, float]

# Places on the skin, as weighted landmarks, and the head's surface there: x, y, z of its normal, in the picture's
# directions. Those beside the middle stand on both sides.
_PROBES: tuple[tuple[dict[int, float], tuple[float, float, float]], ...] = (
    ({21: 0.7, 22: 0.7, 27: -0.4}, (0, -0.25, 0.97)),  # between the brows
    ({28: 1}, (0, 0.1, 0.99)),
    ({30: 1}, (0, 0.1, 0.99)),
    ({19: 1.6, 37: -0.6}, (-0.35, -0.35, 0.87)),  # forehead
    ({36: 0.5, 17: 0.5}, (-0.75, -0.15, 0.64)),  # temple
    ({40: 0.5, 31: 0.5}, (-0.4, 0.1, 0.91)),  # below the eye
    ({41: 0.45, 73: 0.25, 31: 0.3}, (-0.45, 0.05, 0.89)),  # cheek
    ({73: 0.7, 31: 0.3}, (-0.7, 0.1, 0.71)),
    ({74: 1}, (-0.85, 0.1, 0.52)),
)
USUAL = (0.0, -0.22, 1.05)  # light where skin says nothing: from above, over grey levels
LOWEST, HIGHEST = (-0.7, -0.7, 0.7), (0.7, 0.5, 1.4)
TRUST = 0.8  # how many probes the usual light weighs as much as

FEWEST = 6  # places where skin must be seen
BLACK = 8.0  # grey level of what was cropped off

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # of grey
SKIN_LEVEL = 150.0  # grey level of skin in a photograph well exposed
SKIN_TINT = (1.25, 0.95, 0.80)  # its colour over its grey
USUAL_SKIN = (187.0, 143.0, 120.0)
COLOURFUL = 0.18  # spread of the colour of skin over its grey, below which a picture has little colour
BLURRED = (0.45, 0.65)  # detail around the eyes, below which a picture is soft, usual
QUIET = 1.5  # grey levels by which skin varies from pixel to pixel without any noise


def _probes() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Weights (N, 96) and normals (N, 3)."""
    weights, normals = [], []
    for marks, (x, y, z) in _PROBES:
        row = np.zeros(NUM_LANDMARKS, dtype=np.float32)
        row[list(marks)] = list(marks.values())
        weights.append(row)
        normals.append((x, y, z))
        if x:
            weights.append(row[MIRROR])
            normals.append((-x, y, z))
    return np.stack(weights), np.array(normals)


WEIGHTS, NORMALS = _probes()
# What the surface says of light: its normal across, down, and its share of the sky.
_FACTORS = np.column_stack([NORMALS[:, 0], NORMALS[:, 1], (1 + NORMALS[:, 2]) / 2])
SOLVE = np.linalg.inv(_FACTORS.T @ _FACTORS + TRUST * np.eye(3)) @ _FACTORS.T
EXPECTED: list[float] = (_FACTORS @ USUAL).tolist()
GREY_ROWS = np.tile((RED, GREEN, BLUE), (3, 1))
_AROUND = np.array([[(x, y)] for y in (-1, 0, 1) for x in (-1, 0, 1)], dtype=np.float32)


class Light(NamedTuple):
    """What a photograph does to a surface of known colour and form."""

    colour: npt.NDArray[np.float64]
    """(3, 3) from the RGB of a surface to that in the picture, under the light on average skin."""
    direction: tuple[float, float, float]
    """What brightness gains by the surface's normal across, down, and by its share of the sky; 1 is average skin's."""
    noise: float
    """Grey levels."""
    softness: int
    """0 sharp, 1 usual, 2 soft."""

    def on(self, colours: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Colours (..., 3) of surfaces as they are in the picture."""
        return np.asarray(colours) @ self.colour.T


def light_on(image: Image, landmarks: Points) -> Light:
    """Estimate the light on a face.

    Args:
        image: (H, W, 3) RGB.
        landmarks: (96, 2), left and right as in the layout.
    """
    height, width = image.shape[:2]
    places = np.floor(WEIGHTS @ landmarks)
    inside = [number for number, (x, y) in enumerate(places.tolist()) if 0 < x < width - 1 and 0 < y < height - 1]
    seen = cv2.remap(image, places + _AROUND, NO_MAP, cv2.INTER_NEAREST).reshape(len(_AROUND), -1)  # (9, N * 3)
    colours = cv2.reduce(seen, 0, cv2.REDUCE_AVG, dtype=cv2.CV_64F).reshape(-1, 3).tolist()
    skin = sorted((grey, number) for number in inside if (grey := _grey(*colours[number])) > BLACK)
    if len(skin) < FEWEST:
        return _light(USUAL, USUAL_SKIN, 0.0, 1)
    middle, middle_number = skin[len(skin) // 2]
    surprise = [0.0] * len(EXPECTED)
    for grey, number in skin:  # hair, glasses and highlights are no measure of light
        surprise[number] = min(max(grey / middle, 0.45), 1.5) - EXPECTED[number]
    across, down, sky = (
        min(max(usual + more, low), high)
        for usual, more, low, high in zip(USUAL, SOLVE.dot(surprise).tolist(), LOWEST, HIGHEST, strict=True)
    )
    greens = (cv2.reduce(seen, 0, cv2.REDUCE_MAX) - cv2.reduce(seen, 0, cv2.REDUCE_MIN))[0, 1::3].tolist()
    contrast = sorted(greens[number] for number in inside)[len(inside) // 5]
    noise = contrast / 3  # nine values span three standard deviations
    return _light((across, down, sky), colours[middle_number], noise, _softness(image, landmarks))


def _light(direction: Triple, skin: Sequence[float], noise: float, softness: int) -> Light:
    grey = max(_grey(*skin), 1.0)
    # Half of it is the skin's own colour, half the light's: nobody can tell.
    exposure = min(max((grey / SKIN_LEVEL) ** 0.7, 0.25), 1.15)
    colourful = min((max(skin) - min(skin)) / grey / COLOURFUL, 1.0)
    colour = (exposure * (1 - colourful)) * GREY_ROWS
    for channel, (part, usual) in enumerate(zip(skin, SKIN_TINT, strict=True)):
        tint = min(max(part / grey / usual, 0.6), 1.6) ** (0.5 * colourful)
        colour[channel, channel] += exposure * colourful * tint
    return Light(colour, direction, 0.8 * max(noise - QUIET, 0.0), softness)


def _grey(red: float, green: float, blue: float) -> float:
    return RED * red + GREEN * green + BLUE * blue


def _softness(image: Image, landmarks: Points) -> int:
    """How soft the photograph is, from the detail around the eyes."""
    (x, y), (other_x, other_y) = landmarks[36].tolist(), landmarks[45].tolist()
    reach = abs(other_x - x) / 8
    box = box_between(min(x, other_x), min(y, other_y) - reach, max(x, other_x), max(y, other_y) + reach, image.shape)
    if min(box.shape) < 3:
        return 1
    eyes = cv2.extractChannel(image[box.part], 1)
    # Eyelids and lashes run across: differences downwards, of second order over those of first.
    fine = cv2.norm(cv2.Sobel(eyes, cv2.CV_16S, 0, 2, ksize=1), cv2.NORM_L1)
    coarse = cv2.norm(eyes[2:], eyes[:-2], cv2.NORM_L1)
    detail = fine / max(coarse, 1.0)
    return 2 - (detail > BLURRED[0]) - (detail > BLURRED[1])
