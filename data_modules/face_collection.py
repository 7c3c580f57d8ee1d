"""Several data sets as one to train on."""

from typing import Any

from data_modules.face_folder import FaceFolder
from maskrec.data import EvaluationSet, FaceDataModule, TrainingFaces


class FaceCollection(FaceDataModule):
    """Trains on several data sets together; validates on what each of them holds out.

    Args:
        sets: Which faces. How they are shown is said here, how they are split and validated there.
        **kwargs: As for `FaceDataModule`.
    """

    def __init__(self, sets: list[FaceFolder], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sets = sets

    @property
    def num_identities(self) -> int:
        """K, the identities trained on; one that is in two sets counts twice."""
        return sum(faces.split[0].num_identities for faces in self.sets)

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        super().prepare_data()
        if self.trainer is not None and self.trainer.state.fn in ("fit", "validate"):
            for faces in self.sets:
                faces.align()

    def training_faces(self) -> TrainingFaces:
        """The faces of all sets, one after the other."""
        return self.show(*(rows for faces in self.sets for rows in faces.data_sets(faces.training_rows())))

    def validation_sets(self) -> list[EvaluationSet]:
        """Those of each set, `held_out_1` and so on."""
        found = []
        for number, faces in enumerate(self.sets, start=1):
            for held_out in faces.validation_sets():
                held_out.name = f"{held_out.name}_{number}"
                found.append(held_out)
        return found
