"""Faces aligned by the ArcFace template, in folders of identities or in InsightFace's `train.rec` and `train.idx`."""

from pathlib import Path
from typing import Any

import numpy as np

from data_modules.face_folder import FaceFolder
from maskrec.data import INDEX, RECORDS, LabelledFaces, expect_folder, readable_faces, record_faces


class RecordFolder(FaceFolder):
    """Trains on most identities of a folder, in either form, and validates on the rest.

    Masks need landmarks of records as of files: `maskrec landmarks ROOT`. There is no masked copy of records.

    Args:
        root: Holds `train.rec` and `train.idx`, or a folder an identity.
        held_out: Share of the identities kept for validation.
        **kwargs: As for `FaceFolder`.
    """

    def __init__(self, root: str, held_out: float = 0.01, **kwargs: Any) -> None:
        super().__init__(root, held_out, **kwargs)

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures that can be read."""
        expect_folder(folder, f"{type(self).__name__}'s {RECORDS} and {INDEX}, or <root>/<identity>/<image>")
        if not (folder / RECORDS).is_file():
            return super().faces(folder)
        paths, labels = record_faces(folder / RECORDS)
        return readable_faces(LabelledFaces(paths, np.unique(labels, return_inverse=True)[1]), self.broken)
