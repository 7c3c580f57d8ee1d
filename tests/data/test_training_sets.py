"""Training sets in their published layouts."""

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytorch_lightning import Trainer

from data_modules import CASIAWebFace, FaceFolder, VGGFace2
from maskrec import UserError
from maskrec.data import index_faces


def write_vggface2(root: Path, faces: Path, meta: str | None) -> None:
    """Four identities to train on and two to test on."""
    for number, folder in enumerate(sorted(path for path in faces.iterdir() if path.is_dir())):
        shutil.copytree(folder, root / ("train" if number < 4 else "test") / f"n{number:06}")
    if meta is not None:
        flags = (f'n{number:06}, "Person_{number}", 4, {int(number < 4)}, m\n' for number in range(6))
        (root / "identity_meta.csv").write_text("Class_ID, Name, Sample_Num, Flag, Gender\n" + "".join(flags) + meta)


def test_casia_webface_is_a_folder_of_identities(faces: Path) -> None:
    data = CASIAWebFace(str(faces), held_out=0.34, val_pairs=10)
    assert data.num_identities == 4
    assert len(data.training_faces()) == 16  # 112 x 112: taken to be aligned
    (held_out,) = data.validation_sets()
    assert held_out.evaluation().protocols


def test_vggface2_trains_on_train_and_validates_on_test(faces: Path, tmp_path: Path) -> None:
    write_vggface2(tmp_path / "vgg", faces, meta="")
    data = VGGFace2(str(tmp_path / "vgg"), val_pairs=10)
    assert data.num_identities == 4
    assert all("/train/n" in path for path in data.training_faces().paths)
    (held_out,) = data.validation_sets()
    paths = held_out.evaluation().paths
    assert paths
    assert all("/test/n" in path for path in paths)
    assert VGGFace2(str(tmp_path / "vgg"), max_identities=2).num_identities == 2


def test_vggface2_is_compared_with_its_list(faces: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_vggface2(tmp_path / "vgg", faces, meta='n000009, "Person_9", 4, 1, f\n')
    with caplog.at_level(logging.WARNING):
        assert VGGFace2(str(tmp_path / "vgg")).num_identities == 4
    assert "1 training identities of" in caplog.text
    assert "n000009" in caplog.text
    shutil.copytree(tmp_path / "vgg" / "test" / "n000005", tmp_path / "vgg" / "train" / "n000005")
    with pytest.raises(UserError, match=r"n000005 is a test identity by identity_meta\.csv, but lies in train/"):
        _ = VGGFace2(str(tmp_path / "vgg")).num_identities
    (tmp_path / "vgg" / "identity_meta.csv").rename(tmp_path / "vgg" / "kept.csv")
    with pytest.raises(UserError, match=r"n000005 lies in train/ and in test/; expected it in one"):
        _ = VGGFace2(str(tmp_path / "vgg")).num_identities
    shutil.rmtree(tmp_path / "vgg" / "train" / "n000005")
    (tmp_path / "vgg" / "identity_meta.csv").write_text("who,what\n")
    with pytest.raises(UserError, match=r"identity_meta\.csv: expected the columns Class_ID and Flag"):
        _ = VGGFace2(str(tmp_path / "vgg")).num_identities


@pytest.mark.parametrize(
    ("data", "tree"), [(CASIAWebFace, "<root>/0000045/001.jpg"), (VGGFace2, "<root>/train/n000002/0001_01.jpg")]
)
def test_without_the_data_the_expected_tree_is_said(data: type[FaceFolder], tree: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file or directory; expected .*" + tree.replace(".", r"\.")):
        _ = data(str(tmp_path / "nowhere")).num_identities


def test_pictures_that_are_not_aligned_are_aligned_once(faces: Path, tmp_path: Path) -> None:
    for picture in index_faces(faces).paths():
        image = cv2.imread(picture)
        cv2.imwrite(picture, np.pad(image, ((60, 60), (60, 60), (0, 0)), mode="edge"))
    data = CASIAWebFace(str(faces), held_out=0.34, val_pairs=10)
    data.trainer = Trainer(logger=False, enable_checkpointing=False)
    data.prepare_data()  # not under fit: nothing to align
    shown = data.training_faces()
    assert not any(path.startswith(str(faces)) for path in shown.paths)
    assert all(cv2.imread(path).shape == (112, 112, 3) for path in shown.paths)
    assert [Path(path).parent.name for path in shown.paths] == [
        index_faces(faces).identities[label] for label in sorted(np.repeat(_kept(data, faces), 4))
    ]


def _kept(data: FaceFolder, faces: Path) -> list[int]:
    names = index_faces(faces).identities
    return sorted({names.index(Path(path).parent.name) for path in data.split[0].paths})
