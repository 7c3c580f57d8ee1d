"""YouTube Faces (Wolf et al., "Face Recognition in Unconstrained Videos with Matched Background Similarity", 2011)."""

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from data_modules.small_sets import NamedFaces
from maskrec.data import LabelledFaces, faces_by_name, readable_faces


class YouTubeFaces(NamedFaces):
    """Some frames of each of 3,425 videos of 1,595 identities.

    Seneviratne et al. have 20,252 pictures and do not say which: six of each video, at even steps, are about as many.

    Args:
        root: Holds `<Name>/<video>/<video>.<frame>.jpg`, as `frame_images_DB` does.
        frames: Of each video.
        **kwargs: As for `FaceFolder`.
    """

    pattern = r"(?:.*/)?([^/]+)/\d+/\d+\.\d+\.\w+"
    tree = "YouTube Faces' <root>/Alicia_Witt/5/5.2247.jpg (frame_images_DB)"

    def __init__(self, root: str, frames: int = 6, **kwargs: Any) -> None:
        super().__init__(root, **kwargs)
        self.frames = frames

    def faces(self, folder: Path) -> LabelledFaces:
        """The chosen frames that can be read."""
        found = faces_by_name(folder, self.pattern, self.tree)
        chosen = np.zeros(len(found.paths), dtype=bool)
        for _, rows in groupby(range(len(found.paths)), key=lambda row: Path(found.paths[row]).parent):
            video = sorted(rows, key=lambda row: int(Path(found.paths[row]).name.split(".")[1]))
            chosen[np.array(video)[np.linspace(0, len(video) - 1, self.frames).round().astype(int)]] = True
        return readable_faces(found.of_rows(chosen), self.broken)
