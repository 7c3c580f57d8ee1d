"""CelebA (Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015)."""

import re
from pathlib import Path
from typing import Any

from data_modules.face_folder import FaceFolder
from maskrec.data import LabelledFaces, expect_folder, labelled_faces, read_lines, readable_faces
from maskrec.errors import UserError

TREE = "CelebA's <root>/img_align_celeba/000001.jpg (or .png) and <root>/identity_CelebA.txt"
PICTURES, IDENTITIES = "img_align_celeba", "identity_CelebA.txt"


class CelebA(FaceFolder):
    """202,599 pictures of 10,177 identities, published with loose crops; the folder may hold a part of them.

    Args:
        root: Holds `img_align_celeba/` and `identity_CelebA.txt` of lines `000001.jpg 2880`.
        aligned: As for `FaceFolder`.
        **kwargs: As for `FaceFolder`.
    """

    def __init__(self, root: str, aligned: bool | None = None, **kwargs: Any) -> None:
        super().__init__(root, aligned=aligned, **kwargs)

    def faces(self, folder: Path) -> LabelledFaces:
        """Those of the listed pictures that are there and can be read."""
        expect_folder(folder / PICTURES, TREE)
        there = {path.stem: f"{PICTURES}/{path.name}" for path in (folder / PICTURES).iterdir()}
        names, people = [], []
        for line, text in read_lines(folder / IDENTITIES, TREE):
            words = re.fullmatch(r"(\d+)\.\w+\s+(\d+)", text)
            if words is None:
                raise UserError(f"{folder / IDENTITIES}, line {line}: expected `000001.jpg 2880`, got '{text}'")
            if words[1] in there:
                names.append(there[words[1]])
                people.append(words[2])
        if not names:
            raise UserError(f"data root {folder}: {IDENTITIES} lists none of the pictures; expected {TREE}")
        return readable_faces(labelled_faces(folder, names, people), self.broken)
