"""What is drawn on a head: skin, folds, spots, beard, lips, brows, eyes and hair."""

import numpy as np

from maskrec.data.generated.head import INNER_LIPS, LOWER_LIPS, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from maskrec.data.generated.identity import Beard, Identity
from maskrec.data.generated.plane import (
    SIZE,
    Picture,
    area,
    area_of_pixels,
    disc,
    glow,
    line,
    noise,
    paint,
    pixels,
    shade,
    smooth,
    window,
)

BEARDS: dict[Beard, list[tuple[float, float]]] = {
    "moustache": [(-27, 71), (-20, 57), (0, 53.5), (20, 57), (27, 71), (14, 64), (0, 61.5), (-14, 64)],
    "goatee": [(-26, 64), (-14, 55), (14, 55), (26, 64), (27, 90), (22, 112), (0, 117), (-22, 112), (-27, 90)],
    "full": [(-66, 20), (-57, 48), (-30, 58), (-14, 54), (14, 54), (30, 58), (57, 48), (66, 20), (62, 124), (-62, 124)],
}
BEARDS["stubble"] = BEARDS["full"]


def draw_skin(identity: Identity, rng: np.random.Generator) -> Picture:
    """The unrolled face of an identity, (H, W, 4): RGB from 0 to 255, and how much it shines, from 0 to 255."""
    skin = np.array(identity.skin)
    canvas = np.empty((*SIZE, 3), dtype=np.float32)
    canvas[:] = skin
    canvas *= 1 + (0.03 * noise(rng, 24, 24) + 0.025 * noise(rng, 90, 90))[..., None]
    for side in (-1, 1):
        paint(canvas, skin * (1.0, 0.72, 0.7), glow((side * 44, 34), 15).times(0.35))
    paint(canvas, skin * (1.0, 0.76, 0.72), glow((0, 40), 10).times(0.3))
    _draw_folds(canvas, identity)
    _draw_spots(canvas, identity, rng)
    _draw_beard(canvas, identity, rng)
    _draw_lips(canvas, identity)
    _draw_brows(canvas, identity, rng)
    shine = np.full((*SIZE, 1), 255, dtype=np.float32)
    _draw_eyes(canvas, identity)
    _draw_hair(canvas, shine, identity, rng)
    return np.dstack([canvas.clip(0, 255), shine])


def _draw_folds(canvas: Picture, identity: Identity) -> None:
    """Shadows that the light of one lamp does not give, and the lines of age."""
    shade(canvas, 0.55, area([(-75, 117), (75, 117), (75, 190), (-75, 190)], 4))  # under the chin
    for side in (-1, 1):
        mirror = (side, 1)
        shade(canvas, 0.42, area(smooth([(3, 49), (8, 47.5), (10, 49.5), (5, 51)], closed=True) * mirror, 1))
        shade(canvas, 0.82, line(np.array([(14, -6), (11, 4), (9, 20)]) * mirror, 4, 4))
        shade(canvas, 0.78, line(np.array([(16.5, 37), (18.5, 43), (15.5, 49)]) * mirror, 1, 1.4))
        shade(canvas, 0.86, line(smooth([(18, 9), (27, 12.5), (38, 11)]) * mirror, 2, 2.2))
        fold = smooth([(17, 44), (26, 55), (30, 67), (30, 76)]) * mirror
        shade(canvas, 1 - 0.4 * identity.age, line(fold, 1.2, 1.6))
        for end in (-5, 5):
            shade(canvas, 1 - 0.3 * identity.age, line(np.array([(49, 1 + end / 3), (56, end)]) * mirror, 0.7, 0.9))
    for level in (-36, -44, -52):
        crease = smooth([(-32, level + 2), (-14, level), (0, level + 1.5), (14, level), (32, level + 2)])
        shade(canvas, 1 - 0.4 * max(0.0, identity.age - 0.35), line(crease, 0.9, 1.2))
    shade(canvas, 0.85, line([(-14, 86.5), (0, 85.5), (14, 86.5)], 3, 3))


def _draw_spots(canvas: Picture, identity: Identity, rng: np.random.Generator) -> None:
    places = np.column_stack([rng.normal((0, 26), (26, 13), (90, 2)), rng.uniform(0.5, 1.0, 90)])
    for x, level, radius in places if identity.freckles else ():
        shade(canvas, 1 - 0.4 * identity.freckles, disc((x, level), radius))
    for x, level, radius in identity.spots:
        paint(canvas, np.array(identity.skin) * 0.32, disc((x, level), radius).times(0.85))


def _draw_beard(canvas: Picture, identity: Identity, rng: np.random.Generator) -> None:
    if identity.beard is None:
        return
    hairs = area(smooth(BEARDS[identity.beard], closed=True), 2.2).times(0.8 + 0.25 * noise(rng, 120, 160))
    if identity.beard != "moustache":
        mouth = smooth([(-24, 71), (0, 60), (24, 71), (10, 83), (-10, 83)], closed=True)
        hairs = hairs.times(area(mouth, 1.5, hairs.window).inverse())
    strength = identity.beard_darkness * (0.45 if identity.beard == "stubble" else 1)
    paint(canvas, np.array(identity.hair) * 0.9, hairs.times(strength))


def _draw_lips(canvas: Picture, identity: Identity) -> None:
    red = np.array(identity.skin) * (0.92, 0.58, 0.58) * (1 - identity.lips * 0.25)
    red += np.array([42, 4, 12]) * identity.lips
    outline = smooth(OUTER_LIPS + LOWER_LIPS, closed=True)
    paint(canvas, red, area(outline, 0.8).times(0.35 + 0.6 * identity.lips))
    # The gap between the lips is a line, until the mouth opens and draws it out.
    paint(canvas, (58, 22, 22), area(INNER_LIPS, 0.5))
    shade(canvas, 0.55, line([(-22, 70), (0, 70), (22, 70)], 0.9, 0.8))


def _draw_brows(canvas: Picture, identity: Identity, rng: np.random.Generator) -> None:
    arched = np.array(RIGHT_BROW) - np.outer([0, 1, 1.6, 1, 0], (0, identity.brow_arch))
    middle = smooth(arched)
    half = (
        identity.brow_thickness / 2 * np.interp(np.linspace(0, 1, len(middle)), [0, 0.2, 0.8, 1], [0.2, 0.8, 1.1, 0.7])
    )
    outline = np.concatenate([middle - np.outer(half, (0, 1)), (middle + np.outer(half, (0, 1)))[::-1]])
    hairs = (0.85 + 0.3 * noise(rng, 60, 170)) * identity.brow_darkness
    for side in (-1, 1):
        paint(canvas, np.array(identity.hair) * 0.75, area(outline * (side, 1), 1.0).times(hairs))


def _draw_eyes(canvas: Picture, identity: Identity) -> None:
    outline = np.array(RIGHT_EYE)
    for side in (-1, 1):
        lids = smooth(outline, closed=True) * (side, 1)
        upper, lower = (smooth(outline[ends]) * (side, 1) for ends in ([0, 1, 2, 3], [3, 4, 5, 0]))
        here = window(lids, 8)
        inside = area(lids, within=here)
        x = -31.0 * side
        paint(canvas, (226, 220, 214), inside)
        paint(canvas, identity.iris, disc((x, 0.3), 5.9, here).times(inside))
        paint(canvas, (14, 12, 12), disc((x, 0.3), 2.7, here).times(inside))
        paint(canvas, (250, 250, 250), disc((x + 1.6, -1.5), 1.0, here).times(inside))
        shade(
            canvas, 0.55, line(upper + np.array([0, 1.2]), 2.6, 1.2, here).times(inside)
        )  # the shadow of the upper lid
        lashes = line(upper, 0.6 + identity.eye_line, 0.6)
        paint(canvas, (24, 17, 15), lashes.times(0.55 + 0.45 * identity.eye_line))
        paint(canvas, np.array(identity.skin) * 0.55, line(lower, 0.7).times(0.55))
        shade(canvas, 1 - 0.4 * identity.eyelid_crease, line(upper - np.array([0, 3.6]), 0.8, 0.9))


def _draw_hair(canvas: Picture, shine: Picture, identity: Identity, rng: np.random.Generator) -> None:
    top, temples = identity.hairline, identity.hairline_temples
    left = [(-71.0, identity.hair_side), (-66, -22), (-60, top + 22), (-44, top + 4 - temples), (-22, top - 2)]
    edge = [*left, (0, top + identity.hairline_peak), *((-x, level) for x, level in reversed(left))]
    line_of_hair = pixels(smooth(edge))
    height, width = SIZE
    corners = [(width, line_of_hair[-1, 1]), (width, 0), (0, 0), (0, line_of_hair[0, 1])]
    hair = area_of_pixels(np.concatenate([line_of_hair, corners]), 2.0, (slice(0, height), slice(0, width)))
    strands = 1 + 0.22 * noise(rng, 9, 110) + 0.12 * noise(rng, 30, 200)
    paint(canvas, np.multiply.outer(strands, np.array(identity.hair)), hair)
    shade(shine, 0.4, hair)
