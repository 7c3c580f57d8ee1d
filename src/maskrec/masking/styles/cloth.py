"""Masks of cloth: plain, patterned, sponge, bandana, scarf."""

import cv2
import numpy as np

from maskrec.masking.styles.canvas import MIDDLE, Canvas, canvas, finish, noise, over_face, ridge, step
from maskrec.masking.styles.style import Colour, Palette, Relief, Straps, Style

SEWN = [
    *((MIDDLE, 59), (49.5, 59.5), (41.5, 63), (31, 68), (21.5, 70.5), (18.4, 73)),
    *((18.8, 80), (21, 89), (28, 100), (38.5, 111), (47.5, 117), (MIDDLE, 119.5)),
]
STRETCHED = [
    *((MIDDLE, 59.5), (49.5, 60.2), (40.5, 63.5), (28, 67), (17.5, 66), (13.5, 65.5)),
    *((14.5, 70), (19, 78), (21.5, 88), (28, 101), (39.5, 113), (48, 118), (MIDDLE, 120)),
]
TIED = [
    *((MIDDLE, 59.5), (48.5, 60.5), (38, 64), (26, 66.5), (15, 65), (11, 65)),
    *((11, 76), (15, 90), (25, 105), (37, 117), (47, 122), (MIDDLE, 123.5)),
]

# Fabric, pattern, trim.
DEEP: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((42, 46, 58), (225, 225, 225), (30, 32, 40)),
    ((36, 58, 110), (235, 235, 240), (28, 44, 84)),
    ((150, 34, 42), (240, 232, 226), (110, 26, 32)),
    ((40, 96, 78), (232, 236, 220), (30, 74, 60)),
    ((92, 54, 110), (236, 220, 240), (70, 40, 84)),
    ((196, 150, 58), (60, 50, 40), (160, 120, 44)),
)
PALE: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((234, 228, 216), (60, 84, 140), (214, 206, 194)),
    ((238, 196, 204), (180, 60, 90), (220, 176, 184)),
    ((200, 216, 232), (50, 70, 110), (176, 194, 212)),
    ((226, 226, 226), (40, 40, 44), (200, 200, 200)),
    ((210, 224, 196), (70, 110, 80), (188, 204, 172)),
)
PLAIN: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((52, 53, 57), (52, 53, 57), (36, 37, 40)),
    ((128, 132, 138), (128, 132, 138), (100, 104, 110)),
    ((186, 164, 142), (186, 164, 142), (158, 138, 118)),
)
ANY = tuple(Palette(colours, 12) for colours in (*DEEP, *PALE))


def _sewn(at: Canvas) -> Relief:
    """Two panels sewn together down the middle, with a hem and soft folds."""
    height = over_face(at, nose=12) + 4 * np.exp(-np.abs(at.x) / 14) * step(at.y, 62, 84)
    height -= 0.8 * ridge(at.x, 0, 0.5) * step(at.y, 60, 66)
    height -= 0.5 * ridge(at.inside, 2.6, 0.4)
    folds = np.sin(0.5 * at.y - 0.14 * np.abs(at.x) + 1.4 * noise(41, 40)) * step(np.abs(at.x), 8, 34)
    return np.asarray(height + 0.55 * folds + 0.25 * noise(43, 7), dtype=np.float32)


def _sewn_style(name: str, palettes: tuple[Palette, ...], pattern: Relief | float) -> Style:
    at = canvas(SEWN)
    hem = 0.8 * (1 - step(at.inside, 1.4, 1.9))
    return finish(name, at, _sewn(at), palettes, pattern, hem, Straps(width=0.016))


def _draped(at: Canvas) -> tuple[Relief, Relief]:
    """Where a pattern printed on the cloth lies: the panels lean towards the seam."""
    return np.abs(at.x) + 0.12 * (at.y - 85), at.y + 0.18 * np.abs(at.x) + 0.8 * noise(47, 25)


def cloth() -> Style:
    """One colour."""
    return _sewn_style("cloth", tuple(Palette(colours, 12) for colours in (*PLAIN, *DEEP, *PALE)), 0.0)


def cloth_striped() -> Style:
    """Stripes across the face."""
    _, y = _draped(canvas(SEWN))
    return _sewn_style("cloth_striped", ANY, step(np.sin(y * 1.15), -0.15, 0.25))


def cloth_checked() -> Style:
    """Checks: threads of both colours, one over the other."""
    x, y = _draped(canvas(SEWN))
    return _sewn_style("cloth_checked", ANY, 0.5 * step(np.sin(x), -0.2, 0.2) + 0.5 * step(np.sin(y), -0.2, 0.2))


def cloth_dotted() -> Style:
    """Dots in rows, every second one between those of the last."""
    x, y = _draped(canvas(SEWN))
    row = np.floor(y / 5)
    away = np.hypot((x + 2.75 * (row % 2)) % 5.5 - 2.75, y % 5 - 2.5)
    return _sewn_style("cloth_dotted", ANY, 1 - step(away, 1.1, 1.7))


def cloth_flowery() -> Style:
    """Blossoms and leaves, strewn."""
    at = canvas(SEWN)
    rng = np.random.default_rng(53)
    drawn = np.zeros_like(at.x)
    for column, row in rng.uniform((0, 0), at.x.shape[::-1], (110, 2)):
        turn, size = rng.uniform(0, 2), rng.uniform(2.5, 4.5)
        for petal in range(5):
            angle = turn + petal * 2 * np.pi / 5
            place = round(column + size * np.cos(angle)), round(row + size * np.sin(angle))
            cv2.circle(drawn, place, round(size * 0.55), (1.0,), -1, cv2.LINE_AA)
    return _sewn_style("cloth_flowery", ANY, drawn)


def cloth_camouflage() -> Style:
    """Patches."""
    patches = step(noise(59, 12), -0.1, 0.1)
    colours: tuple[tuple[Colour, Colour, Colour], ...] = (
        ((92, 96, 66), (58, 54, 42), (70, 74, 50)),
        ((160, 146, 112), (106, 92, 66), (130, 118, 90)),
        ((120, 124, 128), (66, 68, 74), (90, 92, 98)),
    )
    return _sewn_style("cloth_camouflage", tuple(Palette(part, 10) for part in colours), patches)


def sponge() -> Style:
    """Stretched polyurethane, smooth, with a welded seam; it reaches to the ears without loops of its own."""
    at = canvas(STRETCHED)
    height = over_face(at, nose=13) + 3 * np.exp(-np.abs(at.x) / 10) * step(at.y, 66, 86)
    height += 0.7 * ridge(at.x, 0, 0.8) * step(at.y, 59, 64)
    pull = np.sin(0.45 * at.y + 0.1 * np.abs(at.x)) * step(np.abs(at.x), 22, 40)
    colours = (*PLAIN, *DEEP[:2], PALE[0], PALE[1], PALE[3])
    palettes = (*(Palette(PLAIN[0], 9) for _ in range(4)), *(Palette(part, 10) for part in colours))
    straps = Straps(width=0.05, corners=(2, 3))
    return finish("sponge", at, np.asarray(height + 0.3 * pull, dtype=np.float32), palettes, straps=straps)


def bandana() -> Style:
    """A cloth folded to a triangle and tied behind the head, printed with dots."""
    at = canvas(TIED)
    side = np.abs(at.x)
    height = over_face(at, nose=14)
    # Folds hang from the knots behind the ears in bows, deeper towards the chin.
    bow = at.y - 0.006 * (46 - side) ** 2 - 0.25 * side
    height += 1.1 * np.sin(0.36 * bow + 0.9 * noise(61, 40)) * step(at.y, 66, 88)
    height += 0.7 * (1 - step(at.inside, 1.8, 2.4)) + 0.3 * noise(67, 9)
    cell_x, cell_y = side % 6 - 3, (at.y - 0.1 * side) % 6 - 3
    rings = ridge(np.hypot(cell_x, cell_y), 2.0, 0.35) + (1 - step(np.hypot(cell_x, cell_y), 0.5, 0.9))
    bands = ridge(at.inside, 4.2, 0.5)
    palettes = tuple(Palette(colours, 12) for colours in DEEP)
    return finish("bandana", at, height, palettes, (0.85 * (rings + bands)).clip(0, 1), straps=Straps("none"))


def scarf() -> Style:
    """Wool, wound around the face in thick folds."""
    at = canvas(TIED)
    side = np.abs(at.x)
    height = over_face(at, nose=12)
    lean = at.y - 0.16 * at.x - 0.004 * (50 - side) ** 2 + 2.2 * noise(71, 45)
    height += 2.0 * np.abs(np.sin(0.19 * lean)) ** 0.7
    knit = np.sin(2.4 * at.x + 1.3 * np.sin(2.4 * at.y)) * np.sin(2.4 * at.y)
    height += 0.28 * knit + 0.3 * noise(73, 5)
    stripes = step(np.sin(0.32 * lean + 1), 0.55, 0.75)
    palettes = (*(Palette((a, a, c), 14) for a, _, c in (*PLAIN, *DEEP, *PALE)), *(Palette(part, 12) for part in DEEP))
    return finish("scarf", at, height, palettes, 0.8 * stripes, straps=Straps("none"))
