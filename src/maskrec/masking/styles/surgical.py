"""Pleated masks: surgical ones in their colours, and those with activated carbon."""

import numpy as np

from maskrec.masking.styles.canvas import MIDDLE, Canvas, canvas, finish, noise, over_face, ridge, step
from maskrec.masking.styles.style import Colour, Palette, Relief, Straps, Style

OUTLINE = [
    *((MIDDLE, 59.5), (49, 60), (40.5, 63), (30, 67.5), (20.5, 70)),
    *((18.2, 72), (18.8, 80), (21, 90), (26.5, 100), (34, 109), (44, 116.5), (MIDDLE, 119)),
]
PLEATS = (0.33, 0.5, 0.67)  # of the height of the mask
WHITE: Colour = (236, 238, 238)


def _pleated(at: Canvas) -> Relief:
    """The relief of pleats that open over the face, a hem all around and a wire over the nose."""
    height = over_face(at)
    for number, level in enumerate(PLEATS):
        line = level + 0.02 * np.cos(at.x / 16 + number)
        edge = at.down - line
        # Each pleat lies over the next: a step down, and a slow rise to the one below.
        height += 1.1 * (1 - step(edge, -0.008, 0.016)) * step(edge, -0.17, 0)
    height += 0.35 * (1 - step(at.inside, 2.2, 2.9))
    height += 0.6 * ridge(at.inside, 2.8, 0.8) * step(-at.y, -74, -66) * (1 - step(np.abs(at.x), 13, 17))
    height -= 0.25 * ridge(at.inside, 3.2, 0.4)
    # Tension runs from the corners: shallow folds that fade towards the middle.
    pull = np.sin(at.down * 26 + noise(3, 30)) * step(np.abs(at.x), 14, 38)
    return np.asarray(height + 0.35 * pull + 0.25 * noise(5, 9), dtype=np.float32)


def _surgical(name: str, *palettes: Palette) -> Style:
    at = canvas(OUTLINE)
    hem = 0.5 * (1 - step(at.inside, 2.4, 2.9))
    straps = Straps(colour=palettes[0].colours[2] if len(palettes) == 1 else None)
    return finish(name, at, _pleated(at), palettes, pattern=hem, straps=straps)


def surgical_blue() -> Style:
    """The usual one."""
    shades = ((154, 199, 224), (120, 180, 220), (176, 212, 226), (128, 168, 214))
    return _surgical("surgical_blue", *(Palette((shade, (214, 230, 238), WHITE), 9) for shade in shades))


def surgical_green() -> Style:
    """Mint to theatre green."""
    shades = ((164, 214, 196), (120, 190, 166), (86, 160, 140), (190, 222, 200))
    return _surgical("surgical_green", *(Palette((shade, (206, 230, 220), WHITE), 9) for shade in shades))


def surgical_white() -> Style:
    """White, with a hem hardly seen."""
    shades = ((232, 234, 236), (222, 220, 214), (236, 226, 224))
    return _surgical("surgical_white", *(Palette((shade, (240, 240, 240), WHITE), 6) for shade in shades))


def surgical_black() -> Style:
    """Black, with its loops."""
    black: Colour = (44, 44, 47)
    return _surgical("surgical_black", Palette((black, (34, 34, 36), (30, 30, 32)), 9))


def activated_carbon() -> Style:
    """Grey, with the coarse fibres of its filter, and lighter hems."""
    at = canvas(OUTLINE)
    fibres = (0.35 + 0.3 * noise(11, 1.6)).clip(0, 1)
    hem = 1 - step(at.inside, 2.2, 2.6)
    greys = ((112, 114, 118), (140, 142, 145), (84, 87, 92))
    palettes = [Palette((grey, tuple(0.72 * part for part in grey), (176, 178, 180)), 8) for grey in greys]  # type: ignore[arg-type]
    return finish("activated_carbon", at, _pleated(at), palettes, fibres, 0.8 * hem, Straps(colour=(225, 225, 225)))
