"""Masks that keep a form of their own: N95 with and without a valve, KN95, dust mask."""

import numpy as np

from maskrec.masking.styles.canvas import MIDDLE, Canvas, canvas, finish, noise, over_face, ridge, step
from maskrec.masking.styles.style import Palette, Relief, Straps, Style

CUP = [
    *((MIDDLE, 59), (49, 59.8), (40.5, 63.5), (31, 70), (24.5, 77.5)),
    *((22.5, 88), (25, 99), (32.5, 109), (43, 116.5), (MIDDLE, 119)),
]
FOLDED = [
    *((MIDDLE, 58.5), (50, 59.2), (41.5, 63.5), (30, 69), (20.5, 73.5), (18.2, 76)),
    *((18.8, 80), (21, 88), (28.5, 101), (40, 113), (49, 118.5), (MIDDLE, 121)),
]
DOME = 15.0  # pixels that a cup stands out
VALVE = (11.0, 91.0)  # right of the middle, down
RADIUS = 7.2


def _cup(at: Canvas) -> Relief:
    """A dome with a flat rim, a crease where the rim begins, and a dent for the nose."""
    dome = DOME * np.sin((at.inside / 28).clip(0, 1) * np.pi / 2)
    height = 0.45 * over_face(at, nose=4) + dome * step(at.inside, 1, 9)
    height += 0.5 * ridge(at.inside, 2.6, 0.9) - 0.4 * ridge(at.inside, 4.6, 0.7)
    return np.asarray(height + 0.07 * noise(21, 4), dtype=np.float32)


def _nose_clip(at: Canvas, half_width: float) -> Relief:
    """The metal strip over the nose."""
    strip = ridge(at.inside, 5.6, 1.0) ** 2 * (1 - step(np.abs(at.x), half_width - 1, half_width))
    return np.asarray((1.4 * strip * (1 - step(at.y, 74, 76))).clip(0, 1), dtype=np.float32)


WHITES = (
    Palette(((228, 228, 222), (196, 196, 190), (165, 168, 172)), 6),
    Palette(((214, 222, 226), (176, 186, 192), (150, 156, 162)), 6),
)
COLOURED = (
    Palette(((120, 186, 190), (96, 160, 166), (150, 160, 165)), 8),
    Palette(((232, 226, 206), (200, 190, 168), (165, 165, 160)), 6),
)


def _print(at: Canvas, y: float, lines: int) -> Relief:
    """Lines of small print, too small to be read."""
    rows = np.sin((at.y - y) * 2.1) > 0.1
    words = noise(29, 1.4) > -0.2
    where = (np.abs(at.x) < 9) & (at.y > y) & (at.y < y + 3 * lines)
    return np.asarray(0.75 * (rows & words & where), dtype=np.float32)


def n95() -> Style:
    """A cup with a rim, held by two straps around the head."""
    at = canvas(CUP)
    straps = Straps("head", 0.019, (222, 205, 130), (2, 4))
    return finish("n95", at, _cup(at), (*WHITES, *COLOURED), _print(at, 92, 2), _nose_clip(at, 12), straps)


def n95_valve() -> Style:
    """A cup with an exhalation valve."""
    at = canvas(CUP)
    height = _cup(at)
    away = np.hypot(at.x - VALVE[0], at.y - VALVE[1])
    plate = 1 - step(away, RADIUS - 0.4, RADIUS + 0.4)
    slots = (0.5 + 0.5 * np.cos((at.y - VALVE[1]) * 2.2)) * (1 - step(away, RADIUS - 2.2, RADIUS - 1.6))
    height = height * (1 - plate) + plate * (_mean(height, plate) + 3.2 - 0.06 * at.x) - 0.8 * slots
    trim = np.maximum(_nose_clip(at, 12), plate * (1 - 0.45 * slots))
    return finish("n95_valve", at, height, WHITES, 0.9 * slots, trim, Straps("head", 0.019, (230, 228, 222), (2, 4)))


def _mean(height: Relief, weight: Relief) -> float:
    """The mean height under a weight."""
    return float((height * weight).sum() / weight.sum())


def kn95() -> Style:
    """Folded along the middle, with welded seams."""
    at = canvas(FOLDED)
    side = np.abs(at.x)
    tent = 16 * np.exp(-side / 17) * step(at.y, 52, 78) * (1 - 0.5 * step(at.y, 92, 120))
    height = 0.8 * over_face(at, nose=0) + tent
    seam = ridge(side, 1.1, 0.4)
    weld = ridge(at.inside, 2.3, 0.45) * (0.6 + 0.4 * np.sin(at.y * 3.4) * np.sin(at.x * 3.4))
    cheek = ridge(at.down - 0.005 * side, 0.36, 0.012) * step(side, 10, 16)
    height -= 0.7 * seam + 0.5 * weld + 0.4 * cheek
    height += 0.2 * noise(31, 8)
    palettes = (
        Palette(((236, 237, 238), (206, 208, 210), (200, 203, 206)), 5),
        Palette(((226, 228, 232), (196, 200, 206), (188, 192, 198)), 6),
        Palette(((60, 62, 66), (44, 46, 50), (80, 82, 86)), 8),
    )
    clip = ridge(at.inside, 5.4, 0.9) * (1 - step(side, 12, 13)) * (1 - step(at.y, 74, 76))
    return finish("kn95", at, height, palettes, (0.4 * weld + 0.3 * seam).clip(0, 1), 0.5 * clip, Straps(width=0.017))


def dust() -> Style:
    """A thin moulded cup with ribs, one strap and a nose clip."""
    at = canvas(CUP)
    ribs = ridge(at.down, 0.4, 0.014) + ridge(at.down, 0.53, 0.014) + ridge(at.down, 0.66, 0.014)
    height = _cup(at) + 1.1 * ribs * step(at.inside, 6, 11)
    palettes = (
        Palette(((236, 236, 232), (215, 215, 210), (170, 172, 178)), 5),
        Palette(((206, 212, 214), (184, 190, 194), (160, 164, 170)), 6),
    )
    return finish("dust", at, height, palettes, 0.0, _nose_clip(at, 9), Straps("head", 0.014, (235, 235, 230), (3, 3)))
