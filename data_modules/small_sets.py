"""Small sets whose pictures' names say who they show: FEI, Georgia Tech and SoF."""

from pathlib import Path
from typing import Any, ClassVar

from data_modules.face_folder import FaceFolder
from maskrec.data import LabelledFaces, faces_by_name, readable_faces


class NamedFaces(FaceFolder):
    """A set whose pictures' names say who they show; as published they are not aligned.

    Args:
        root: The folder; its pictures may lie in folders of their own.
        aligned: As for `FaceFolder`.
        **kwargs: As for `FaceFolder`.
    """

    pattern: ClassVar[str]
    tree: ClassVar[str]

    def __init__(self, root: str, aligned: bool | None = None, **kwargs: Any) -> None:
        super().__init__(root, aligned=aligned, **kwargs)

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures that can be read."""
        return readable_faces(faces_by_name(folder, self.pattern, self.tree), self.broken)


class FEI(NamedFaces):
    """FEI's original pictures (Thomaz and Giraldi, 2010): 200 identities, 14 pictures each, of all turns."""

    pattern = r"(?:.*/)?(\d+)-\d+\.\w+"
    tree = "FEI's <root>/1-01.jpg to 200-14.jpg, all parts below one folder"


class FEIFrontal(NamedFaces):
    """FEI's frontal pictures: 200 identities, neutral and smiling."""

    pattern = r"(?:.*/)?(\d+)[ab]\.\w+"
    tree = "FEI's <root>/1a.jpg, 1b.jpg to 200b.jpg, both parts below one folder"


class GeorgiaTech(NamedFaces):
    """Georgia Tech's face database (Nefian, 1999): 50 identities, 15 pictures each."""

    pattern = r"(?:.*/)?(s\d+)/\d+\.\w+"
    tree = "Georgia Tech's <root>/s01/01.jpg to s50/15.jpg (gt_db)"


class SoF(NamedFaces):
    """Specs on Faces, original pictures (Afifi and Abdelhamed, 2019): people with glasses in hard light.

    That the first word of a name is the person, as in `AbdA_00001_m_31_...jpg`, is read from published file names.
    """

    pattern = r"(?:.*/)?([^/_]+)_\d+_[mf]_.*"
    tree = "SoF's <root>/AbdA_00001_m_31_....jpg (the archive of original images)"
