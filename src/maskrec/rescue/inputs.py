"""What a rescue is given, looked at before any work: the weights, the faces to learn from, the sets to test on."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from maskrec.backbones import create_backbone, read_weights
from maskrec.backbones.weights import backbone_keys, innermost, trained_input_size
from maskrec.data.images import SUFFIXES
from maskrec.errors import UserError
from maskrec.weight_files import find_weights, read_file

OTHER_KIND = {"class_path": "maskrec.masking.KPSYN"}  # what is put on in tests: `experiments/rescue.yaml` has it not
HELD_OUT, LEAST_HELD_OUT = 0.05, 20  # share of the identities, and how many at least while half are left to learn from
# What a folder to test on is known by: these lie in it.
LAYOUTS = (
    (("mfr2_labels.txt", "pairs.txt"), "MFR2", False),
    (("AFDB_masked_face_dataset", "AFDB_face_dataset"), "RMFD", False),
    (("masked", "unmasked"), "MaskedUnmasked", False),
    (("pairs.txt",), "LFW", True),
)
TestSet = dict[str, Any]
"""A set to test on, as a configuration names it."""


class Recogniser(NamedTuple):
    """A weight file and the network it is of."""

    weights: Path
    backbone: str
    embedding_dim: int
    input_size: tuple[int, int]
    """(height, width) in pixels."""


def read_recogniser(weights: str, name: str, input_size: Sequence[int] | None = None) -> Recogniser:
    """Find out what else there is to know of a recogniser; whether its file can be written anew is looked at, too.

    Args:
        weights: The file.
        name: Of the backbone.
        input_size: (height, width); default: what the file tells, else 112 x 112.

    Raises:
        UserError: The file cannot be read, or is not all of such a network.
    """
    path, state = find_weights(weights), read_weights(weights)
    height, width = input_size or trained_input_size(state) or (112, 112)
    smallest = create_backbone(name, 1, input_size=(height, width))
    given, expected = smallest.adapt_state(state), smallest.state_dict()
    # The embedding's layers are all that differ from the network of one dimension: D where that has 1.
    wider = (given[key].shape for key in expected if key in given and given[key].shape != expected[key].shape)
    shape = next(wider, (1,))
    backbone = create_backbone(name, shape[0], path, (height, width))
    named = set(backbone_keys(innermost(read_file(path)), backbone).values())
    lacking = [key for key in backbone.state_dict() if key not in named and not key.endswith("num_batches_tracked")]
    if lacking:
        raise UserError(
            f"weights {path}: has no '{lacking[0]}', so nothing could be written there; expected a recogniser with its"
            " embedding"
        )
    return Recogniser(path, name, shape[0], (height, width))


def are_labelled(faces: Path) -> bool:
    """Whether a folder holds `<identity>/<image>`, or pictures of nobody knows whom.

    Raises:
        UserError: It is missing, holds both, or neither.
    """
    folders, pictures = _content(faces, "--faces")
    if folders and pictures:
        raise UserError(
            f"--faces {faces}: holds folders and pictures ({folders[0]}, {pictures[0]}); expected"
            " <identity>/<image>, or pictures alone"
        )
    if not folders and not pictures:
        raise UserError(f"--faces {faces}: is empty; expected <identity>/<image>, or pictures alone")
    return bool(folders)


def held_out_share(faces: Path) -> float:
    """Share of the identities that are kept to test on.

    Raises:
        UserError: There are fewer than four.
    """
    identities = len(_content(faces, "--faces")[0])
    if identities < 4:
        raise UserError(f"--faces {faces}: {identities} identities are too few to hold some out; say --eval FOLDER")
    return math.ceil(max(HELD_OUT * identities, min(LEAST_HELD_OUT, identities / 2))) / identities


def held_out_set(faces: Path, share: float) -> TestSet:
    """The identities that are not trained on, with masks of another kind."""
    return _holdout(faces, "held_out", share)


def test_sets(folders: Sequence[Path]) -> list[TestSet]:
    """The sets in some folders, each known by what lies in it.

    Raises:
        UserError: A folder is missing or of no known layout, or two are of one name.
    """
    found = [_test_set(folder) for folder in folders]
    names = [of["init_args"]["name"] for of in found]
    if len(set(names)) < len(names):
        raise UserError(f"--eval: {', '.join(names)} are not all different names; rename a folder")
    return found


def _test_set(folder: Path) -> TestSet:
    folders, pictures = _content(folder, "--eval")
    for marks, name, takes_masks in LAYOUTS:
        if all((folder / mark).exists() for mark in marks):
            named = _plain(folder.resolve().name) if name == "MaskedUnmasked" else name.lower()
            options = {"root": str(folder), "name": named} | ({"masking": OTHER_KIND} if takes_masks else {})
            return {"class_path": f"data_modules.{name}", "init_args": options}
    if folders and not pictures:
        return _holdout(folder, _plain(folder.resolve().name), share=1.0)
    known = "; ".join(f"{name}: {' and '.join(marks)}" for marks, name, _ in LAYOUTS)
    raise UserError(f"--eval {folder}: expected <identity>/<image> folders, or one of: {known}")


def _holdout(root: Path, name: str, share: float) -> TestSet:
    faces = {"class_path": "data_modules.FaceFolder", "init_args": {"root": str(root), "held_out": share}}
    faces["init_args"] |= {"aligned": None}  # type: ignore[operator]
    options = {"name": name, "pairs": 3000, "masking": OTHER_KIND, "faces": faces}
    return {"class_path": "data_modules.Holdout", "init_args": options}


def _content(folder: Path, option: str) -> tuple[list[str], list[str]]:
    """Names of the folders and of the pictures in a folder, sorted; what is hidden is passed over."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"{option} {folder}: {error.strerror}; expected a folder of faces") from error
    pictures = [name for name, is_folder in found if not is_folder and name.lower().endswith(SUFFIXES)]
    return [name for name, is_folder in found if is_folder], pictures


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name) or "faces"
