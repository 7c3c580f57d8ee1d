"""KP-SYN: a mask picture resized, rotated and patched onto the face by key points.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking"
(ACM MM 2020), Table 2. One affine map for the whole picture, fitted to its landmarks by least squares; flat colours.
"""

from typing import NamedTuple

import numpy as np

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.styles import Colour, choose, find_styles
from maskrec.masking.warp import affine_map, anchors_on, box_around
from maskrec.masking.worn import paste, warped_layer

LEAST = 1e-3  # square pixels of the face for one of the picture: less is a face seen from its side, or a point


class KPSYNParameters(NamedTuple):
    """One mask."""

    style: str
    colours: tuple[Colour, Colour, Colour]
    """RGB of fabric, pattern and trim."""


class KPSYN(MaskTransform):
    """A mask of one of many styles, patched onto the face.

    Args:
        styles: Names of styles to draw from; default: all of `STYLES`, and those of the folder.
        styles_folder: Folder of further styles, as `styles.folder` reads them.
        p: Probability that a face gets a mask.

    Raises:
        UserError: A style is unknown, or the folder's files are not as they should be.
    """

    def __init__(self, styles: tuple[str, ...] | None = None, styles_folder: str | None = None, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.styles = find_styles(styles, styles_folder)
        self.styles_folder = styles_folder

    def sample(self, rng: np.random.Generator) -> KPSYNParameters:
        """Draw style and colours."""
        name = self.styles[rng.integers(len(self.styles))]
        return KPSYNParameters(name, choose(name, self.styles_folder).colours(rng))

    def render(self, image: Image, landmarks: Points, parameters: KPSYNParameters) -> tuple[Image, Region]:
        """Patch the mask onto (H, W, 3)."""
        style = choose(parameters.style, self.styles_folder)
        masked, drawn = image.copy(), np.zeros(image.shape[:2], dtype=np.uint8)
        placed = style.fit @ anchors_on(landmarks)  # (3, 2): the picture's x axis, y axis and origin on the face
        linear, origin = placed[:2].T, placed[2]
        height, width = style.cover.shape
        corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], dtype=np.float32)
        box = box_around(corners @ linear.T + origin, image.shape)
        if np.linalg.det(linear) < LEAST or box.is_empty:
            return masked, drawn > 0
        inverse = np.linalg.inv(linear)
        mapped = affine_map(np.column_stack([inverse, -inverse @ origin]), box)
        paste(masked, drawn, box, *warped_layer(style.layers[1].flat, mapped), parameters.colours)
        return masked, drawn > 0
