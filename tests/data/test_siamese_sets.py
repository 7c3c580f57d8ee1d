"""The Siamese paper's data sets in their published layouts, several together, and with masked copies."""

import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch

from data_modules import (
    FEI,
    CelebA,
    FaceCollection,
    FaceFolder,
    FEIFrontal,
    GeorgiaTech,
    Holdout,
    MixedFolder,
    SoF,
    YouTubeFaces,
)
from maskrec import UserError
from maskrec.data import Draw, FaceRows, RandomZoom, StratifiedDraw, UniformDraw, index_faces
from maskrec.data.detection import detect_landmarks
from maskrec.data.images import read_image
from maskrec.data.masked_copy import mask_folder
from maskrec.masking import DE, NIST

NAMES = {  # how a set names the pictures of person p, picture i
    FEI: "originalimages_part1/{p}-{i:02}.jpg",
    FEIFrontal: "{p}{ab}.jpg",
    GeorgiaTech: "s{p:02}/{i:02}.jpg",
    SoF: "Abd{p}_{i:05}_m_31_i_fr_nc_no_2016_2_e0_nl_o.jpg",
    YouTubeFaces: "Person_{p}/{i}/{i}.{frame}.jpg",
    CelebA: "img_align_celeba/{n:06}.jpg",
}


def lay_out(kind: type[FaceFolder], faces: Path, root: Path) -> Path:
    """Six people's pictures as the set has them; two of each in FEI's frontal part, else four."""
    lines = []
    for row, picture in enumerate(sorted(faces.rglob("*.jpg"))):
        person, number = divmod(row, 4)
        if kind is FEIFrontal and number > 1:
            continue
        name = NAMES[kind].format(p=person + 1, i=number + 1, ab="ab"[number % 2], n=row + 1, frame=2000 + row)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, root / name)
        lines.append(f"{row + 1:06}.jpg {person * 7 + 3}\n")
    if kind is CelebA:
        (root / "identity_CelebA.txt").write_text("".join(lines))
    return root


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: kind.__name__)
def test_published_layouts(kind: type[FaceFolder], drawn_faces: Path, tmp_path: Path) -> None:
    data = kind(str(lay_out(kind, drawn_faces, tmp_path / "set")), held_out=0.34, val_pairs=4)
    assert data.num_identities == 4
    each = 2 if kind is FEIFrontal else 4
    shown = data.training_faces()
    assert np.bincount(shown.labels).tolist() == [each] * 4
    training, held_out = data.split
    assert len(training.paths) + len(held_out.paths) == 6 * each
    originals = {picture.read_bytes(): row // 4 for row, picture in enumerate(sorted(drawn_faces.rglob("*.jpg")))}
    people = [originals[Path(path).read_bytes()] for path in training.paths]
    assert len(set(zip(people, training.labels.tolist(), strict=True))) == 4  # each label is one person
    with pytest.raises(UserError, match=r"No such file or directory; expected .*<root>/"):
        _ = kind(str(tmp_path / "nowhere")).num_identities
    (tmp_path / "other" / "a").mkdir(parents=True)
    shutil.copy(sorted(drawn_faces.rglob("*.jpg"))[0], tmp_path / "other" / "a" / "face.jpg")
    with pytest.raises(UserError, match=r"<root>/"):
        _ = kind(str(tmp_path / "other")).num_identities


def test_celeba_may_be_a_part_and_says_what_is_wrong(drawn_faces: Path, tmp_path: Path) -> None:
    root = lay_out(CelebA, drawn_faces, tmp_path)
    (root / "img_align_celeba" / "000001.jpg").unlink()
    assert len(CelebA(str(root), held_out=0).training_faces()) == 23
    (root / "identity_CelebA.txt").write_text("000002.jpg\n")
    with pytest.raises(UserError, match=r"identity_CelebA.txt, line 1: expected `000001.jpg 2880`, got '000002.jpg'"):
        _ = CelebA(str(root)).num_identities


def test_frames_are_taken_at_even_steps(drawn_faces: Path, tmp_path: Path) -> None:
    picture = sorted(drawn_faces.rglob("*.jpg"))[0]
    for name in ("A/0", "A/1", "B/0"):
        (tmp_path / name).mkdir(parents=True)
        for frame in (9, 10, 11, 100, 101):  # as text these would stand in another order
            shutil.copy(picture, tmp_path / name / f"{name[-1]}.{frame}.jpg")
    found = YouTubeFaces(str(tmp_path), frames=3).faces(tmp_path)
    names = [str(Path(path).relative_to(tmp_path)) for path in found.paths]
    assert sorted(names) == sorted(f"{v}/{v[-1]}.{frame}.jpg" for v in ("A/0", "A/1", "B/0") for frame in (9, 11, 101))
    assert found.labels.tolist() == [0] * 6 + [1] * 3


@pytest.fixture
def two_sets(drawn_faces: Path, tmp_path: Path) -> tuple[Path, Path]:
    """All six identities, and the first four of them under other names, both with landmarks."""
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(drawn_faces, first)
    for folder in sorted(path for path in first.iterdir() if path.is_dir())[:4]:
        shutil.copytree(folder, second / f"other_{folder.name}")
    for root in (first, second):
        detect_landmarks(root)
    return first, second


def test_several_sets_are_trained_on_as_one(two_sets: tuple[Path, Path]) -> None:
    sets = [FaceFolder(str(root), held_out=0.5, val_pairs=10, val_masking=DE()) for root in two_sets]
    options: dict[str, Any] = {"masking": NIST(), "image_size": (64, 64), "batch_size": 4, "num_workers": 0}
    data = FaceCollection(sets, pair_draw=StratifiedDraw(hardest_of=2), **options)
    faces = data.training_faces()
    assert data.num_identities == 3 + 2
    assert faces.sets.tolist() == [0] * 12 + [1] * 8
    assert faces.labels.tolist() == np.repeat(np.arange(5), 4).tolist()
    alone = FaceFolder(str(two_sets[1]), held_out=0.5, **options).training_faces()
    seen, expected = faces[Draw(16, 0, is_masked=False)], alone[Draw(4, 0, is_masked=False)]
    assert torch.equal(seen.image, expected.image)  # type: ignore[union-attr]
    assert torch.equal(seen.landmarks, expected.landmarks)  # type: ignore[union-attr]
    assert [faces_of.name for faces_of in data.validation_sets()] == ["held_out_1", "held_out_2"]
    batch = next(iter(data.train_dataloader()))
    assert batch.pair.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert batch.is_masked.tolist() == [False, True, False, True, True] * 2


@pytest.fixture
def mixed(two_sets: tuple[Path, Path]) -> Path:
    """All ten identities in one folder; four are called `other_...`."""
    for folder in sorted(path for path in two_sets[1].iterdir() if path.is_dir()):
        shutil.copytree(folder, two_sets[0] / folder.name)
    detect_landmarks(two_sets[0])
    return two_sets[0]


def identities(paths: Sequence[str]) -> list[str]:
    return [Path(path).parent.name for path in paths]


def test_a_folder_of_several_sets_is_told_apart_by_names(mixed: Path) -> None:
    options: dict[str, Any] = {"held_out": 0.5, "val_pairs": 10, "val_masking": DE(), "masking": NIST(p=1)}
    options |= {"image_size": (64, 64), "batch_size": 4, "num_workers": 0, "seed": 1}
    data = MixedFolder(str(mixed), ["none_*", "other_*"], pair_draw=UniformDraw(hardest_of=2), **options)
    faces, whole = data.training_faces(), FaceFolder(str(mixed), **options).training_faces()
    assert sorted(faces.paths) == sorted(whole.paths)  # the split is that of the folder as one
    names = identities([*faces.paths])
    assert [name.startswith("other_") for name in names] == [one == 0 for one in faces.sets]
    assert len({*zip(names, faces.labels.tolist(), strict=True)}) == len({*names}) == data.num_identities == 5
    held_out = [identities(found.pairs.paths) for found in data.validation_sets()]  # type: ignore[attr-defined]
    assert [{name.startswith("other_") for name in part} for part in held_out] == [{True}, {False}]
    assert not {*names} & {name for part in held_out for name in part}
    assert [found.name for found in data.validation_sets()] == ["held_out_1", "held_out_2"]
    for batch in data.train_dataloader():
        sets = faces.sets[batch.row]
        assert all(len({*sets[batch.pair == pair]}) == 1 for pair in batch.pair.unique())
    several = FaceCollection([data, FaceFolder(str(mixed), **options)], masking=NIST(p=1)).training_faces()
    assert {*several.sets.tolist()} == {0, 1, 2}


def test_masked_copies_go_with_their_data_set() -> None:
    rows = FaceRows(Path("root"), ["root/b_1/0.jpg", "root/a_1/0.jpg", "root/b_2/0.jpg"], np.arange(3), ["x", "y", "z"])
    first, rest = MixedFolder("root", ["a_*"]).data_sets(rows)
    assert (first.paths, first.labels.tolist(), first.worn) == (["root/a_1/0.jpg"], [0], ["y"])
    assert (rest.paths, rest.labels.tolist(), rest.worn) == (["root/b_1/0.jpg", "root/b_2/0.jpg"], [0, 1], ["x", "z"])


def test_a_folder_without_such_names_is_one_set(faces: Path) -> None:
    data, whole = MixedFolder(str(faces), ["none_*"]), FaceFolder(str(faces))
    assert [*data.training_faces().paths] == [*whole.training_faces().paths]
    assert data.training_faces().labels.tolist() == whole.training_faces().labels.tolist()


def test_pairs_need_masks(faces: Path) -> None:
    data = FaceFolder(str(faces), held_out=0, batch_size=4, num_workers=0, masking=DE(p=0.5), pair_draw=UniformDraw())
    with pytest.raises(UserError, match=r"data.pair_draw: probes wear masks; give data.masking with p 1"):
        data.train_dataloader()


def test_masked_copies_stand_in_for_masks_put_on(faces: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    mask_folder(faces, copy, DE(), {"kind": "de"})
    left_out = sorted(copy.rglob("*.jpg"))[5]
    left_out.unlink()  # as one in which no face is found any more
    options: dict[str, Any] = {"held_out": 0.5, "val_pairs": 10, "batch_size": 4, "num_workers": 0}
    with_copy = FaceFolder(str(faces), masked_copy=str(copy), pair_draw=UniformDraw(), val_one_of_20=True, **options)
    plain = FaceFolder(str(faces), **options)
    for ours, theirs in zip(with_copy.split, plain.split, strict=True):  # the same identities are held out
        kept = [path for path in theirs.paths if path.removeprefix(f"{faces}/") != str(left_out.relative_to(copy))]
        assert ours.paths == kept
    shown = with_copy.training_faces()
    masked, bare = (shown[Draw(2, 0, is_masked=is_masked)] for is_masked in (True, False))
    assert masked.is_masked  # type: ignore[union-attr]
    assert not bare.is_masked  # type: ignore[union-attr]
    name = Path(shown.paths[2]).relative_to(faces)
    expected = read_image(copy / name).transpose(2, 0, 1)
    assert np.array_equal(masked.image.numpy(), expected)  # type: ignore[union-attr]
    seen = [shown[Draw(2, epoch)].is_masked for epoch in range(60)]  # type: ignore[union-attr]
    assert 15 < sum(map(bool, seen)) < 45  # where a draw leaves it open: half of the time
    views = FaceFolder(str(faces), masked_copy=str(copy), views=2, **options).training_faces()
    drawn = [views[Draw(2, epoch)] for epoch in range(60)]
    assert {(bool(one.is_masked), bool(other.is_masked)) for one, other in drawn} == {*product((True, False), repeat=2)}  # type: ignore[misc, union-attr]
    (held_out,) = with_copy.validation_sets()
    evaluation, pictures = held_out.evaluation(), held_out.faces((112, 112))
    assert "unmasked_masked_1_of_20" in evaluation.protocols
    assert evaluation.paths is not None
    half = evaluation.num_faces // 2
    name = Path(evaluation.paths[1]).relative_to(faces)
    assert np.array_equal(pictures[half + 1].image.numpy(), read_image(copy / name).transpose(2, 0, 1))
    assert pictures[half + 1].is_masked


def test_a_holdout_list_is_drawn_once_and_kept(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKREC_CACHE", str(tmp_path / "cache"))
    folder = FaceFolder(str(faces), held_out=1.0)
    first = Holdout(folder, "tiny", pairs=9, masking=DE())
    assert first.pairs.is_genuine.tolist() == [True] * 9 + [False] * 9
    (file,) = (tmp_path / "cache" / "pairs").glob("tiny-9-0-*.txt")
    assert len(file.read_text().splitlines()) == 19
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")  # another list: it is read, not drawn anew
    again = Holdout(folder, "tiny", pairs=9, masking=DE())
    assert again.pairs.reference.tolist() == first.pairs.reference.tolist()[::-1]
    assert set(again.evaluation().protocols) >= {"unmasked_masked", "unmasked_masked_1_of_20"}
    assert len(again.faces((32, 32))) == 48
    shutil.rmtree(faces / index_faces(faces).identities[0])
    with pytest.raises(UserError, match="now there are"):
        Holdout(FaceFolder(str(faces), held_out=1.0), "tiny", pairs=9, masking=DE())


def test_two_views_of_a_face_differ_and_repeat(faces: Path) -> None:
    augmentation = [RandomZoom(scale=(0.2, 0.5)), A.HorizontalFlip()]
    options: dict[str, Any] = {"held_out": 0, "batch_size": 8, "image_size": (40, 32), "masking": DE(p=0.5)}
    batches = [
        next(
            iter(
                FaceFolder(str(faces), views=2, augmentation=augmentation, num_workers=n, **options).train_dataloader()
            )
        )
        for n in (0, 2)
    ]
    assert torch.equal(batches[0].image, batches[1].image)
    batch = batches[0]
    assert batch.image.shape == (16, 3, 40, 32)
    assert torch.equal(batch.row[:8], batch.row[8:])
    assert not any(map(torch.equal, batch.image[:8], batch.image[8:]))
    one_view = next(
        iter(FaceFolder(str(faces), augmentation=augmentation, num_workers=0, **options).train_dataloader())
    )
    assert torch.equal(one_view.image, batch.image[:8])
    with pytest.raises(UserError, match=r"data.views 2: the faces are paired already"):
        FaceFolder(str(faces), views=2, paired=True, **(options | {"masking": DE()})).training_faces()
