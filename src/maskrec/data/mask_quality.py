"""`maskrec quality`: what masks are worth, counted over many faces."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maskrec.data.detection import face_mesh
from maskrec.data.generated.faces import draw_face
from maskrec.data.images import read_image
from maskrec.data.landmarks import list_pictures, read_landmarks
from maskrec.errors import UserError
from maskrec.masking.base import Face, MaskTransform, Points, unmirrored
from maskrec.masking.quality import fit_of
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track

POPULATION, IMAGES = 97, 4  # generated faces nobody trains on; pictures of each identity
GENERATED = 2000  # faces, where no other number is asked for
CHUNK = 32  # faces a process takes at a time
EYES_FREE, COVERED, STILL_FOUND = 0.995, 0.99, 0.60  # aimed at; FaceMesh finds 63 % of real masked faces


class Place(NamedTuple):
    """Where a face comes from: a file and its landmarks, or the number of a generated one."""

    number: int
    path: str | None = None
    landmarks: Points | None = None


def measure_masks(
    kinds: dict[str, MaskTransform], root: Path | None = None, faces: int | None = None, seed: int = 0
) -> Iterator[str]:
    """What each kind of mask does to faces, line by line, with what is aimed at.

    Args:
        kinds: By the name to be printed.
        root: A folder on which `maskrec landmarks` was run; its faces without landmarks are left out, and counted.
            Without it faces are generated, whose landmarks are known.
        faces: How many, evenly out of the folder; default: all of the folder, or 2,000 generated ones.
        seed: Of the masks.

    Raises:
        UserError: The folder has no pictures or no landmarks, or a picture is broken.
    """
    if root is None:
        places = [Place(number) for number in range(faces or GENERATED)]
        yield f"{len(places):,} generated faces"
    else:
        places, without = _places(root)
        yield f"{len(places):,} faces of {root}; {without:,} without landmarks left out"
        if faces is not None and faces < len(places):
            places = [places[row] for row in np.linspace(0, len(places) - 1, faces).round().astype(int)]
            yield f"{faces:,} of them looked at"
    chunks = [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]
    with process_pool(None, in_silence) as pool:
        work = [pool.submit(_count, kinds, chunk, seed) for chunk in chunks]
        try:
            counts = [done.result() for done in track(work, "masking", total=len(work))]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    shares = np.sum(counts, axis=0) / len(places)
    for name, (free, covered, changed, kept, found) in zip(kinds, shares.tolist(), strict=True):
        yield name
        yield f"  eyes free                {free:.2%} (aim: at least {EYES_FREE:.1%})"
        yield f"  nose and mouth covered   {covered:.2%} (aim, of full masks: at least {COVERED:.0%})"
        yield f"  changed outside region   {round(changed * len(places))} faces (aim: none)"
        still_found = kept / found if found else 0.0
        yield f"  still found by FaceMesh  {still_found:.1%} of those found without (aim: at least {STILL_FOUND:.0%})"


def _places(root: Path) -> tuple[list[Place], int]:
    """The faces of a folder that have landmarks, and how many have none."""
    paths = [os.path.join(root, os.fsdecode(name)) for name in list_pictures(root)["name"]]
    landmarks = read_landmarks(root, paths)
    rows = np.flatnonzero(~landmarks.is_fallback).tolist()
    if not rows:
        raise UserError(f"data root {root}: none of its {len(paths):,} pictures has landmarks to put a mask by")
    places = [Place(row, paths[row], landmarks.points[landmarks.records[row]]) for row in rows]
    return places, len(paths) - len(rows)


# In the processes.


def _face(place: Place) -> Face:
    if place.path is None or place.landmarks is None:
        image, landmarks = draw_face(POPULATION, *divmod(place.number, IMAGES))
        return image, landmarks.astype(np.float32)
    return read_image(place.path), place.landmarks


def _count(kinds: dict[str, MaskTransform], places: list[Place], seed: int) -> npt.NDArray[np.float64]:
    """(kinds, 5): eyes free, covered, changed outside, found with and without the mask; numbers of faces."""
    counts = np.zeros((len(kinds), 5))
    for place in places:
        image, landmarks = _face(place)
        landmarks = unmirrored(landmarks)
        is_found = face_mesh().detect(image) is not None
        for row, kind in enumerate(kinds.values()):
            parameters = kind.sample(np.random.default_rng((seed, row, place.number)))
            masked, region = kind.render(image, landmarks, parameters)
            fit = fit_of(image, landmarks, masked, region)
            is_kept = is_found and face_mesh().detect(masked) is not None
            counts[row] += (fit.eyes_free, fit.covered, not fit.unchanged_outside, is_kept, is_found)
    return counts
