"""A folder into which several data sets were put."""

from fnmatch import fnmatchcase
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_modules.face_folder import FaceFolder
from maskrec.data import FaceRows, LabelledFaces


class MixedFolder(FaceFolder):
    """Trains and validates on a folder as on several data sets, which the names of its identities tell apart.

    An impostor is then of the reference's data set: who it is has to be told, and not where the picture came from
    (Seneviratne et al., Sec. 3.8.1). Which identities are held out is what it is for the folder as one.

    Args:
        root: The folder, `<identity>/<image>`.
        patterns: What fits the names of each data set's identities, e.g. `celeba_*`; case matters. All that fit none
            are a data set, too.
        **kwargs: As for `FaceFolder`.
    """

    def __init__(self, root: str, patterns: list[str], **kwargs: Any) -> None:
        super().__init__(root, **kwargs)
        self.patterns = patterns

    def data_sets(self, rows: FaceRows) -> list[FaceRows]:
        """The faces of each data set that has any, in the order of the patterns."""
        number = np.array([self._number_of(Path(path).parent.name) for path in rows.paths])
        return [_some(rows, number == one) for one in np.unique(number)]

    def _number_of(self, identity: str) -> int:
        fits = (number for number, pattern in enumerate(self.patterns) if fnmatchcase(identity, pattern))
        return next(fits, len(self.patterns))


def _some(rows: FaceRows, kept: npt.NDArray[np.bool_]) -> FaceRows:
    paths, labels = LabelledFaces([*rows.paths], rows.labels).of_rows(kept)
    return FaceRows(rows.root, paths, labels, [*compress(rows.worn, kept)])
