"""Aligned copies of a test set's pictures, made on first use and kept in the cache.

The folder of the copies has a name that depends on the pictures' names, sizes and times of modification: where one is
changed, all are made anew. Which copies are there is all that is recorded, so a kill costs the last few only:
`found/<name>.png` is an aligned face, `not_found/<name>.png` the centre of a picture on which no face was found.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pytorch_lightning.utilities import rank_zero_info

from maskrec.data.alignment import SIZE, FaceDetector, align
from maskrec.data.images import fit_image, read_image, write_png
from maskrec.data.index import cache_folder
from maskrec.data.records import file_of
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track

VERSION = 1  # raise when faces are aligned otherwise
CHUNK = 32  # pictures a process takes at a time
NAMED = 3  # pictures without a face that are named
FOUND, NOT_FOUND = "found", "not_found"


class AlignedFaces(NamedTuple):
    """Where aligned faces lie.

    Args:
        root: The folder they lie below.
        paths: (N,) each face.
        not_found: Names of the pictures no face was found on: these are cut from the centre.
    """

    root: Path
    paths: list[str]
    not_found: list[str]


def aligned_faces(root: Path, names: Sequence[str], aligned: bool | None = None) -> AlignedFaces:
    """The faces of some pictures, aligned where they are not.

    Args:
        root: The folder.
        names: (N,) pictures below it.
        aligned: Whether they are aligned already; None: they are where all are 112 x 112.

    Raises:
        UserError: A picture is missing or broken, or the cache cannot be written.
    """
    sources = [os.path.join(root, name) for name in names]
    if aligned:
        return AlignedFaces(root, sources, [])
    folder = cache_folder() / f"aligned-{_digest(root, names, sources)}"
    try:
        if aligned is None and _are_aligned(sources, folder.with_suffix(".none")):
            return AlignedFaces(root, sources, [])
        _align_missing(folder, names, sources)
    except OSError as error:
        raise UserError(f"aligned faces {folder}: {error.strerror}; what was aligned is kept") from error
    except BrokenProcessPool as error:
        raise UserError(f"aligned faces {folder}: a process was killed (memory?); start again, it goes on") from error
    found = [_copy(folder, FOUND, name) for name in names]
    is_found = [path.is_file() for path in found]
    paths = [
        path if is_there else _copy(folder, NOT_FOUND, name)
        for path, is_there, name in zip(found, is_found, names, strict=True)
    ]
    not_found = [name for name, is_there in zip(names, is_found, strict=True) if not is_there]
    _say_once(folder, root, len(names), tuple(not_found))
    return AlignedFaces(folder, [str(path) for path in paths], not_found)


@cache
def _say_once(folder: Path, root: Path, count: int, not_found: tuple[str, ...]) -> None:
    line = f"{count:,} faces below {root} were aligned, into {folder}"
    if not_found:
        first = ", ".join(not_found[:NAMED]) + (", ..." if len(not_found) > NAMED else "")
        line += f"; on {len(not_found):,} pictures no face was found, their centres stand in: {first}"
    rank_zero_info(line)


def _digest(root: Path, names: Sequence[str], sources: Sequence[str]) -> str:
    try:
        stamps = [(found.st_size, found.st_mtime_ns) for found in map(os.stat, map(file_of, sources))]
    except OSError as error:
        raise UserError(f"image {error.filename}: {error.strerror}") from error
    content = repr((VERSION, os.fspath(root.resolve()), sorted(zip(names, stamps, strict=True))))  # whoever is held out
    return hashlib.sha256(os.fsencode(content)).hexdigest()[:16]


def _are_aligned(sources: Sequence[str], record: Path) -> bool:
    """Whether all pictures have the template's size; that they do is recorded."""
    if record.is_file():
        return True
    if not _has_size(sources[0]):
        return False
    with ThreadPoolExecutor() as pool:  # OpenCV lets go of the interpreter while it decodes
        if not all(track(pool.map(_has_size, sources), "looking at sizes", total=len(sources))):
            return False
    record.parent.mkdir(parents=True, exist_ok=True)
    record.touch()
    return True


def _has_size(path: str) -> bool:
    return read_image(path).shape[:2] == (SIZE, SIZE)


def _copy(folder: Path, kind: str, name: str) -> Path:
    return folder / kind / f"{name}.png"


def _align_missing(folder: Path, names: Sequence[str], sources: Sequence[str]) -> None:
    missing = [
        (name, source)
        for name, source in zip(names, sources, strict=True)
        if not any(_copy(folder, kind, name).is_file() for kind in (FOUND, NOT_FOUND))
    ]
    if not missing:
        return
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    with process_pool(begin=in_silence) as pool:
        work = [pool.submit(_align, folder, chunk) for chunk in chunks]
        try:
            for done in track(as_completed(work), "aligning faces", total=len(work)):
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# In the processes.


@cache
def _detector() -> FaceDetector:
    return FaceDetector()


def _align(folder: Path, pictures: Sequence[tuple[str, str]]) -> None:
    for name, source in pictures:
        image = read_image(source)
        points = _detector().detect(image)
        face = fit_image(image, (SIZE, SIZE)) if points is None else align(image, points)
        copy = _copy(folder, NOT_FOUND if points is None else FOUND, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with replacing(copy) as partial:
            write_png(partial, face)
