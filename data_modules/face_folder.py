"""Any folder of identities, `<identity>/<image>`: aligned faces of one's own."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.data import (
    Broken,
    EvaluationSet,
    FaceDataModule,
    FaceRows,
    LabelledFaces,
    MaskedPairs,
    TrainingFaces,
    index_faces,
    readable_faces,
    sample_pairs,
    with_masked_copy,
)
from maskrec.data.aligned_faces import AlignedFaces, aligned_faces
from maskrec.masking import MaskTransform

FOLDS = 10


class FaceFolder(FaceDataModule):
    """Trains on most identities of a folder and validates on the rest.

    Args:
        root: The folder; read only when training or validating.
        held_out: Share of the identities kept for validation, chosen by `split_seed`.
        val_pairs: Genuine pairs of the validation list, and as many impostor pairs.
        val_masking: How validation faces are masked; without it only `unmasked_unmasked` is run.
        max_identities: Train on so many identities only; default: all.
        split_seed: Seed of the split and of the validation pairs.
        broken: Pictures that cannot be read stop the run (`error`) or are named and left out (`skip`).
        aligned: Whether the pictures are aligned to the ArcFace template; those that are not are aligned on first use,
            into the cache. None: they are where all are 112 x 112.
        masked_copy: A masked copy of the folder, by `maskrec mask ROOT COPY --detectable`: masked faces come from
            there, in training (as many as `masking` would mask, half of them without one) and validation, and pictures
            that have no copy are left out.
        val_one_of_20: Validate on the right one of 20 masked faces, too, 400 times.
        **kwargs: As for `FaceDataModule`.
    """

    def __init__(
        self,
        root: str,
        held_out: float = 0.1,
        val_pairs: int = 3000,
        val_masking: MaskTransform | None = None,
        max_identities: int | None = None,
        split_seed: int = 0,
        broken: Broken = "error",
        aligned: bool | None = True,
        masked_copy: str | None = None,
        val_one_of_20: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.root = Path(root)
        self.held_out = held_out
        self.val_pairs = val_pairs
        self.val_masking = val_masking
        self.max_identities = max_identities
        self.split_seed = split_seed
        self.broken = broken
        self.aligned = aligned
        self.masked_copy = None if masked_copy is None else Path(masked_copy)
        self.val_one_of_20 = val_one_of_20

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures of a folder of identities that can be read."""
        index = index_faces(folder)
        return readable_faces(LabelledFaces(index.paths(), index.labels()), self.broken)

    @cached_property
    def split(self) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces to train on and the held-out ones, with no identity in common."""
        faces = self.faces(self.root)
        order = np.random.default_rng(self.split_seed).permutation(faces.num_identities)
        held_out = round(faces.num_identities * self.held_out)
        parts = order[held_out:][: self.max_identities], order[:held_out]
        # Split first: whichever faces a copy lacks, the identities held out are the same.
        training, validation = (self._with_copies(faces.of_identities(identities)) for identities in parts)
        return training, validation

    def _with_copies(self, faces: LabelledFaces) -> LabelledFaces:
        return with_masked_copy(faces, self.root, self.masked_copy) if self.masked_copy and faces.paths else faces

    @property
    def num_identities(self) -> int | None:
        """K, the identities trained on."""
        return self.split[0].num_identities

    @cached_property
    def _aligned(self) -> tuple[AlignedFaces, list[str]]:
        """All faces, first those to train on, and their masked copies, if there are any."""
        names = [path.removeprefix(f"{self.root}/") for part in self.split for path in part.paths]
        worn = aligned_faces(self.masked_copy, names, self.aligned).paths if self.masked_copy else []
        return aligned_faces(self.root, names, self.aligned), worn

    def align(self) -> None:
        """Align what is not aligned yet."""
        _ = self._aligned

    def training_rows(self) -> FaceRows:
        """The faces of all identities but the held-out ones."""
        return self._rows(slice(len(self.split[0].labels)), self.split[0])

    def held_out_rows(self) -> FaceRows:
        """The faces of the held-out identities."""
        return self._rows(slice(len(self.split[0].labels), None), self.split[1])

    def _rows(self, rows: slice, part: LabelledFaces) -> FaceRows:
        found, worn = self._aligned
        return FaceRows(found.root, found.paths[rows], part.labels, worn[rows])

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        super().prepare_data()
        if self.trainer is not None and self.trainer.state.fn in ("fit", "validate"):
            self.align()

    def data_sets(self, rows: FaceRows) -> list[FaceRows]:
        """The data sets that some of the folder's faces are of: one here."""
        return [rows]

    def training_faces(self) -> TrainingFaces:
        """The faces of all identities but the held-out ones."""
        return self.show(*self.data_sets(self.training_rows()))

    def validation_sets(self) -> list[EvaluationSet]:
        """Fixed pairs of held-out identities of each data set; none where no identity is held out."""
        if not self.split[1].paths:
            return []
        sets = self.data_sets(self.held_out_rows())
        names = [f"held_out_{number}" for number in range(1, len(sets) + 1)] if len(sets) > 1 else ["held_out"]
        return [self._validation_set(name, rows) for name, rows in zip(names, sets, strict=True)]

    def _validation_set(self, name: str, rows: FaceRows) -> EvaluationSet:
        root, paths, labels, worn = rows
        pairs = sample_pairs(paths, labels, self.val_pairs, FOLDS, self.split_seed)
        options: dict[str, Any] = {"worn": worn, "one_of_20": self.val_one_of_20, "aligned": True}
        return MaskedPairs(name, pairs, root, self.val_masking, **options)
