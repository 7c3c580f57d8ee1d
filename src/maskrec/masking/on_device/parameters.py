"""The parameters of MG's masks as one row of numbers each."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from maskrec.masking.mg import MGParameters

Row = npt.NDArray[np.float32]

NUM_PARAMETERS = 12  # number of the style, three colours, shift


class MGRows(NamedTuple):
    """The parameters of B masks."""

    style: Tensor
    """(B,) int64, the number of its name in `MG.styles`."""
    colours: Tensor
    """(B, 3, 3) RGB of fabric, pattern and trim."""
    shift: Tensor
    """(B, 2) as in `MGParameters`."""


def encode(parameters: MGParameters, styles: tuple[str, ...]) -> Row:
    """One mask as (12,) numbers; styles as `MG.styles`."""
    colours = [level for colour in parameters.colours for level in colour]
    return np.array([styles.index(parameters.style), *colours, *parameters.shift], dtype=np.float32)


def decode(rows: Tensor) -> MGRows:
    """(B, 12) numbers as what they say."""
    return MGRows(rows[:, 0].long(), rows[:, 1:10].unflatten(1, (3, 3)), rows[:, 10:])
