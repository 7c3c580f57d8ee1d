"""Polygons and ellipses of one colour over nose and mouth.

Seneviratne et al., "Multi-dataset training for masked face recognition with a contrastive Siamese network", after Ngan
et al., NISTIR 8311: shapes wide (a, c, e) and round (b, d, f), each of high, medium and low coverage. Landmarks of the
wide ones are those of the authors' code, joined in its order: their convex hull, as the text has it, would cover the
nose in e as well. The ellipses are ours: from the same upper point to the chin, as wide as the
jaw line at landmarks 3 and 13, which leaves the sides of the face free as NIST's round masks do.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from maskrec.errors import UserError
from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.polygon import fill

Shape: TypeAlias = Literal["a", "b", "c", "d", "e", "f"]

TOPS = {"b": 27, "d": 29, "f": 33}  # the upper point of the ellipses: those of a and c, and the foot of the nose
_AROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False, dtype=np.float32)[:, None]


class NISTParameters(NamedTuple):
    """One mask."""

    shape: Shape
    colour: tuple[int, int, int]
    """RGB."""


class NIST(MaskTransform):
    """A flat shape of a random colour.

    Args:
        shapes: Types to draw from; a, c, e are polygons, b, d, f ellipses, from the highest to the lowest.
        p: Probability that a face gets a mask.

    Raises:
        UserError: A shape is none of a to f.
    """

    def __init__(self, shapes: Sequence[Shape] = get_args(Shape), p: float = 1.0) -> None:
        super().__init__(p=p)
        if not shapes or not set(shapes) <= set(get_args(Shape)):
            raise UserError(f"shapes of NIST masks are {', '.join(get_args(Shape))}, got {list(shapes)}")
        self.shapes = tuple(shapes)

    def sample(self, rng: np.random.Generator) -> NISTParameters:
        """Draw shape and colour."""
        red, green, blue = rng.integers(0, 256, 3).tolist()
        return NISTParameters(self.shapes[rng.integers(len(self.shapes))], (red, green, blue))

    def render(self, image: Image, landmarks: Points, parameters: NISTParameters) -> tuple[Image, Region]:
        """Fill the shape in (H, W, 3)."""
        return fill(image, outline(landmarks, parameters.shape), parameters.colour)


def outline(landmarks: Points, shape: Shape) -> Points:
    """The corners of a shape, (N, 2)."""
    jaw = landmarks[1:16]
    if shape == "a":
        left = landmarks[42, 0], landmarks[15, 1]
        right = landmarks[39, 0], landmarks[1, 1]
        return np.concatenate([jaw, np.array([left, landmarks[27], right], dtype=np.float32)])
    if shape == "c":
        return np.concatenate([jaw, landmarks[29:30]])
    if shape == "e":
        return np.concatenate([jaw, landmarks[35:30:-1]])
    top, chin = landmarks[TOPS[shape]], landmarks[8]
    aside, down = (landmarks[13] - landmarks[3]) / 2, (chin - top) / 2
    return np.asarray((top + chin) / 2 + np.cos(_AROUND) * aside + np.sin(_AROUND) * down, dtype=np.float32)
