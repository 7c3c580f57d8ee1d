"""Pair lists, read and drawn."""

from pathlib import Path

import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import draw_one_of_n, draw_pairs, read_lfw_pairs, sample_pairs
from maskrec.data.pair_files import named_pairs


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    """Two folds of one genuine and one impostor pair each, in LFW's layout."""
    for name, count in (("Ann_Lee", 3), ("Bo", 2)):
        (tmp_path / name).mkdir()
        for number in range(1, count + 1):
            (tmp_path / name / f"{name}_{number:04d}.jpg").touch()
    (tmp_path / "pairs.txt").write_text("2\t1\nAnn_Lee\t1\t3\nAnn_Lee\t2\tBo\t1\nBo\t1\t2\nBo\t2\tAnn_Lee\t1\n")
    return tmp_path


def test_lfw_pairs(lfw: Path) -> None:
    pairs = read_lfw_pairs(lfw / "pairs.txt", lfw)
    names = [Path(path).stem for path in pairs.paths]
    assert [(names[a], names[b]) for a, b in zip(pairs.reference, pairs.probe, strict=True)] == [
        ("Ann_Lee_0001", "Ann_Lee_0003"),
        ("Ann_Lee_0002", "Bo_0001"),
        ("Bo_0001", "Bo_0002"),
        ("Bo_0002", "Ann_Lee_0001"),
    ]
    assert pairs.is_genuine.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert len(names) == len(set(names)) == 5
    assert [name[:2] for name in names] == ["An", "An", "An", "Bo", "Bo"]
    assert pairs.identity.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Ann 1 2", [("Ann", 1), ("Ann", 2)]),
        ("Ann\t01\tBo\t2", [("Ann", 1), ("Bo", 2)]),
        ("0001 1 0002 2", [("0001", 1), ("0002", 2)]),  # numbers for names
        ("0001 1 2", [("0001", 1), ("0001", 2)]),
        ("Ann Lee, 1, 2", [("Ann Lee", 1), ("Ann Lee", 2)]),
        ("Ann Lee 1 Bo Li 2", [("Ann Lee", 1), ("Bo Li", 2)]),
        ("Ann_Lee 1 Bo-2 3", [("Ann_Lee", 1), ("Bo-2", 3)]),
    ],
)
def test_lines_of_numbered_pictures(line: str, expected: list[tuple[str, int]]) -> None:
    ((_, *pair),) = named_pairs(Path("pairs.txt"), [(1, line)])
    assert pair == expected


def test_lists_may_come_from_other_systems(lfw: Path) -> None:
    content = (lfw / "pairs.txt").read_text()
    (lfw / "pairs.txt").write_bytes(b"\xef\xbb\xbf" + content.replace("\t", "  ").replace("\n", "\r\n\r\n").encode())
    assert read_lfw_pairs(lfw / "pairs.txt", lfw).is_genuine.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("2\t1\nAnn_Lee\t1\t9\nAnn_Lee\t2\tBo\t1\nBo\t1\t2\nBo\t2\tAnn_Lee\t1\n", r"line 2: no picture .*Ann_Lee_0009"),
        ("2\t1\nAnn_Lee\t1\t3\n", r"1 pairs, but its first line promises 2x2x1"),
        ("folds\n", r"line 1: expected two numbers"),
        ("1\t1\nAnn_Lee 1\nBo\t1\tAnn_Lee\t1\n", r"line 2: expected `name 1 2` or `name 1 other 2`, got 'Ann_Lee 1'"),
        ("1\t1\n\nBo\t1\t2\nAnn_Lee\tone\t3\n", r"line 4: expected .*got 'Ann_Lee\tone\t3'"),
        ("1\t1\nBo\t1\tAnn_Lee\t1\nAnn_Lee\t1\tBo\t1\n", r"line 3: repeats the pair of line 2"),
        ("1\t1\nBo\t1\tAnn_Lee\t1\nBo\t1\t1\n", r"line 3: compares a picture with itself"),
        ("1\t1\nBo\t1\tBo\t2\nAnn_Lee\t1\t2\n", r"line 2: names Bo twice; expected `Bo 1 2`"),
    ],
)
def test_bad_lists_are_named_by_file_and_line(lfw: Path, content: str, message: str) -> None:
    (lfw / "pairs.txt").write_text(content)
    with pytest.raises(UserError, match=f"pairs.txt.*{message}"):
        read_lfw_pairs(lfw / "pairs.txt", lfw)


def test_a_list_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKREC_DATA", "elsewhere")
    with pytest.raises(
        UserError, match=r"pairs.txt: No such file.*expected LFW's pairs.txt \(MASKREC_DATA is elsewhere"
    ):
        read_lfw_pairs(tmp_path / "pairs.txt", tmp_path)


def test_real_lfw_list(real_data: Path) -> None:
    pairs = read_lfw_pairs(real_data / "lfw" / "pairs.txt", real_data / "lfw")
    assert len(pairs.is_genuine) == 6000
    assert pairs.is_genuine.sum() == 3000
    assert np.bincount(pairs.fold).tolist() == [600] * 10


def test_drawn_pairs_are_true_balanced_and_without_repeats() -> None:
    labels = np.repeat(np.arange(30), np.arange(1, 31) % 5 + 1)
    paths = [f"{row}" for row in range(len(labels))]
    pairs = sample_pairs(paths, labels, pairs=40, folds=10, seed=1)
    same = labels[pairs.reference] == labels[pairs.probe]
    np.testing.assert_array_equal(same, pairs.is_genuine)
    assert same.sum() == 40
    assert len(same) == 80
    assert len({frozenset(pair) for pair in zip(pairs.reference.tolist(), pairs.probe.tolist(), strict=True)}) == 80
    assert (pairs.reference != pairs.probe).all()
    for fold in range(10):
        assert pairs.is_genuine[pairs.fold == fold].mean() == 0.5
    again = sample_pairs(paths, labels, pairs=40, folds=10, seed=1)
    np.testing.assert_array_equal(again.probe, pairs.probe)


def test_genuine_pairs_are_spread_over_identities() -> None:
    labels = np.array([0] * 20 + [1, 1] + [2, 2])
    pairs = sample_pairs([""] * 24, labels, pairs=6, folds=2, seed=0)
    assert set(labels[pairs.reference[pairs.is_genuine]]) == {0, 1, 2}


def test_pairs_between_two_groups_hold_one_of_each() -> None:
    labels = np.repeat(np.arange(8), 5)
    reference, probe = np.flatnonzero(np.arange(40) % 5 < 3), np.flatnonzero(np.arange(40) % 5 >= 3)
    pairs = draw_pairs(labels, reference, probe, pairs=30, seed=2)
    assert np.isin(pairs.reference, reference).all()
    assert np.isin(pairs.probe, probe).all()
    np.testing.assert_array_equal(labels[pairs.reference] == labels[pairs.probe], pairs.is_genuine)
    assert pairs.is_genuine.sum() == 30
    assert len(set(zip(pairs.reference, pairs.probe, strict=True))) == 60
    assert [pairs.is_genuine[pairs.fold == fold].tolist() for fold in range(10)] == [[True] * 3 + [False] * 3] * 10
    all_genuine = draw_pairs(labels, reference, probe, pairs=10_000, seed=2)
    assert all_genuine.is_genuine.sum() == 8 * 3 * 2


def test_one_of_n_has_one_of_its_own() -> None:
    labels = np.repeat(np.arange(6), 4)
    is_probe = (np.arange(24) % 4 > 1) & (labels != 5)  # nobody looks for 5, who is not there
    drawn = draw_one_of_n(labels, np.flatnonzero(~is_probe), np.flatnonzero(is_probe), n=20, steps=50, seed=1)
    assert drawn.impostors.shape == (50, 19)
    assert (labels[drawn.reference] == labels[drawn.authentic]).all()
    assert (labels[drawn.impostors] != labels[drawn.reference][:, None]).all()
    assert is_probe[drawn.authentic].all()
    assert is_probe[drawn.impostors].all()
    assert not is_probe[drawn.reference].any()
    again = draw_one_of_n(labels, np.flatnonzero(~is_probe), np.flatnonzero(is_probe), n=20, steps=50, seed=1)
    assert (again.impostors == drawn.impostors).all()
    with pytest.raises(UserError, match="1 of 20: needs probes of two identities"):
        draw_one_of_n(labels, np.array([0]), np.array([1, 2]))


def test_one_of_n_is_never_the_reference_with_a_mask_on() -> None:
    labels = np.tile(np.repeat(np.arange(3), [1, 2, 3]), 2)  # six pictures, then the same with masks
    picture = np.tile(np.arange(6), 2)
    drawn = draw_one_of_n(labels, np.arange(6), np.arange(6, 12), n=5, steps=200, seed=1, picture=picture)
    assert (labels[drawn.reference] == labels[drawn.authentic]).all()
    assert (picture[drawn.reference] != picture[drawn.authentic]).all()
    assert sorted(set(drawn.reference.tolist())) == [1, 2, 3, 4, 5]  # 0 has no other picture
    with pytest.raises(UserError, match="one of them another picture of a reference's"):
        draw_one_of_n(np.array([0, 1, 0, 1]), np.array([0, 1]), np.array([2, 3]), picture=np.array([0, 1, 0, 1]))


def test_too_few_faces_are_refused() -> None:
    with pytest.raises(UserError, match="give 0 pairs of a kind, 10 folds need more: hold out more"):
        sample_pairs(["a", "b"], np.array([0, 1]), pairs=10, folds=10, seed=0)
