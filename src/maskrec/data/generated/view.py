"""How a generated face is seen: all that differs from picture to picture of one identity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskrec.data.generated.head import EXPRESSIONS

Array = npt.NDArray[np.float64]

MAX_YAW, MAX_PITCH, MAX_ROLL = 40.0, 20.0, 12.0  # degrees


@dataclass(frozen=True)
class View:
    """A picture's circumstances. Angles in degrees, lengths in pixels of the finished picture."""

    yaw: float
    pitch: float
    roll: float
    """How far the aligned face is turned in the picture."""
    distance: float
    """From the camera to the head, mm."""
    zoom: float
    shift: tuple[float, float]
    expression: Array
    light: Array
    """(3,) unit vector towards the lamp."""
    contrast: float
    """The lamp's share of the light, 0 to 1; the rest comes from all around."""
    lamp: Array
    """(3,) colour of the lamp."""
    shine: float
    exposure: float
    """Mean grey level of the face."""
    white_balance: Array
    """(3,) gains."""
    gamma: float
    blur: float
    noise: float
    """Grey levels."""
    seed: int
    """Of the background and the noise."""


def sample_view(rng: np.random.Generator) -> View:
    """Draw the circumstances of a picture."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def angle(most: float) -> float:
        return float(np.clip(rng.normal(0, most / 2), -most, most))

    expression = np.zeros(len(EXPRESSIONS))
    for mode, chance in zip(range(len(EXPRESSIONS)), (0.45, 0.12, 0.25, 0.2, 0.3, 0.35), strict=True):
        if rng.random() < chance:
            expression[mode] = rng.beta(1.3, 2)
    light = np.array([between(-1.1, 1.1), between(-1.0, 0.35), 1.0])
    return View(
        yaw=angle(MAX_YAW),
        pitch=angle(MAX_PITCH),
        roll=angle(MAX_ROLL),
        distance=between(500, 1500),
        zoom=between(0.95, 1.05),
        shift=(between(-2, 2), between(-2, 2)),
        expression=expression,
        light=light / np.linalg.norm(light),
        contrast=between(0.25, 0.8),
        lamp=rng.uniform(0.9, 1.1, 3),
        shine=between(0, 0.3),
        exposure=between(85, 165),
        white_balance=np.exp(rng.normal(0, 0.06, 3)),
        gamma=between(0.8, 1.25),
        blur=max(0.0, between(-0.8, 1.1)),
        noise=between(0, 7),
        seed=int(rng.integers(1 << 32)),
    )
