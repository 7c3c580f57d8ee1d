"""Generated faces with their landmarks."""

import numpy as np
import pytest

from maskrec.data.generated import draw_face
from maskrec.masking.base import Face


@pytest.fixture(scope="session")
def portraits() -> list[Face]:
    """60 faces of 12 people, of all turns and expressions."""
    drawn = [draw_face(11, number // 5, number % 5) for number in range(60)]
    return [(image, landmarks.astype(np.float32)) for image, landmarks in drawn]


@pytest.fixture(scope="session")
def portrait(portraits: list[Face]) -> Face:
    """The one that is turned least."""
    return min(portraits, key=lambda drawn: abs(drawn[1][30, 0] - drawn[1][[1, 15], 0].mean()))
