"""The test sets, each in its published layout, on a few generated faces."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT

from data_modules import LFW, MFI, MFR2, MFSRREC, MFV, RMFD, SLFW, GeneratedFaces, MaskedUnmasked
from maskrec import UserError
from maskrec.cli import main
from maskrec.data import EvaluationSet
from maskrec.data import real_masks as module
from maskrec.data.landmarks import FILE, Status, list_pictures, write_table
from maskrec.evaluation import AllPairs, Identification, OneOfN, Verification
from maskrec.masking import DE, MG
from maskrec.masking.layout import TEMPLATE

TINY = [
    *("--config", "experiments/arcface_casia.yaml", "--config", str(ROOT / "tests" / "conf" / "smoke.yaml")),
    *("--data.init_args.image_size=[32,32]", "--data.init_args.batch_size=8", "--name=tiny"),
    *("--model.init_args.backbone=resnet10t", "--model.init_args.embedding_dim=16"),
]
PAIRED = {"unmasked_unmasked", "unmasked_masked", "masked_masked"}
ASKED = {"unmasked_masked_all", "unmasked_masked_search", "unmasked_masked_1_of_20"}


def two_folders(faces: Path, root: Path, masked: str = "masked", unmasked: str = "unmasked") -> Path:
    """6 identities with 2 pictures in each folder, and one more that has unmasked pictures only."""
    for identity in sorted(faces.glob("000*")):
        for number, path in enumerate(sorted(identity.glob("*.jpg"))):
            folder = root / (masked if number % 2 else unmasked) / identity.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
    shutil.copytree(faces / "0000000", root / unmasked / "zoe")
    return root


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


@pytest.fixture
def lfw(faces: Path) -> Path:
    """Ann with 4 pictures, Bo with 3, Cy with 1 outside the list of 2 folds; the faces know their landmarks."""
    for name, folder, count in (("Ann", "0000000", 4), ("Bo", "0000001", 3), ("Cy", "0000002", 1)):
        (faces / name).mkdir()
        for number in range(1, count + 1):
            (faces / folder / f"000{number - 1}.jpg").rename(faces / name / f"{name}_000{number}.jpg")
    for folder in faces.glob("000*"):
        shutil.rmtree(folder)
    table = list_pictures(faces)
    table["status"], table["shape"], table["points"] = Status.FOUND, 112, TEMPLATE
    write_table(faces / FILE, table)
    (faces / "pairs.txt").write_text("2\t1\nAnn\t2\t3\nAnn\t2\tBo\t1\nBo\t1\t2\nBo\t2\tAnn\t1\n")
    return faces


def names(faces: EvaluationSet, rows: torch.Tensor) -> list[str]:
    paths = faces.evaluation().paths
    assert paths is not None
    return [Path(paths[row]).stem for row in rows]


def test_lfw_searches_for_first_pictures_among_all_others(lfw: Path) -> None:
    faces = LFW(str(lfw), DE(), search=True)
    evaluation = faces.evaluation()
    assert set(evaluation.protocols) == PAIRED | {"unmasked_unmasked_search", "unmasked_masked_search"}
    search = evaluation.protocols["unmasked_masked_search"]
    assert isinstance(search, Identification)
    assert names(faces, search.probe) == ["Ann_0001", "Bo_0001", "Cy_0001"]
    assert sorted(names(faces, search.gallery)) == ["Ann_0002", "Ann_0003", "Ann_0004", "Bo_0002", "Bo_0003"]
    shown = faces.faces((112, 112))
    assert evaluation.num_faces == len(shown)
    assert all(shown[int(row)].is_masked for row in search.probe)
    assert not any(shown[int(row)].is_masked for row in search.gallery)
    pairs = evaluation.protocols["unmasked_masked"]
    assert isinstance(pairs, Verification)
    assert names(faces, pairs.reference) == ["Ann_0002", "Ann_0002", "Bo_0001", "Bo_0002"]
    assert names(faces, pairs.probe) == ["Ann_0003", "Bo_0001", "Bo_0002", "Ann_0001"]
    assert all(shown[int(row)].is_masked for row in pairs.probe)
    assert pairs.identity is not None
    assert (pairs.identity[pairs.reference] == pairs.identity[pairs.probe]).tolist() == pairs.is_genuine.tolist()
    # Only what is compared with a mask on is masked: 6 faces of the list, and Cy's.
    assert len(shown) == 8 + 6


def test_masks_depend_neither_on_the_search_nor_on_the_run(lfw: Path) -> None:
    shown = []
    for seed, faces in enumerate((LFW(str(lfw), MG()), SLFW(str(lfw)))):
        np.random.seed(seed)
        pairs = faces.evaluation().protocols["unmasked_masked"]
        assert isinstance(pairs, Verification)
        shown.append(torch.stack([faces.faces((112, 112))[int(row)].image for row in pairs.probe]))
    assert torch.equal(*shown)


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


@pytest.mark.parametrize(
    ("kind", "folders", "pairs"),
    [
        (MaskedUnmasked, ("masked", "unmasked"), 3000),
        (MFSRREC, ("masked", "unmasked"), 50_000),
        (MFV, ("masked", "unmasked"), 200),
        (MFI, ("masked", "unmasked"), 600),
        (RMFD, ("AFDB_masked_face_dataset", "AFDB_face_dataset"), 2293),
    ],
)
def test_two_folders(
    kind: Callable[[str], EvaluationSet], folders: tuple[str, str], pairs: int, faces: Path, tmp_path: Path
) -> None:
    assert kind.__init__.__defaults__[0] == pairs  # type: ignore[misc]
    data = kind(str(two_folders(faces, tmp_path / "set", *folders)))
    evaluation = data.evaluation()
    assert set(evaluation.protocols) == PAIRED | ASKED
    assert evaluation.num_faces == 28
    pair_list = evaluation.protocols["unmasked_masked"]
    assert isinstance(pair_list, Verification)
    assert int(pair_list.is_genuine.sum()) == 24  # all there are: 6 x 2 x 2
    assert len(pair_list.fold) == 48
    shown = data.faces((112, 112))
    assert all(shown[int(row)].is_masked for row in pair_list.probe)
    assert not any(shown[int(row)].is_masked for row in pair_list.reference)
    search = evaluation.protocols["unmasked_masked_search"]
    assert isinstance(search, Identification)
    assert (len(search.probe), len(search.gallery)) == (12, 16)
    assert isinstance(evaluation.protocols["unmasked_masked_1_of_20"], OneOfN)


def test_drawn_pairs_are_kept_and_read_again(
    faces: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = two_folders(faces, tmp_path / "set")
    first = MaskedUnmasked(str(root), pairs=5, name="kept").lists
    (file,) = cache.glob("pairs/kept-unmasked_masked-*.txt")
    assert len(file.read_text().splitlines()) == 11
    assert "masked/0000" in file.read_text()
    monkeypatch.setattr(module, "draw_pairs", None)
    again = MaskedUnmasked(str(root), pairs=5, name="kept").lists
    for comparison, pairs in first.items():
        for field in ("reference", "probe", "is_genuine", "fold"):
            np.testing.assert_array_equal(getattr(pairs, field), getattr(again[comparison], field))
    (root / "masked" / "0000003" / "0001.jpg").unlink()
    with pytest.raises(UserError, match=r"kept-.*txt: drawn from 5 pairs .*28 pictures.* but now .*27.*remove it to"):
        MaskedUnmasked(str(root), pairs=5, name="kept")


def test_a_list_of_ones_own(faces: Path, tmp_path: Path) -> None:
    root = two_folders(faces, tmp_path / "set")
    same = "".join(f"unmasked/000000{i}/0000.jpg\tmasked/000000{i}/0001.jpg\t{i}\n" for i in range(6))
    other = "".join(f"masked/000000{i}/0003.jpg\tunmasked/zoe/0000.jpg\t{i}\n" for i in range(6))
    file = tmp_path / "pairs.txt"
    file.write_text(f"# by hand\n{same}{other}")
    pairs = MaskedUnmasked(str(root), pair_list=str(file)).lists["unmasked_masked"]
    assert pairs.is_genuine.tolist() == [True] * 6 + [False] * 6
    assert pairs.fold.tolist() == [*range(6), *range(6)]
    for line, message in [
        ("masked/0000000/0009.jpg\tunmasked/zoe/0000.jpg\t0", "line 14: no picture masked/0000000/0009.jpg"),
        ("masked/0000000/0003.jpg\tunmasked/zoe/0000.jpg\t0", "line 14: repeats the pair of line 8"),
        ("masked/0000000/0003.jpg\tunmasked/zoe/0000.jpg", "line 14: expected `reference<TAB>probe`"),
    ]:
        file.write_text(f"# by hand\n{same}{other}{line}\n")
        with pytest.raises(UserError, match=message):
            MaskedUnmasked(str(root), pair_list=str(file))


def test_folders_that_cannot_be_tested_on(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"masked: No such file or directory; expected a folder of pictures"):
        MaskedUnmasked(str(faces))
    root = two_folders(faces, tmp_path / "set")
    shutil.copy(root / "unmasked" / "zoe" / "0000.jpg", root / "masked")
    with pytest.raises(UserError, match=r"image .*0000.jpg: expected masked/<identity>/<image>"):
        MaskedUnmasked(str(root))
    lonely = tmp_path / "lonely"
    for folder, identity in (("masked", "0000001"), ("unmasked", "0000002")):
        (lonely / folder / identity).mkdir(parents=True)
        shutil.copy(faces / identity / "0000.jpg", lonely / folder / identity)
    with pytest.raises(UserError, match=r"lonely: no identity has two faces to compare"):
        MaskedUnmasked(str(lonely))


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


def test_sets_of_a_list_are_prepared_with_it(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[EvaluationSet] = []
    monkeypatch.setattr(RMFD, "prepare_data", lambda faces: prepared.append(faces))
    root = two_folders(faces, faces.parent / "set", "AFDB_masked_face_dataset", "AFDB_face_dataset")
    test_set = RMFD(str(root))
    GeneratedFaces(identities=2, images=2, val_identities=2, test_identities=2, test_sets=[test_set]).prepare_data()
    assert prepared == [test_set]
