"""MG: a mask picture warped onto the face, triangle by triangle.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020), §3.1: the landmarks O of the face in
the box between jaw and nose bridge have a partner each in the mask picture, M; the Delaunay triangles of M are mapped
to those of O. Beyond the paper: the mesh reaches past the jaw line, for a mask stands off the face, and `shading`.
"""

from typing import NamedTuple

import numpy as np

from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.masking.light import light_on
from maskrec.masking.styles import Colour, choose, find_styles
from maskrec.masking.warp import anchors_on, with_rim
from maskrec.masking.worn import draw_straps, paste, warped, warped_layer

FIT = (0.025, 0.006, 0.035)  # heights of the face below the eyes: how far a mask may sit aside, too high, too low


class MGParameters(NamedTuple):
    """One mask."""

    style: str
    colours: tuple[Colour, Colour, Colour]
    """RGB of fabric, pattern and trim."""
    shift: tuple[float, float]
    """How it sits: to the left of the person and downwards, in heights of the face below the eyes."""


class MG(MaskTransform):
    """A mask of one of many styles, fitted to the face.

    Args:
        styles: Names of styles to draw from; default: all of `STYLES`, and those of the folder.
        styles_folder: Folder of further styles: `name.png` with transparency and its landmarks, `name.csv` or
            `name.json`, as `styles.folder` reads them.
        shading: Light the mask as the face is lit, with folds, shadow and loops; without, it is a flat patch.
        p: Probability that a face gets a mask.

    Raises:
        UserError: A style is unknown, or the folder's files are not as they should be.
    """

    def __init__(
        self,
        styles: tuple[str, ...] | None = None,
        styles_folder: str | None = None,
        shading: bool = True,
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.styles = find_styles(styles, styles_folder)
        self.styles_folder = styles_folder
        self.shading = shading

    def sample(self, rng: np.random.Generator) -> MGParameters:
        """Draw style, colours and fit."""
        name = self.styles[rng.integers(len(self.styles))]
        colours = choose(name, self.styles_folder).colours(rng)
        aside, up, down = FIT
        return MGParameters(name, colours, (float(rng.uniform(-aside, aside)), float(rng.uniform(-up, down))))

    def render(self, image: Image, landmarks: Points, parameters: MGParameters) -> tuple[Image, Region]:
        """Warp the mask onto (H, W, 3)."""
        style = choose(parameters.style, self.styles_folder)
        masked, drawn = image.copy(), np.zeros(image.shape[:2], dtype=np.uint8)
        target = with_rim(anchors_on(landmarks, *parameters.shift))
        box = style.mesh.box(target, image.shape)
        if box.is_empty:
            return masked, drawn > 0
        light = light_on(image, landmarks) if self.shading else None
        if light is not None:
            colours = light.on(parameters.colours)
            own = style.straps.colour
            draw_straps(masked, drawn, landmarks, style.straps, light.on(own) if own else colours[0])
        layers = style.layers[light.softness if light else 0]
        mapped = style.mesh.map_to(target, box)
        if light is None:
            paste(masked, drawn, box, *warped_layer(layers.flat, mapped), parameters.colours)
        else:
            surface = warped(layers.surface, mapped, sharp=False)
            paste(masked, drawn, box, *warped_layer(layers.paint, mapped), colours, light, surface)
        return masked, drawn > 0
