"""CASIA-WebFace (Yi et al., "Learning Face Representation from Scratch", 2014)."""

from pathlib import Path
from typing import Any

from data_modules.face_folder import FaceFolder
from maskrec.data import LabelledFaces, expect_folder

TREE = "CASIA-WebFace's folders of identities, <root>/0000045/001.jpg and so on"


class CASIAWebFace(FaceFolder):
    """494,414 pictures of 10,575 identities; as published they are not aligned.

    Args:
        root: Holds a folder an identity.
        held_out: Share of the identities kept for validation.
        aligned: As for `FaceFolder`.
        **kwargs: As for `FaceFolder`.
    """

    def __init__(self, root: str, held_out: float = 0.01, aligned: bool | None = None, **kwargs: Any) -> None:
        super().__init__(root, held_out, aligned=aligned, **kwargs)

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures that can be read."""
        expect_folder(folder, TREE)
        return super().faces(folder)
