"""The test sets, each in its published layout, on a few generated faces."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from data_modules import LFW, MFI, MFSRREC, MFV, RMFD, SLFW, GeneratedFaces, MaskedUnmasked
from maskrec import UserError
from maskrec.data import EvaluationSet
from maskrec.data import real_masks as module
from maskrec.data.landmarks import FILE, Status, list_pictures, write_table
from maskrec.evaluation import Identification, OneOfN, Verification
from maskrec.masking import DE, MG
from maskrec.masking.layout import TEMPLATE

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
    file.write_text(
        "# by hand\n" + "".join(f"{line[:-1]}{int(line[-1]) // 2}\n" for line in (same + other).splitlines())
    )
    pairs = MaskedUnmasked(str(root), pair_list=str(file)).lists["unmasked_masked"]
    assert pairs.fold.tolist() == [0, 0, 1, 1, 2, 2] * 2  # as they are listed
    for line, message in [
        ("masked/0000000/0009.jpg\tunmasked/zoe/0000.jpg\t0", "line 14: no picture masked/0000000/0009.jpg"),
        ("masked/0000000/0003.jpg\tunmasked/zoe/0000.jpg\t0", "line 14: repeats the pair of line 8"),
        ("masked/0000000/0003.jpg\tunmasked/zoe/0000.jpg", "line 14: expected `reference<TAB>probe`"),
    ]:
        file.write_text(f"# by hand\n{same}{other}{line}\n")
        with pytest.raises(UserError, match=message):
            MaskedUnmasked(str(root), pair_list=str(file))


def test_folders_that_cannot_be_tested_on(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"masked: No such file or directory; expected masked/<identity>/<image> and unmasked/"
    ):
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


def test_sets_of_a_list_are_prepared_with_it(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[EvaluationSet] = []
    monkeypatch.setattr(RMFD, "prepare_data", lambda faces: prepared.append(faces))
    root = two_folders(faces, faces.parent / "set", "AFDB_masked_face_dataset", "AFDB_face_dataset")
    test_set = RMFD(str(root))
    GeneratedFaces(identities=2, images=2, val_identities=2, test_identities=2, test_sets=[test_set]).prepare_data()
    assert prepared == [test_set]
