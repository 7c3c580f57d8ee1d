"""Who a generated face is: bones, and what is drawn on them."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from maskrec.data.generated.head import IDENTITY_MODES

Colour = tuple[float, float, float]
Beard = Literal["stubble", "moustache", "goatee", "full"]

SKIN = np.array([[246, 214, 192], [229, 184, 150], [199, 147, 108], [152, 102, 70], [96, 62, 44]], dtype=float)
HAIR = np.array(
    [[28, 24, 22], [58, 40, 28], [104, 72, 44], [168, 128, 78], [142, 70, 40], [150, 146, 142]], dtype=float
)
IRIS = np.array([[62, 42, 28], [96, 70, 44], [92, 108, 70], [88, 118, 146]], dtype=float)
GLASSES, BEARD, LONG_HAIR = 0.18, 0.45, 0.55  # shares
SPREAD, MODE_LIMIT = 0.8, 1.8  # of the modes: with more, faces are caricatures


class Glasses(NamedTuple):
    """A pair of glasses, mm."""

    half_width: float
    half_height: float
    squareness: float
    """2 is an ellipse; the larger, the more of a rectangle."""
    thickness: float
    colour: Colour


@dataclass(frozen=True)
class Identity:
    """Everything that stays the same from picture to picture. Lengths in millimetres, shares from 0 to 1."""

    modes: npt.NDArray[np.float64]
    skin: Colour
    hair: Colour
    iris: Colour
    lips: float
    """How far the lips' colour is from the skin's."""
    brow_thickness: float
    brow_darkness: float
    brow_arch: float
    eyelid_crease: float
    eye_line: float
    hairline: float
    """Level of the hairline above the nose."""
    hairline_peak: float
    hairline_temples: float
    hair_side: float
    """Level down to which hair covers the sides."""
    has_long_hair: bool
    beard: Beard | None
    beard_darkness: float
    freckles: float
    spots: tuple[tuple[float, float, float], ...]
    """Moles: x, level, radius."""
    age: float
    """How deep lines and folds are."""
    glasses: Glasses | None


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draw an identity."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    modes = np.clip(rng.normal(0, SPREAD, len(IDENTITY_MODES)), -MODE_LIMIT, MODE_LIMIT)
    tone = between(0, len(SKIN) - 1)
    skin = _blend(SKIN, tone) * rng.uniform(0.95, 1.05, 3)
    hair = HAIR[rng.choice(len(HAIR), p=[0.34, 0.28, 0.16, 0.1, 0.05, 0.07])] * between(0.85, 1.15)
    if tone > 2.2:
        hair = HAIR[0] * between(0.8, 1.3)
    is_bearded = rng.random() < BEARD
    beards: tuple[Beard, ...] = ("stubble", "moustache", "goatee", "full")
    spots = tuple(
        (between(-48, 48), between(-40, 108), between(0.9, 2.4))
        for _ in range(rng.choice(5, p=[0.3, 0.3, 0.2, 0.1, 0.1]))
    )
    rim = Glasses(between(20, 26), between(14, 20), between(2, 5), between(0.9, 2.8), _colour(rng.uniform(10, 90, 3)))
    return Identity(
        modes=modes,
        skin=_colour(skin),
        hair=_colour(hair),
        iris=_colour(_blend(IRIS, between(0, 3) if tone < 1.5 else between(0, 0.8))),
        lips=between(0.15, 1.0),
        brow_thickness=between(2.2, 6.5),
        brow_darkness=between(0.45, 1.0),
        brow_arch=between(-1.5, 3.0),
        eyelid_crease=between(0, 1),
        eye_line=between(0.3, 1),
        hairline=between(-74, -42),
        hairline_peak=between(-6, 9),
        hairline_temples=between(-10, 14),
        hair_side=between(-25, 20),
        has_long_hair=not is_bearded and rng.random() < LONG_HAIR,
        beard=beards[rng.integers(len(beards))] if is_bearded else None,
        beard_darkness=between(0.35, 0.9),
        freckles=max(0.0, between(-1.5, 1)) if tone < 1.6 else 0.0,
        spots=spots,
        age=between(0, 1),
        glasses=rim if rng.random() < GLASSES else None,
    )


def _blend(colours: npt.NDArray[np.float64], place: float) -> npt.NDArray[np.float64]:
    return np.array([np.interp(place, np.arange(len(colours)), channel) for channel in colours.T])


def _colour(value: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = np.clip(value, 8, 250).tolist()
    return red, green, blue
