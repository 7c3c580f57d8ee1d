"""Generated faces on disk, `<identity>/<image>.jpg`, drawn once."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import as_completed
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import Progress

from maskrec.data.generated.faces import FACE_SIZE, draw_face, face_landmarks
from maskrec.data.landmarks import FILE, Status, list_pictures, read_landmarks, write_table
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.masking.layout import NUM_LANDMARKS
from maskrec.processes import process_pool

VERSION = 1  # raise whenever a seed gives another picture
QUALITY = 95  # JPEG: differs from what was drawn by less than the camera's noise
RECIPE = "recipe.json"


def generate_faces(root: Path, identities: int, images: int, seed: int) -> None:
    """Draw what is not there yet, on all cores; an identity is there whole or not at all.

    Beside the folders of the identities lie their exact landmarks, as `maskrec landmarks` would write detected ones.

    Args:
        root: The folder; made, and gone on with where an earlier run was stopped.
        identities: Numbered from 0.
        images: Pictures of each.
        seed: Seed of the population.

    Raises:
        UserError: The folder holds something else, or cannot be written to.
    """
    recipe = {"version": VERSION, "identities": identities, "images": images, "seed": seed}
    try:
        _check_recipe(root, recipe)
        if not list(_missing(root, identities, images)) and _has_landmarks(root, identities, images):
            return
        root.mkdir(parents=True, exist_ok=True)
        with replacing(root / RECIPE) as partial:
            partial.write_text(json.dumps(recipe))
        _draw_all(root, identities, images, seed)
    except OSError as error:
        raise UserError(f"generated faces {root}: {error.strerror}; MASKREC_CACHE names the folder") from error


def _check_recipe(root: Path, recipe: dict[str, int]) -> None:
    """Leave alone what this version did not draw."""
    if not root.exists():
        return
    advice = "remove the folder, and they are drawn anew"
    try:
        found = json.loads((root / RECIPE).read_text())
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"generated faces {root}: no readable {RECIPE}; {advice}") from error
    for key, value in recipe.items():
        if found.get(key) != value:
            raise UserError(f"generated faces {root}: {key} is {found.get(key)}, not {value}; {advice}")


def _missing(root: Path, identities: int, images: int) -> Iterator[int]:
    """The identities of which a picture is not there."""
    names = {file_name(image) for image in range(images)}
    for identity in range(identities):
        try:
            if not names.issubset(os.listdir(root / folder_name(identity))):
                yield identity
        except FileNotFoundError:
            yield identity


def _has_landmarks(root: Path, identities: int, images: int) -> bool:
    """Whether every picture has its landmarks, of the picture as it is."""
    names = [os.path.join(folder_name(i), file_name(j)) for i in range(identities) for j in range(images)]
    try:
        read_landmarks(root, [os.path.join(root, name) for name in names])
    except UserError:
        return False
    return True


def folder_name(identity: int) -> str:
    """An identity's folder: sorted by name they are sorted by number."""
    return f"{identity:07d}"


def file_name(image: int) -> str:
    """A picture's file."""
    return f"{image:04d}.jpg"


def _draw_all(root: Path, identities: int, images: int, seed: int) -> None:
    missing = set(_missing(root, identities, images))
    landmarks = np.empty((identities, images, NUM_LANDMARKS, 2), dtype=np.float32)
    with Progress(transient=True) as progress, process_pool() as pool:
        bar = progress.add_task(f"drawing {len(missing) * images:,} faces", total=identities)
        work = {
            pool.submit(_draw_identity, root if identity in missing else None, identity, images, seed): identity
            for identity in range(identities)
        }
        try:
            for done in as_completed(work):
                landmarks[work[done]] = done.result()
                progress.advance(bar)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    table = list_pictures(root)
    table["points"], table["shape"] = landmarks.reshape(-1, NUM_LANDMARKS, 2), FACE_SIZE
    table["status"] = Status.FOUND
    write_table(root / FILE, table)


def _draw_identity(root: Path | None, identity: int, images: int, seed: int) -> npt.NDArray[np.float32]:
    """The landmarks of an identity's pictures; the pictures too, where a folder for them is given."""
    if root is None:
        return np.array([face_landmarks(seed, identity, image) for image in range(images)], dtype=np.float32)
    folder = root / folder_name(identity)
    partial = root / f".{folder.name}-{secrets.token_hex(4)}"  # hidden: passed over by an index
    landmarks = []
    try:
        partial.mkdir()
        for image in range(images):
            picture, marks = draw_face(seed, identity, image)
            _, content = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            (partial / file_name(image)).write_bytes(content.tobytes())
            landmarks.append(marks)
        shutil.rmtree(folder, ignore_errors=True)  # one that lost a picture
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return np.array(landmarks, dtype=np.float32)
