"""What generated faces are worth: whether a detector takes them for faces, and whether the task they set is real."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from maskrec.data.detection import face_mesh
from maskrec.data.generated.faces import draw_face
from maskrec.data.images import write_png
from maskrec.data.pairs import sample_pairs
from maskrec.errors import UserError
from maskrec.evaluation.metrics import kfold_accuracy
from maskrec.masking.base import Points
from maskrec.masking.layout import LEFT_EYE, RIGHT_EYE
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

POPULATION, IDENTITIES, IMAGES = 2, 60, 10  # the quickstart's test faces
SHEET = (10, 8)  # identities, pictures of each
THUMBNAIL = 8  # pixels
DLIB = slice(0, 68)
CHUNK = 32  # faces a process takes at a time


def measure(results: Path, picture: Path) -> Iterator[str]:
    """Four properties, one line each, with what is aimed at; then the name of a picture to look at.

    Args:
        results: The results.json of a recogniser trained without masks.
        picture: A .png file to write.

    Raises:
        UserError: There are no such results, or the picture cannot be written.
    """
    unmasked, masked = lower_face(results)
    drawn = [
        draw_face(POPULATION, identity, image)
        for identity in track(range(IDENTITIES), "drawing")
        for image in range(IMAGES)
    ]
    images, labels = [image for image, _ in drawn], np.repeat(np.arange(IDENTITIES), IMAGES)
    found, error = detection(drawn)
    yield f"found by FaceMesh          {found:.1%} of {len(drawn)} (aim: at least 97 %)"
    yield f"median landmark error      {error:.1%} of the distance between the eyes (aim: at most 6 %)"
    yield f"verified by 8x8 thumbnails {thumbnail_accuracy(images, labels):.3f} (aim: below 0.70)"
    yield f"lower face                 unmasked_unmasked {unmasked:.3f}, unmasked_masked {masked:.3f} ({results})"
    rows, columns = SHEET
    sheet = np.vstack([np.hstack(images[row * IMAGES : row * IMAGES + columns]) for row in range(rows)])
    write_png(picture, sheet)
    yield f"to look at                 {picture}: an identity a row"


def lower_face(results: Path) -> tuple[float, float]:
    """Accuracy of a recogniser, trained without masks, on unmasked and on masked probes."""
    try:
        protocols = json.loads(results.read_text())["protocols"]
        unmasked, masked = (protocols[f"generated/unmasked_{kind}"]["accuracy"] for kind in ("unmasked", "masked"))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{results}: no results on generated faces; `make exp NAME=cosface_generated` makes them"
        ) from error
    return unmasked, masked


def detection(faces: Sequence[tuple[Image, Array]]) -> tuple[float, float]:
    """The share FaceMesh finds, and the median distance of its landmarks from the true ones.

    Args:
        faces: Pictures with their landmarks.

    Returns:
        Share; median over dlib's 68 landmarks, in units of the distance between the centres of the eyes.
    """
    errors = []
    # In processes of their own: once FaceMesh ran here, it could not in a process forked later.
    with process_pool(None, in_silence) as pool:
        detected = pool.map(_detect, [image for image, _ in faces], chunksize=CHUNK)
        for points, (_, true) in zip(track(detected, "detecting", len(faces)), faces, strict=True):
            if points is not None:
                between_eyes = np.linalg.norm(true[RIGHT_EYE].mean(axis=0) - true[LEFT_EYE].mean(axis=0))
                errors.append(np.linalg.norm((points - true)[DLIB], axis=1) / between_eyes)
    return len(errors) / len(faces), float(np.median(errors)) if errors else float("nan")


def _detect(image: Image) -> Points | None:
    return face_mesh().detect(image)


def thumbnail_accuracy(images: Sequence[Image], labels: npt.NDArray[np.int64], pairs: int = 2500) -> float:
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
    return max(kfold_accuracy(torch.from_numpy(score), genuine, fold)[0] for score in scores)
