"""Faces on which masks are drawn, to train a segmenter on."""

from typing import Any

from data_modules.face_folder import FaceFolder
from maskrec.data import DrawnRegions, SegmentationModule, landmarks_for
from maskrec.data.segmentation import Regions
from maskrec.masking import MaskTransform


class DrawnMasks(SegmentationModule):
    """The faces of a folder, split there, with masks whose region is known.

    Args:
        faces: Which faces; how they are shown is said here.
        masking: What is drawn; those that its p leaves unmasked have an empty region.
        **kwargs: As for `SegmentationModule`.
    """

    def __init__(self, faces: FaceFolder, masking: MaskTransform, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.faces = faces
        self.masking = masking

    def prepare_data(self) -> None:
        """Align what is not aligned yet; Lightning calls this in one process a machine."""
        self.faces.align()

    def regions(self, shown: SegmentationModule) -> tuple[Regions, Regions]:
        """The faces of most identities, and those of the rest with the same masks each time."""
        training, held_out = self.faces.training_rows(), self.faces.held_out_rows()
        landmarks = [
            landmarks_for([self.masking, *shown.augmentation], part.root, part.paths) for part in (training, held_out)
        ]
        drawn = shown.image_size, self.masking
        return (
            DrawnRegions(training.paths, *drawn, landmarks[0], shown.augmentation, shown.seed),
            DrawnRegions(held_out.paths, *drawn, landmarks[1]),
        )
