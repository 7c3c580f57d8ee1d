"""What a style of mask is: a picture with landmarks, its colours, its relief, its straps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.masking.base import Points
from maskrec.masking.warp import Mesh, delaunay, reaching_out, with_rim

Picture = npt.NDArray[np.uint8]
Relief = npt.NDArray[np.float32]
Colour = tuple[float, float, float]

SHADOW = 0.45  # how much darker the skin is right beside the mask
SHADOW_WIDTH = 0.018  # of the width of the jaw: how far that reaches
SOFTNESS = (0.005, 0.012, 0.021)  # of the width of the jaw: blur for sharp, usual and soft photographs
TRACE = 8  # grey levels of cover or shadow that are nothing: what is blurred has no end
NOTHING = (0, 0, 0, 255)  # no paint, all of the skin
NOSE_WEIGHT, EYE_WEIGHT = 3.0, 4.0
LOWER = 0.015  # of the width of the jaw: how much lower a picture is patched
OUTLINE_ERROR = 0.006  # of the width of the jaw, by which the outline may be simplified
CREASE = 0.4  # how dark a crease is for each pixel of its depth
OPENEST = 1.15  # the brightness of what stands out most


class Palette(NamedTuple):
    """Colours that go together, RGB from 0 to 255, and how far each may stray."""

    colours: tuple[Colour, Colour, Colour]
    """Of the fabric, of its pattern, and of trims."""
    spread: float = 8.0
    """Standard deviation, grey levels."""


class Straps(NamedTuple):
    """How a mask is held."""

    kind: Literal["ear", "head", "none"] = "ear"
    width: float = 0.014
    """Of the width of the jaw."""
    colour: Colour | None = None
    """RGB; None: as the fabric."""
    corners: tuple[int, int] = (2, 5)
    """Where they leave the mask: landmarks of the jaw line on the right side."""


LOOPS = Straps()


class Layers(NamedTuple):
    """What the renderer reads, all as large as the picture, blurred alike."""

    paint: Picture
    """(h, w, 4) paints times cover, then what of the skin is still seen: neither covered nor in shadow."""
    flat: Picture
    """(h, w, 4) the same without shadow."""
    surface: Picture
    """(h, w, 3) the surface's normal x and y, and its share of the sky, (1 + z) / 2, all times its openness to light, 0
    in a deep crease: 128 + 127 n."""


@dataclass(frozen=True, eq=False)
class Style:
    """A mask one can wear.

    Args:
        name: As the user calls it.
        anchors: (19, 2) x, y in pixels of the picture, the landmarks `warp.ANCHORS` of the face under it.
        paints: (h, w, 3) how much of each of three paints is where; of a photograph, its RGB.
        cover: (h, w) opacity, 0 to 1.
        height: (h, w) how far the surface stands out, in pixels of the picture.
        palettes: Colours for the paints, one of them drawn for a mask.
        straps: How it is held.
    """

    name: str
    anchors: Points
    paints: Picture
    cover: Relief
    height: Relief
    palettes: tuple[Palette, ...]
    straps: Straps = LOOPS

    def colours(self, rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
        """Draw the colours of one mask, RGB from 0 to 255."""
        palette = self.palettes[rng.integers(len(self.palettes))]
        lightness = rng.normal(0, palette.spread)
        strayed = np.array(palette.colours) + lightness + rng.normal(0, palette.spread / 2, (3, 3))
        fabric, pattern, trim = strayed.clip(0, 255).round(1).tolist()
        return tuple(fabric), tuple(pattern), tuple(trim)

    @property
    def width(self) -> float:
        """Of the jaw, in pixels of the picture."""
        return float(np.linalg.norm(self.anchors[0] - self.anchors[8]))

    @cached_property
    def mesh(self) -> Mesh:
        """Delaunay's triangles, those below the nose grown to the rim, without those that nothing is drawn on."""
        points = with_rim(self.anchors)
        triangles = reaching_out(delaunay(points))
        seen = self.layers[-1].paint[..., 3] < 255
        used = np.array([corners for corners in triangles if _touches(seen, points[corners])])
        contours, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = cv2.approxPolyDP(max(contours, key=len), OUTLINE_ERROR * self.width, True)[:, 0]
        return Mesh(points, used, outline.astype(np.float32))

    @cached_property
    def layers(self) -> tuple[Layers, ...]:
        """One for each softness."""
        painted, free = self.paints * self.cover[..., None], 255 * (1 - self.cover)
        shadow = _blurred(self.cover, self.width * SHADOW_WIDTH)
        # More below than above: light mostly comes from above.
        shadow = np.maximum(shadow, _moved_down(shadow, self.width * SHADOW_WIDTH))
        shaded = free * (1 - SHADOW * (1.15 * shadow - 0.15).clip(0))  # a blur has no end, a shadow has
        surface = _surface(self.height)
        return tuple(
            Layers(_layer(painted, shaded, blur), _layer(painted, free, blur), _bytes(_blurred(surface, blur)))
            for blur in np.array(SOFTNESS) * self.width
        )

    @cached_property
    def fit(self) -> Relief:
        """(3, 19) that takes the landmarks of a face to the affine map of the picture onto it, by least squares.

        Eyes and nose bridge weigh more than the jaw line: a mask that hides an eye is wrong, a wide one is not.
        """
        weights = np.repeat((1.0, NOSE_WEIGHT, 1.0, EYE_WEIGHT), (9, 2, 2, 6))[:, None]
        anchors = self.anchors - (0, LOWER * self.width)
        solution = np.linalg.pinv(weights * np.column_stack([anchors, np.ones(len(anchors))])) * weights.T
        return np.asarray(solution, dtype=np.float32)

    @cached_property
    def corners(self) -> Points:
        """(3, 2) where masks are held on the right and on the left, and the chin."""
        jaw = self.anchors
        return np.stack([(jaw[0] + jaw[1]) / 2, (jaw[8] + jaw[7]) / 2, jaw[4]])

    @cached_property
    def fabric(self) -> Picture:
        """(h, w, 3) the paints, and where there is no mask their mean, for masks of other outlines."""
        mean = np.average(self.paints.reshape(-1, 3), axis=0, weights=self.cover.ravel() + 1e-6)
        return np.where(self.cover[..., None] > 0.5, self.paints, np.rint(mean).astype(np.uint8))


def _layer(painted: Relief, rest: Relief, blur: float) -> Picture:
    """(h, w, 4) paint and rest, blurred."""
    layer = _bytes(_blurred(np.dstack([painted, rest]), blur))
    layer[layer[..., 3] > 255 - TRACE] = NOTHING
    # A level less than is covered: what is rounded to a trace of paint has a trace of cover, too.
    paint = layer[..., :3].max(axis=2)
    layer[..., 3] = np.where(paint > 0, np.minimum(layer[..., 3], 254 - paint.clip(0, 254)), layer[..., 3])
    return layer


def _blurred(picture: Relief, blur: float) -> Relief:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), dtype=np.float32)


def _bytes(picture: Relief) -> Picture:
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _moved_down(picture: Relief, down: float) -> Relief:
    move = np.array([[1, 0, 0], [0, 1, down]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1]), dtype=np.float32)


def _touches(seen: npt.NDArray[np.bool_], corners: Points) -> bool:
    inside = np.zeros(seen.shape, dtype=np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), (1,))
    return bool((seen & (inside > 0)).any())


def _surface(height: Relief) -> Relief:
    """(h, w, 3) as `Layers` has it."""
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    z = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    depth = cv2.GaussianBlur(height, (0, 0), 2.5) - height  # below its surroundings
    openness = np.clip(1 - CREASE * depth, 0.35, OPENEST) / OPENEST
    normal = np.stack([-slope_x * z, -slope_y * z, (1 + z) / 2], axis=2)
    return np.asarray(128 + 127 * normal * openness[..., None], dtype=np.float32)
