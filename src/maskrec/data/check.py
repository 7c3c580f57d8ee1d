"""Reading every picture once before training, so that a broken one is no surprise hours later."""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from maskrec.data.images import read_image
from maskrec.data.index import cache_folder, expect_folder, find_pictures
from maskrec.data.records import describe, file_of
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.progress import track

log = logging.getLogger(__name__)

Broken = Literal["error", "skip"]


class LabelledFaces(NamedTuple):
    """Pictures and the numbers of their identities, 0 to K - 1."""

    paths: list[str]
    labels: npt.NDArray[np.int64]

    @property
    def num_identities(self) -> int:
        """K."""
        return int(self.labels[-1]) + 1 if len(self.labels) else 0

    def first(self, identities: int | None) -> "LabelledFaces":
        """The faces of the first so many identities, of all by default."""
        return self.of_identities(np.arange(self.num_identities)[:identities])

    def of_identities(self, identities: npt.NDArray[np.int64]) -> "LabelledFaces":
        """The faces of some identities, numbered anew in their order."""
        return self.of_rows(np.isin(self.labels, identities))

    def of_rows(self, kept: npt.NDArray[np.bool_]) -> "LabelledFaces":
        """Some of the faces, (N,) bool, their identities numbered anew."""
        labels = np.unique(self.labels[kept], return_inverse=True)[1].astype(np.int64)
        return LabelledFaces([self.paths[row] for row in np.flatnonzero(kept)], labels)


def with_masked_copy(faces: LabelledFaces, root: Path, copy: Path) -> LabelledFaces:
    """Those of the faces below a folder that its masked copy has; an identity that has none left goes too.

    Raises:
        UserError: The copy is not there, or has none of them.
    """
    expect_folder(copy, f"a masked copy: maskrec mask {root} {copy} --kind nist --detectable")
    has_copy = {os.fsdecode(name) for name, _, _ in find_pictures(copy)}
    kept = np.array([path.removeprefix(f"{root}/") in has_copy for path in faces.paths])
    if not kept.any():
        raise UserError(f"masked copy {copy}: has none of the {len(kept):,} pictures below {root}")
    return faces.of_rows(kept)


def faces_by_name(folder: Path, pattern: str, tree: str) -> LabelledFaces:
    """The pictures below a folder whose names say who they show.

    Args:
        folder: The folder.
        pattern: What fits a picture's name below it; its one group is the identity. Other pictures are passed over.
        tree: What should lie there, for messages.

    Raises:
        UserError: The folder is missing, or holds no such picture.
    """
    expect_folder(folder, tree)
    names = [os.fsdecode(name) for name, _, _ in find_pictures(folder)]
    found = [(name, fits[1]) for name in names if (fits := re.fullmatch(pattern, name))]
    if not found:
        raise UserError(f"data root {folder}: none of its {len(names):,} pictures is named as expected: {tree}")
    return labelled_faces(folder, *zip(*found, strict=True))


def labelled_faces(folder: Path, names: Sequence[str], people: Sequence[str]) -> LabelledFaces:
    """Pictures below a folder, (N,), and who they show, (N,), in the order of identities."""
    labels = np.unique(people, return_inverse=True)[1].astype(np.int64)
    order = labels.argsort(kind="stable")
    return LabelledFaces([os.path.join(folder, names[row]) for row in order], labels[order])


def readable_faces(faces: LabelledFaces, broken: Broken) -> LabelledFaces:
    """Those of the faces whose picture can be read; each is read once, and the outcome kept in the cache.

    Args:
        faces: All of them.
        broken: What to do about pictures that cannot be read: stop, or name them and leave them out. An identity
            that has none left goes too.

    Raises:
        UserError: Pictures cannot be read and `broken` is `error`.
    """
    unreadable = _unreadable(faces.paths)
    if not unreadable:
        return faces
    if broken == "error":
        raise UserError(
            f"{len(unreadable)} of {len(faces.paths)} pictures cannot be read, the first {describe(unreadable[0])}:"
            " mend or remove them, or say data.broken skip"
        )
    log.warning("left out %d broken pictures: %s", len(unreadable), ", ".join(map(describe, unreadable)))
    return faces.of_rows(~np.isin(np.array(faces.paths), unreadable))


def _unreadable(paths: Sequence[str]) -> list[str]:
    """The broken pictures, from the record of an earlier check of the same files where there is one."""
    record = cache_folder() / f"checked-{_digest(paths)}.txt"
    with contextlib.suppress(OSError):
        return record.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    with ThreadPoolExecutor() as pool:  # OpenCV lets go of the interpreter while it decodes
        outcomes = track(pool.map(_is_readable, paths), "Checking pictures", total=len(paths))
        broken = [path for path, is_readable in zip(paths, outcomes, strict=True) if not is_readable]
    _write_record(record, broken)
    return broken


def _digest(paths: Sequence[str]) -> str:
    """Of the pictures as they are now: one that was mended, or broken, is another."""
    here = "" if paths and paths[0].startswith(os.sep) else Path.cwd()
    digest, stamps = hashlib.sha256(os.fsencode(here)), dict[str, tuple[int, int] | None]()
    for path in paths:
        file = file_of(path)
        if file not in stamps:
            stamps[file] = _stamp(Path(file))
        digest.update(os.fsencode(f"{path}\0{stamps[file]}\0"))
    return digest.hexdigest()[:16]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _is_readable(path: str) -> bool:
    try:
        read_image(path)
    except UserError:
        return False
    return True


def _write_record(record: Path, broken: Sequence[str]) -> None:
    """A record that cannot be written costs time only."""
    with contextlib.suppress(OSError):
        record.parent.mkdir(parents=True, exist_ok=True)
        with replacing(record) as partial:
            partial.write_text("\n".join(broken), encoding="utf-8", errors="surrogateescape")
