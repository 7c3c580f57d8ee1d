"""MFR2: masked faces in real life (Anwar and Raychowdhury, 2020), in the layout it was published in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskrec import UserError
from maskrec.data import RealMasks, by_comparison, numbered_pictures, read_lines, read_numbered_pairs

NO_MASK = ("no-mask", "nomask", "unmasked")


class MFR2(RealMasks):
    """The published pairs as they are listed (`as_listed`) and by comparison, and what else the faces allow.

    Args:
        root: Holds `<Name>/<Name>_0001.png`; `mfr2_labels.txt` of lines `Name, 1, surgical_blue` or `Name, 2, no-mask`;
            `pairs.txt` of lines `Name 3 4` (genuine) or `Name 2 Other 3` (impostor).
        name: Short name, as in log keys.
        **kwargs: As for `RealMasks`.
    """

    def __init__(self, root: str, name: str = "mfr2", **kwargs: Any) -> None:
        pictures = numbered_pictures(Path(root))
        labels = np.unique([person for person, _ in pictures], return_inverse=True)[1].astype(np.int64)
        is_masked = _read_labels(Path(root) / "mfr2_labels.txt", pictures)
        listed = read_numbered_pairs(Path(root) / "pairs.txt", list(pictures), labels)
        lists = {"as_listed": listed} | by_comparison(listed, is_masked)
        super().__init__(name, Path(root), list(pictures.values()), labels, is_masked, lists, **kwargs)


def _read_labels(file: Path, pictures: Mapping[tuple[str, int], str]) -> npt.NDArray[np.bool_]:
    """(N,) who wears a mask."""
    wears: dict[tuple[str, int], bool] = {}
    for line, text in read_lines(file, "lines `Name, 1, surgical_blue`"):
        where, words = f"labels {file}, line {line}", re.split(r"\s*[,\t]\s*", text)
        if len(words) != 3 or not words[1].isdigit() or not words[2]:
            raise UserError(f"{where}: expected `Name, 1, surgical_blue` or `Name, 2, no-mask`, got '{text}'")
        picture = words[0], int(words[1])
        if picture not in pictures or picture in wears:
            raise UserError(
                f"{where}: {'repeats' if picture in wears else 'there is no'} picture {words[0]} {words[1]}"
            )
        wears[picture] = re.sub(r"[\s_]", "-", words[2].lower()) not in NO_MASK
    missed = next((name for picture, name in pictures.items() if picture not in wears), None)
    if missed is not None:
        raise UserError(f"image {file.parent / missed}: has no line in {file}")
    return np.array([wears[picture] for picture in pictures])
