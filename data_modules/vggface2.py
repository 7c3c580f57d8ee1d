"""VGGFace2 (Cao et al., "VGGFace2: A dataset for recognising faces across pose and age", FG 2018)."""

import csv
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

from data_modules.face_folder import FaceFolder
from maskrec.data import LabelledFaces, expect_folder
from maskrec.errors import UserError

log = logging.getLogger(__name__)

TREE = "VGGFace2's <root>/train/n000002/0001_01.jpg, <root>/test/n000001/..., and, if at hand, identity_meta.csv"
META = ("identity_meta.csv", "meta/identity_meta.csv")
COLUMNS = ("Class_ID", "Flag")  # the flag is 1 of training identities, 0 of test identities


class VGGFace2(FaceFolder):
    """Trains on the 8,631 identities of `train/`, validates on the 500 of `test/`; published with loose crops.

    Args:
        root: Holds `train/` and `test/`; identity_meta.csv, where it is there, is compared with them.
        aligned: As for `FaceFolder`.
        **kwargs: As for `FaceFolder`.
    """

    def __init__(self, root: str, aligned: bool | None = None, **kwargs: Any) -> None:
        super().__init__(root, held_out=0, aligned=aligned, **kwargs)

    @cached_property
    def split(self) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces of `train/` and of `test/`."""
        parts = self.root / "train", self.root / "test"
        for folder in parts:
            expect_folder(folder, TREE)
        trained, tested = ({entry.name for entry in folder.iterdir() if entry.is_dir()} for folder in parts)
        for file in (self.root / name for name in META):
            if file.is_file():
                _compare(file, trained)
        if shared := sorted(trained & tested):
            raise UserError(f"data root {self.root}: {shared[0]} lies in train/ and in test/; expected it in one")
        training, test = map(self.faces, parts)
        return training.first(self.max_identities), test


def _compare(file: Path, found: set[str]) -> None:
    """Stop where a test identity lies in `train/`; say how many training identities are missing there."""
    with file.open(newline="", encoding="utf-8") as content:
        rows = csv.DictReader(content, skipinitialspace=True)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise UserError(f"{file}: expected the columns {' and '.join(COLUMNS)} in its first line")
        is_training = {row["Class_ID"]: row["Flag"] == "1" for row in rows}
    if wrong := sorted(name for name in found if not is_training.get(name, True)):
        raise UserError(f"{file.parent}: {wrong[0]} is a test identity by {file.name}, but lies in train/")
    if missing := sorted(name for name, trained in is_training.items() if trained and name not in found):
        log.warning("%d training identities of %s are not in train/, the first %s", len(missing), file, missing[0])
