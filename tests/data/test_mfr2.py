"""MFR2 in its published layout, and copies that vary; a test set as the data module of a run."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from conftest import ROOT
from test_evaluation_sets import ASKED, names

from data_modules import MFR2
from maskrec import UserError
from maskrec.cli import main
from maskrec.evaluation import AllPairs, Verification

TINY = [
    *("--config", "experiments/arcface_casia.yaml", "--config", str(ROOT / "tests" / "conf" / "smoke.yaml")),
    *("--data.init_args.image_size=[32,32]", "--data.init_args.batch_size=8", "--name=tiny"),
    *("--model.init_args.backbone=resnet10t", "--model.init_args.embedding_dim=16"),
]


@pytest.fixture
def mfr2(faces: Path) -> Path:
    """Pictures 2 and 4 of each of 6 people wear masks; 6 genuine and 6 impostor pairs."""
    labels, pairs = [], []
    people = [f"Person {letter}" for letter in "ABCDEF"]
    for folder, person in zip(sorted(faces.glob("000*")), people, strict=True):
        (faces / person).mkdir()
        for number, path in enumerate(sorted(folder.glob("*.jpg")), start=1):
            path.rename(faces / person / f"{person}_{number:04d}.jpg")
            labels.append(f"{person}, {number}, {'no-mask' if number % 2 else 'surgical_blue'}")
        folder.rmdir()
        pairs.append(f"{person} 1 2")
    pairs += [f"{one} 1 {other} 1" for one, other in zip(people, people[1:] + people[:1], strict=True)]
    (faces / "mfr2_labels.txt").write_text("\n".join(labels))
    (faces / "pairs.txt").write_text("\n".join(pairs))
    return faces


def test_mfr2(mfr2: Path) -> None:
    faces = MFR2(str(mfr2))
    protocols = faces.evaluation().protocols
    assert set(protocols) == {"as_listed"} | ASKED  # by comparison there are no impostors, or no genuine pairs
    listed = protocols["as_listed"]
    assert isinstance(listed, Verification)
    assert listed.is_genuine.tolist() == [True] * 6 + [False] * 6
    assert names(faces, listed.probe)[:2] == ["Person A_0002", "Person B_0002"]
    assert listed.fold.tolist() == [*range(6), *range(6)]
    shown = faces.faces((112, 112))
    assert [bool(shown[row].is_masked) for row in range(24)] == [False, True] * 12
    table = protocols["unmasked_masked_all"]
    assert isinstance(table, AllPairs)
    assert len(table.reference) == len(table.probe) == 12


def test_mfr2_by_comparison_has_unmasked_faces_first(mfr2: Path) -> None:
    with (mfr2 / "pairs.txt").open("a") as out:
        out.write("\nPerson A 4 Person B 3\nPerson C 2 Person A 3\n")
    faces = MFR2(str(mfr2))
    pairs = faces.evaluation().protocols["unmasked_masked"]
    assert isinstance(pairs, Verification)
    assert names(faces, pairs.reference)[-2:] == ["Person B_0003", "Person A_0003"]
    assert names(faces, pairs.probe)[-2:] == ["Person A_0004", "Person C_0002"]
    assert pairs.is_genuine.tolist() == [True] * 6 + [False] * 2


def test_copies_of_mfr2_vary(mfr2: Path) -> None:
    before = MFR2(str(mfr2)).evaluation().protocols["as_listed"]
    labels = (mfr2 / "mfr2_labels.txt").read_text()
    (mfr2 / "mfr2_labels.txt").write_bytes(
        b"\xef\xbb\xbf" + labels.replace(", ", " ,").replace("no-mask", "No_Mask").replace("\n", "\r\n\r\n").encode()
    )
    (mfr2 / "pairs.txt").write_text((mfr2 / "pairs.txt").read_text().replace(" 1", "\t1").replace("\n", " \n\n"))
    path = mfr2 / "Person A" / "Person A_0001"
    path.with_suffix(".jpg").rename(path.with_suffix(".JPG"))
    faces = MFR2(str(mfr2))
    after = faces.evaluation().protocols["as_listed"]
    assert torch.equal(before.reference, after.reference)  # type: ignore[attr-defined]
    assert faces.is_masked.sum() == 12


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("pairs.txt", "Person A 1", r"pairs.txt, line 13: expected `name 1 2` or .*, got 'Person A 1'"),
        ("pairs.txt", "Person A 1 9", r"pairs.txt, line 13: there is no picture 9 of Person A"),
        ("pairs.txt", "Person A 2 1", r"pairs.txt, line 13: repeats the pair of line 1"),
        (
            "mfr2_labels.txt",
            "Person A, one, cloth",
            r"mfr2_labels.txt, line 25: expected .*, got 'Person A, one, cloth'",
        ),
        ("mfr2_labels.txt", "Person A, 9, cloth", r"mfr2_labels.txt, line 25: there is no picture Person A 9"),
        ("mfr2_labels.txt", "Person A, 1, cloth", r"mfr2_labels.txt, line 25: repeats picture Person A 1"),
    ],
)
def test_bad_lines_of_mfr2_are_named(mfr2: Path, file: str, line: str, message: str) -> None:
    with (mfr2 / file).open("a") as out:
        out.write(f"\n{line}\n")
    with pytest.raises(UserError, match=message):
        MFR2(str(mfr2))


def test_what_mfr2_lacks_is_named(mfr2: Path) -> None:
    labels = (mfr2 / "mfr2_labels.txt").read_text()
    (mfr2 / "mfr2_labels.txt").write_text(labels.replace("Person B, 3, no-mask\n", ""))
    with pytest.raises(UserError, match=r"image .*Person B_0003.jpg: has no line in .*mfr2_labels.txt"):
        MFR2(str(mfr2))
    (mfr2 / "mfr2_labels.txt").unlink()
    with pytest.raises(UserError, match=r"mfr2_labels.txt: No such file"):
        MFR2(str(mfr2))
    (mfr2 / "mfr2_labels.txt").write_text(labels)
    (mfr2 / "pairs.txt").write_text("Person A 1 2\nPerson A 1 Person B 1\n")
    with pytest.raises(UserError, match=r"pairs.txt: needs two genuine and two impostor pairs at least"):
        MFR2(str(mfr2))


def test_a_set_is_a_data_module_of_its_own(workplace: Path, mfr2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in mfr2.rglob("*.jpg"):  # as published: 160 x 160
        cv2.imwrite(str(path), cv2.copyMakeBorder(cv2.imread(str(path)), 24, 24, 24, 24, cv2.BORDER_REPLICATE))
    command = ["test", *TINY, "--data", "MFR2", f"--data.root={mfr2}"]
    done = subprocess.run([sys.executable, "-m", "maskrec", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"24 faces below {mfr2} were aligned" in done.stderr
    run = workplace / "runs" / "tiny" / "latest"
    alone = json.loads((run / "results.json").read_text())["protocols"]
    assert set(alone) == {f"mfr2/{name}" for name in {"as_listed"} | ASKED}
    config = yaml.safe_load((run / "config.yaml").read_text())["data"]
    assert config["class_path"] == "data_modules.MFR2"
    assert config["init_args"]["image_size"] == [32, 32]  # the method's
    assert "batch_size" not in config["init_args"]
    assert not any("discard" in line.lower() for line in done.stderr.splitlines())

    assert main(["test", "--config", str(run / "config.yaml"), "--name=again"]) == 0
    assert json.loads((workplace / "runs" / "again" / "latest" / "results.json").read_text())["protocols"] == alone

    sets = [{"class_path": "data_modules.MFR2", "init_args": {"root": str(mfr2)}}]
    assert main(["test", *TINY, "--name=listed", f"--data.init_args.test_sets={json.dumps(sets)}"]) == 0
    assert json.loads((workplace / "runs" / "listed" / "latest" / "results.json").read_text())["protocols"] == alone

    capsys.readouterr()
    assert main(["test", *TINY, "--data=MFR2", "--data.root=nowhere"]) == 2
    assert "error: data root nowhere: No such file or directory" in capsys.readouterr().err
    assert main(["fit", *TINY, "--data=MFR2", f"--data.root={mfr2}"]) == 2
    assert "MFR2" in capsys.readouterr().err
