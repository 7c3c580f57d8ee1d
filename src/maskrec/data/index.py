"""Folders of identities, `<identity>/<image>`, listed once and kept.

The list lies in a cache (`MASKREC_CACHE`, default `~/.cache/maskrec`). A later start compares the modification
time of every identity's folder, which changes with each file added or taken away, and lists only what changed.
"""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskrec.data.images import SUFFIXES
from maskrec.errors import UserError, missing
from maskrec.files import replacing

FORMAT = 1  # raise when the cached layout changes
LAYOUT = "<identity>/<image> folders"
SYSTEM_FILES = frozenset({"Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class FaceIndex:
    """The pictures of a folder of identities.

    Args:
        root: The folder.
        identities: Names of the identities, sorted.
        files: Names of the pictures, sorted within an identity, identity after identity.
        counts: (K,) pictures of each identity.
    """

    root: Path
    identities: list[str]
    files: list[str]
    counts: npt.NDArray[np.int64]

    def labels(self) -> npt.NDArray[np.int64]:
        """(N,) the number of each picture's identity."""
        return np.repeat(np.arange(len(self.identities)), self.counts)

    def path(self, row: int, label: int) -> str:
        """The full path of a picture."""
        return os.path.join(self.root, self.identities[label], self.files[row])

    def paths(self) -> list[str]:
        """(N,) the full path of each picture."""
        return [self.path(row, label) for row, label in enumerate(self.labels())]


def cache_folder() -> Path:
    """Where lists of files are kept."""
    return Path(os.environ.get("MASKREC_CACHE") or Path.home() / ".cache" / "maskrec")


def expect_folder(folder: Path, tree: str) -> None:
    """Raise a UserError that says what should lie there, unless the folder can be read."""
    try:
        next(os.scandir(folder), None)
    except OSError as error:
        raise missing(f"data root {folder}", error, tree) from error


def find_pictures(root: Path) -> list[tuple[bytes, int, int]]:
    """Name below the folder, size in bytes and time of modification in nanoseconds of each picture in it, sorted.

    What is hidden, or no picture by its ending, is passed over.

    Raises:
        UserError: The folder is missing, or holds no picture.
    """
    try:
        found = sorted(_scan(os.fspath(root), ""))
    except OSError as error:
        raise missing(f"data root {error.filename}", error, "a folder of pictures") from error
    if not found:
        raise UserError(f"data root {root}: holds no picture ({', '.join(SUFFIXES)})")
    return found


def _scan(folder: str, below: str) -> Iterator[tuple[bytes, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            if entry.is_dir():
                yield from _scan(entry.path, f"{below}{entry.name}/")
            elif entry.name.lower().endswith(SUFFIXES):
                found = entry.stat()
                yield os.fsencode(below + entry.name), found.st_size, found.st_mtime_ns


def index_faces(root: str | Path) -> FaceIndex:
    """List a folder of identities, or take the list from the cache where nothing changed.

    Hidden files and those operating systems leave behind are passed over.

    Raises:
        UserError: The folder is missing or empty, an identity is empty, or a file is no picture by its ending.
    """
    root = Path(root)
    folders, stamps = _identity_folders(root)
    cache = cache_folder() / f"index-{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.npz"
    known = _read_cache(cache)
    listings = [
        known[name][1] if name in known and known[name][0] == stamp else _list_identity(root, name)
        for name, stamp in zip(folders, stamps, strict=True)
    ]
    counts = np.array([len(files) for files in listings], dtype=np.int64)
    index = FaceIndex(root, folders, [name for files in listings for name in files], counts)
    if {name: stamp for name, (stamp, _) in known.items()} != dict(zip(folders, stamps, strict=True)):
        _write_cache(cache, index, stamps)
    return index


def _identity_folders(root: Path) -> tuple[list[str], list[int]]:
    try:
        with os.scandir(root) as entries:
            found = sorted((e.name, e.stat().st_mtime_ns) for e in entries if e.is_dir() and e.name[0] != ".")
    except OSError as error:
        raise missing(f"data root {root}", error, LAYOUT) from error
    if not found:
        raise UserError(f"data root {root}: holds no folder of an identity; expected {LAYOUT}")
    return [name for name, _ in found], [stamp for _, stamp in found]


def _list_identity(root: Path, name: str) -> list[str]:
    # By name alone, as a list: half a million entries with their attributes would cost as much again.
    files = sorted(file for file in os.listdir(f"{root}/{name}") if file[0] != "." and file not in SYSTEM_FILES)
    if not files:
        raise UserError(f"identity {root / name}: holds no picture; remove the folder or fill it")
    stranger = next((file for file in files if not file.lower().endswith(SUFFIXES)), None)
    if stranger is not None:
        raise UserError(f"image {root / name / stranger}: not a picture ({', '.join(SUFFIXES)}); remove it")
    return files


def _read_cache(cache: Path) -> dict[str, tuple[int, list[str]]]:
    """Identity to (modification time, files); empty where there is no readable cache."""
    try:
        with np.load(cache, allow_pickle=False) as content:
            if int(content["format"]) != FORMAT:
                return {}
            names = _split(content["identities"])
            files = _split(content["files"])
            stamps, ends = content["stamps"].tolist(), content["counts"].cumsum().tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    starts = [0, *ends[:-1]]
    return {
        name: (stamp, files[start:end]) for name, stamp, start, end in zip(names, stamps, starts, ends, strict=True)
    }


def _write_cache(cache: Path, index: FaceIndex, stamps: list[int]) -> None:
    """A cache that cannot be written costs time only."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cache) as partial:
            np.savez(
                partial,
                format=np.int64(FORMAT),
                identities=_join(index.identities),
                files=_join(index.files),
                stamps=np.array(stamps, dtype=np.int64),
                counts=index.counts,
            )


def _join(names: Sequence[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(os.fsencode("\0".join(names)), dtype=np.uint8)


def _split(joined: npt.NDArray[np.uint8]) -> list[str]:
    return os.fsdecode(joined.tobytes()).split("\0")
