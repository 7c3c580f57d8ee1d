"""Two halves of a data set's identities, so that what learns from one is tested on the other."""

import hashlib
import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Half = Literal["first", "second"]


def in_half(identities: Sequence[str], half: Half) -> npt.NDArray[np.bool_]:
    """Which names, (N,), are in a half; a name's half depends on the name alone."""
    halves = ("first", "second")
    of_each = [halves[hashlib.sha256(os.fsencode(name)).digest()[0] % 2] for name in identities]
    return np.array([of == half for of in of_each], dtype=bool)
