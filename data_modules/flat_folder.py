"""Any folder of aligned faces of which nobody knows whom they show."""

import os
from pathlib import Path

import numpy as np

from data_modules.face_folder import FaceFolder
from maskrec.data import LabelledFaces, find_pictures, readable_faces


class FlatFolder(FaceFolder):
    """Trains on all pictures below a folder, without identities: no head, and nothing to validate on.

    Args:
        root: The folder.
        **kwargs: As for `FaceFolder`.
    """

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures that can be read, as if all showed one person."""
        paths = [os.path.join(folder, os.fsdecode(name)) for name, _, _ in find_pictures(folder)]
        return readable_faces(LabelledFaces(paths, np.zeros(len(paths), dtype=np.int64)), self.broken)

    @property
    def num_identities(self) -> None:
        """None: a method builds no head."""
        return None
