"""Generated faces: people who do not exist, drawn once into the cache; nothing to download."""

from pathlib import Path
from typing import Any

from maskrec.data import EvaluationSet, FaceDataModule, FaceRows, MaskedPairs, TrainingFaces, index_faces, sample_pairs
from maskrec.data.generated import generate_faces
from maskrec.data.index import cache_folder
from maskrec.masking import MaskTransform

FOLDS = 10


class GeneratedFaces(FaceDataModule):
    """Trains, validates and tests on three populations with no identity in common.

    Args:
        identities: Identities to train on.
        images: Pictures of each.
        val_identities: Identities of the validation pairs.
        test_identities: Identities of the test pairs.
        test_images: Pictures of each in validation and test.
        pairs: Genuine pairs of validation and of test, and as many impostor pairs.
        val_masking: How validation faces are masked; without it only `unmasked_unmasked` is run.
        test_masking: The same for test.
        population: Which people: the seed they are drawn from.
        **kwargs: As for `FaceDataModule`; `test_sets` are tested in place of the generated pairs.
    """

    def __init__(
        self,
        identities: int = 200,
        images: int = 24,
        val_identities: int = 30,
        test_identities: int = 60,
        test_images: int = 10,
        pairs: int = 1500,
        val_masking: MaskTransform | None = None,
        test_masking: MaskTransform | None = None,
        population: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {
            "train": (identities, images),
            "val": (val_identities, test_images),
            "test": (test_identities, test_images),
        }
        self.pairs = pairs
        self.maskings = {"val": val_masking, "test": test_masking}
        self.population = population

    def root(self, split: str) -> Path:
        """The folder of `train`, `val` or `test`."""
        identities, images = self.sizes[split]
        return cache_folder() / "generated" / f"{split}-{identities}x{images}-{self.population}"

    def prepare_data(self) -> None:
        """Draw what is not there yet; Lightning calls this in one process a machine."""
        super().prepare_data()
        for number, (split, (identities, images)) in enumerate(self.sizes.items()):
            generate_faces(self.root(split), identities, images, 3 * self.population + number)

    @property
    def num_identities(self) -> int:
        """K, the identities trained on."""
        return self.sizes["train"][0]

    def training_faces(self) -> TrainingFaces:
        """All faces of the training identities."""
        index = index_faces(self.root("train"))
        return self.show(FaceRows(index.root, index.paths(), index.labels()))

    def validation_sets(self) -> list[EvaluationSet]:
        """Pairs of the validation identities."""
        return [self._pairs("val", "held_out")]

    def evaluation_sets(self, stage: str) -> list[EvaluationSet]:
        """The test sets asked for, else pairs of the test identities."""
        return super().evaluation_sets(stage) or [self._pairs("test", "generated")]

    def _pairs(self, split: str, name: str) -> EvaluationSet:
        index = index_faces(self.root(split))
        pairs = sample_pairs(index.paths(), index.labels(), self.pairs, FOLDS, seed=0)
        return MaskedPairs(name, pairs, index.root, self.maskings[split], aligned=True)
