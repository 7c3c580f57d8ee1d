"""MAN's masks: hung between the two sides of the face, each at a height of its own.

Wang et al., "Mask Aware Network for Masked Face Recognition in the Wild" (ICCV-MFR 2021): 96 landmarks, of which 10, 5
on each side of the face, anchor the mask; its upper edge is put at random, left and right separately, so that masks
hang askew; it covers all or half of the lower face; online, with probability 0.2. Heights, curve and texture are not
given: here uniform, a parabola, and the styles of this package.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.layout import LEFT_SIDE, RIGHT_SIDE
from maskrec.masking.light import light_on
from maskrec.masking.styles import STYLES, Colour, choose, find_styles
from maskrec.masking.warp import SHIFT, affine_map, box_around, fixed, reaching_over
from maskrec.masking.worn import paste, warped

FULL = (0.0, 0.55)  # heights of the upper edge at the sides: 0 at the upper anchor, 1 at the lowest
HALF = (0.45, 0.95)
NOSE = (28, 29)  # between these landmarks the upper edge of a full mask crosses the middle, of a half one:
LIP = (33, 51)
FLAT = 1.0  # square pixels of a triangle between its corners and the chin, below which a mask is not drawn
_ALONG = np.linspace(0, 1, 9, dtype=np.float32)[1:-1, None]


class MANParameters(NamedTuple):
    """One mask."""

    style: str
    colours: tuple[Colour, Colour, Colour]
    """RGB of fabric, pattern and trim."""
    is_half: bool
    """It leaves the nose free."""
    right: float
    """Height of the upper edge on the person's right: 0 at the upper anchor, 1 at the lowest."""
    left: float
    middle: float
    """Where it crosses the middle: 0 at the upper of two landmarks, 1 at the lower."""


class MANMask(MaskTransform):
    """A mask that hangs askew.

    Args:
        half: Probability that a mask leaves the nose free.
        styles: Names of styles whose colours and texture masks have; default: all of `STYLES`.
        shading: Light the mask as the face is lit; without, it is flat.
        p: Probability that a face gets a mask (the paper's 0.2).

    Raises:
        UserError: A style is unknown.
    """

    def __init__(
        self, half: float = 0.5, styles: tuple[str, ...] = STYLES, shading: bool = True, p: float = 0.2
    ) -> None:
        super().__init__(p=p)
        self.half = half
        self.styles = find_styles(styles, None)
        self.shading = shading

    def sample(self, rng: np.random.Generator) -> MANParameters:
        """Draw style, colours, cover and the three heights."""
        name = self.styles[rng.integers(len(self.styles))]
        colours = choose(name).colours(rng)
        is_half = bool(rng.random() < self.half)
        right, left = rng.uniform(*(HALF if is_half else FULL), 2).tolist()
        return MANParameters(name, colours, is_half, right, left, float(rng.random()))

    def render(self, image: Image, landmarks: Points, parameters: MANParameters) -> tuple[Image, Region]:
        """Hang the mask over (H, W, 3)."""
        masked, drawn = image.copy(), np.zeros(image.shape[:2], dtype=np.uint8)
        corners, line = outline(landmarks, parameters)
        box = box_around(line, image.shape)
        (ux, uy), (vx, vy) = corners[1] - corners[0], corners[2] - corners[0]
        if box.is_empty or ux * vy - uy * vx < FLAT:
            return masked, drawn > 0
        cover = np.zeros(box.shape, dtype=np.uint8)
        cv2.fillPoly(cover, [fixed(line - box.corner)], (255,), cv2.LINE_AA, SHIFT)
        style = choose(parameters.style)
        light = light_on(image, landmarks) if self.shading else None
        layers = style.layers[light.softness if light else 1]
        mapped = affine_map(np.asarray(cv2.getAffineTransform(corners, style.corners), dtype=np.float32), box)
        cover_of_each = cv2.cvtColor(cover, cv2.COLOR_GRAY2BGR)
        paint = np.asarray(cv2.multiply(warped(style.fabric, mapped), cover_of_each, scale=1 / 255), dtype=np.uint8)
        surface = warped(layers.surface, mapped, sharp=False) if light else None
        colours = light.on(parameters.colours) if light else parameters.colours
        paste(masked, drawn, box, paint, ~cover, colours, light, surface)
        return masked, drawn > 0


def outline(landmarks: Points, parameters: MANParameters) -> tuple[Points, Points]:
    """Right and left upper corner and chin, (3, 2), and the line around the mask, (N, 2)."""
    landmarks = reaching_over(landmarks)
    right, upper_right = _below(landmarks[RIGHT_SIDE], parameters.right)
    left, upper_left = _below(landmarks[LEFT_SIDE], parameters.left)
    above, below = landmarks[list(LIP if parameters.is_half else NOSE)]
    middle = above + np.float32(parameters.middle) * (below - above)
    # A parabola through the three points.
    bend = 2 * middle - (upper_right + upper_left) / 2
    s = _ALONG
    edge = (1 - s) ** 2 * upper_right + 2 * s * (1 - s) * bend + s**2 * upper_left
    corners = np.stack([upper_right, upper_left, landmarks[8]])
    return corners, np.concatenate([edge, left, landmarks[11:4:-1], right[::-1]])


def _below(side: Points, height: float) -> tuple[Points, npt.NDArray[np.float32]]:
    """The anchors (5, 2) of a side from a height on downwards, and the point there."""
    whole = min(int(height * 4), 3)
    point = side[whole] + np.float32(height * 4 - whole) * (side[whole + 1] - side[whole])
    return np.concatenate([point[None], side[whole + 1 :]]), point
