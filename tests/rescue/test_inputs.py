"""What a rescue is given is looked at before any work; what is wrong is one line."""

from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from maskrec.backbones import create_backbone
from maskrec.cli import main
from maskrec.errors import UserError
from maskrec.rescue.inputs import are_labelled, held_out_share, read_recogniser
from maskrec.rescue.inputs import test_sets as sets_in


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny MobileFaceNet as public code writes one."""
    state = create_backbone("mobilefacenet", 8, input_size=(32, 32)).state_dict()
    file = tmp_path / "tiny.ckpt"
    torch.save({"epoch": 3, "net_state_dict": OrderedDict((f"module.{k}", v) for k, v in state.items())}, file)
    return file


def picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.zeros((112, 112, 3), dtype=np.uint8))


def test_a_weight_file_tells_dimension_and_size(weights: Path, tmp_path: Path) -> None:
    assert read_recogniser(str(weights), "mobilefacenet") == (weights, "mobilefacenet", 8, (32, 32))
    other = tmp_path / "resnet.pt"
    torch.save(create_backbone("resnet10t", 24, input_size=(64, 64)).state_dict(), other)
    assert read_recogniser(str(other), "resnet10t", [64, 64])[2:] == (24, (64, 64))


def test_a_trunk_without_embedding_could_not_be_written(tmp_path: Path) -> None:
    state = create_backbone("resnet10t", 24).state_dict()
    trunk = {key.removeprefix("trunk."): value for key, value in state.items() if key.startswith("trunk.")}
    torch.save(trunk, tmp_path / "trunk.pt")
    with pytest.raises(UserError, match=r"has no 'embedding\.0\.weight'.*with its embedding"):
        read_recogniser(str(tmp_path / "trunk.pt"), "resnet10t")


def test_sets_are_known_by_what_lies_in_them(tmp_path: Path) -> None:
    for mark in ("lfw/A/a.jpg", "lfw/pairs.txt", "r/AFDB_masked_face_dataset/x/1.jpg", "r/AFDB_face_dataset/x/1.jpg"):
        picture(tmp_path / mark) if mark.endswith("jpg") else (tmp_path / mark).touch()
    for mark in (
        "mfr2/A/A_0001.png",
        "my set/masked/a/1.jpg",
        "my set/unmasked/a/2.jpg",
        "folk/a/1.jpg",
        "folk/b/1.jpg",
    ):
        picture(tmp_path / mark)
    for mark in ("pairs.txt", "mfr2_labels.txt"):
        (tmp_path / "mfr2" / mark).touch()
    found = sets_in([tmp_path / name for name in ("lfw", "r", "mfr2", "my set", "folk")])
    assert [of["class_path"] for of in found] == [
        f"data_modules.{name}" for name in ("LFW", "RMFD", "MFR2", "MaskedUnmasked", "Holdout")
    ]
    assert [of["init_args"]["name"] for of in found] == ["lfw", "rmfd", "mfr2", "my_set", "folk"]
    assert ["masking" in of["init_args"] for of in found] == [True, False, False, False, True]
    with pytest.raises(UserError, match="not all different names"):
        sets_in([tmp_path / "lfw", tmp_path / "lfw"])
    with pytest.raises(UserError, match=r"expected <identity>/<image> folders, or one of: MFR2"):
        sets_in([tmp_path / "folk" / "a"])


def test_identities_held_out(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
    assert held_out_share(tmp_path) == 0.2  # 20 at least
    for number in range(100, 1000):
        (tmp_path / f"{number}").mkdir()
    assert held_out_share(tmp_path) == 0.05
    assert are_labelled(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--weights": "none.ckpt"}, "weights none.ckpt: no such file"),
        ({"--backbone": "resnet10t"}, "do not fit TimmBackbone"),
        ({"--backbone": "mobilefacenets"}, "no backbone is called 'mobilefacenets'; did you mean mobilefacenet"),
        ({"--faces": "nowhere"}, "--faces nowhere: No such file or directory"),
        ({"--faces": "empty"}, "--faces empty: is empty"),
        ({"--faces": "mixed"}, "--faces mixed: holds folders and pictures (a, b.jpg)"),
        ({"--faces": "few"}, "--faces few: 2 identities are too few"),
        ({"--faces": "flat"}, "--faces flat: without identities none can be held out to test on"),
        ({"--faces": "single"}, "single: who is held out gives no genuine and impostor pairs"),
        ({"--eval": "FACES"}, "is what is learnt from; leave it out"),
        ({"--eval": "nowhere"}, "--eval nowhere: No such file or directory"),
        ({"--eval": "flat"}, "--eval flat: expected <identity>/<image> folders, or one of"),
        ({"--minutes": "0"}, "minutes"),
        ({"--minuts": "3"}, "minuts"),
        ({"--model.init_args.masked_weight": "-1"}, "expected weights of at least 0"),
        ({"--model.init_args.maskd_weight": "1"}, "maskd_weight"),
    ],
)
def test_bad_input_is_one_line(
    changes: dict[str, str],
    message: str,
    weights: Path,
    faces: Path,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for file in ("mixed/a/1.jpg", "mixed/b.jpg", "few/a/1.jpg", "few/b/1.jpg", "flat/1.jpg"):
        picture(workplace / file)
    for number in range(40):
        picture(workplace / "single" / str(number) / "1.jpg")
    (workplace / "empty").mkdir()
    given = {"--weights": str(weights), "--backbone": "mobilefacenet", "--faces": str(faces)} | changes
    given = {option: str(faces) if value == "FACES" else value for option, value in given.items()}
    assert main(["rescue", *(word for pair in given.items() for word in pair)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not (workplace / "runs").exists()
