"""A tiny made-up set, for tests: coloured blobs, each identity with its own."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from data_modules.face_folder import FOLDS, FaceFolder
from maskrec.data import EvaluationSet
from maskrec.data.index import cache_folder
from maskrec.masking import DE

SIZE = 112  # pixels
NOISE = 12.0  # grey levels, what the pictures of an identity differ by


class MadeUpFaces(FaceFolder):
    """A FaceFolder over pictures drawn once into the cache; tested, too, on its held-out identities.

    Args:
        identities: Identities, a third of them held out.
        images: Pictures of each.
        **kwargs: As for `FaceDataModule`.
    """

    def __init__(self, identities: int = 18, images: int = 6, **kwargs: Any) -> None:
        root = cache_folder() / f"made-up-{identities}x{images}"
        draw_made_up(root, identities, images)
        super().__init__(str(root), held_out=1 / 3, val_pairs=2 * FOLDS, val_masking=DE(), **kwargs)

    def evaluation_sets(self, stage: str) -> list[EvaluationSet]:
        """The held-out pairs, for test as for validation."""
        return self.validation_sets()


def draw_made_up(root: Path, identities: int, images: int) -> None:
    """Draw `<root>/<identity>/<image>.png` where it is not there yet."""
    for identity in range(identities):
        folder = root / f"identity_{identity:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        for image in range(images):
            path = folder / f"{image:03d}.png"
            if not path.exists():
                cv2.imwrite(str(path), _picture(identity, image))


def _picture(identity: int, image: int) -> npt.NDArray[np.uint8]:
    coarse = np.random.default_rng(identity).uniform(0, 255, (7, 7, 3))
    noise = np.random.default_rng((identity, image)).normal(0, NOISE, (SIZE, SIZE, 3))
    blobs = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(blobs + noise, 0, 255).astype(np.uint8)
