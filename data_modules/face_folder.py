"""Any folder of identities, `<identity>/<image>`: aligned faces of one's own."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.data import (
    Broken,
    EvaluationSet,
    FaceDataModule,
    LabelledFaces,
    MaskedPairs,
    TrainingFaces,
    index_faces,
    readable_faces,
    sample_pairs,
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

    def faces(self, folder: Path) -> LabelledFaces:
        """The pictures of a folder of identities that can be read."""
        return readable_faces(index_faces(folder), self.broken)

    @cached_property
    def split(self) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces to train on and the held-out ones, with no identity in common."""
        faces = self.faces(self.root)
        order = np.random.default_rng(self.split_seed).permutation(faces.num_identities)
        held_out = round(faces.num_identities * self.held_out)
        training = order[held_out:][: self.max_identities]
        return faces.of_identities(training), faces.of_identities(order[:held_out])

    @property
    def num_identities(self) -> int:
        """K, the identities trained on."""
        return self.split[0].num_identities

    @cached_property
    def _aligned(self) -> AlignedFaces:
        """All faces, first those to train on."""
        paths = [path for part in self.split for path in part.paths]
        return aligned_faces(self.root, [path.removeprefix(f"{self.root}/") for path in paths], self.aligned)

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        super().prepare_data()
        if self.trainer is not None and self.trainer.state.fn in ("fit", "validate"):
            _ = self._aligned

    def training_faces(self) -> TrainingFaces:
        """The faces of all identities but the held-out ones."""
        labels = self.split[0].labels
        return self.show(self._aligned.root, self._aligned.paths[: len(labels)], labels)

    def validation_sets(self) -> list[EvaluationSet]:
        """Fixed pairs of held-out identities; none where no identity is held out."""
        labels = self.split[1].labels
        if len(labels) == 0:
            return []
        paths = self._aligned.paths[len(self.split[0].labels) :]
        pairs = sample_pairs(paths, labels, self.val_pairs, FOLDS, self.split_seed)
        return [MaskedPairs("held_out", pairs, self._aligned.root, self.val_masking, aligned=True)]
