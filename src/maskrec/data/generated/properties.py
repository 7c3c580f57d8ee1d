"""What generated faces are worth: whether a detector takes them for faces, and whether the task they set is real."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from maskrec.data.generated.faces import draw_face
from maskrec.data.pairs import sample_pairs
from maskrec.errors import UserError
from maskrec.evaluation.metrics import kfold_accuracy
from maskrec.masking.landmarks import FaceMesh
from maskrec.masking.layout import LEFT_EYE, RIGHT_EYE

Image = npt.NDArray[np.uint8]
THUMBNAIL = 8  # pixels


def detection(faces: Sequence[tuple[Image, npt.NDArray[np.float64]]]) -> tuple[float, float]:
    """The share FaceMesh finds, and the median distance of its landmarks from the true ones.

    Args:
        faces: Pictures with their 68 landmarks.

    Returns:
        Share; median over all landmarks, in units of the distance between the centres of the eyes.
    """
    errors = []
    with FaceMesh() as mesh:
        for image, true in track(faces, "detecting", transient=True):
            points = mesh.detect(image)
            if points is not None:
                first, second = (true[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
                errors.append(np.linalg.norm((points - true)[:68], axis=1) / np.linalg.norm(first - second))
    return len(errors) / len(faces), float(np.median(errors)) if errors else float("nan")


def thumbnail_accuracy(images: Sequence[Image], labels: npt.NDArray[np.int64], pairs: int = 3000) -> float:
    """Verification accuracy of what colour and background alone give: 8x8 pixels, the better of two scores.

    The scores are the cosine of the pixels less the mean picture, and the negative distance.
    """
    small = [cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA) for image in images]
    pixels = np.array(small, dtype=np.float64).reshape(len(images), -1)
    centred = pixels - pixels.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    listed = sample_pairs([str(row) for row in range(len(images))], labels, pairs, folds=10, seed=0)
    scores = (
        (centred[listed.reference] * centred[listed.probe]).sum(axis=1),
        -np.linalg.norm(pixels[listed.reference] - pixels[listed.probe], axis=1),
    )
    genuine, fold = torch.from_numpy(listed.is_genuine), torch.from_numpy(listed.fold)
    return max(float(kfold_accuracy(torch.from_numpy(score), genuine, fold)[0]) for score in scores)


def lower_face(results: Path) -> tuple[float, float]:
    """Accuracy of a recogniser trained without masks on unmasked and on masked probes.

    Args:
        results: The results.json of its run.

    Raises:
        UserError: There is none, or it holds no such comparison.
    """
    try:
        protocols = json.loads(results.read_text())["protocols"]
        unmasked, masked = (protocols[f"generated/unmasked_{kind}"]["accuracy"] for kind in ("unmasked", "masked"))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{results}: no results on generated faces; `make exp NAME=quickstart` makes them") from error
    return unmasked, masked


def sheet(population: int, identities: int, images: int) -> Image:
    """A picture of identities, one a row."""
    rows = [np.hstack([draw_face(population, row, image)[0] for image in range(images)]) for row in range(identities)]
    return np.vstack(rows)
