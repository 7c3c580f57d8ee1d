"""Two halves of a data set's identities, so that what learns from one is tested on the other."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from maskrec.data.index import find_pictures
from maskrec.errors import UserError

Half = Literal["first", "second"]


def in_half(identities: Sequence[str], half: Half) -> npt.NDArray[np.bool_]:
    """Which names, (N,), are in a half; a name's half depends on the name alone."""
    halves = ("first", "second")
    of_each = [halves[hashlib.sha256(os.fsencode(name)).digest()[0] % 2] for name in identities]
    return np.array([of == half for of in of_each], dtype=bool)


def pictures_below(root: Path, half: Half | None = None) -> list[str]:
    """All pictures below a folder, or those of one half of the folders directly below it; sorted paths.

    Raises:
        UserError: There is none.
    """
    names = [os.fsdecode(name) for name, _, _ in find_pictures(root)]
    if half is not None:
        chosen = in_half([name.split("/")[0] for name in names], half)
        names = [name for name, is_in in zip(names, chosen, strict=True) if is_in]
    if not names:
        raise UserError(f"data root {root}: the {half} half of its folders holds no picture")
    return [os.path.join(root, name) for name in names]
