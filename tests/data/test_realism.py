"""What `maskrec realism` prints, against what is known of masks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from maskrec.backbones import create_backbone
from maskrec.cli import main
from maskrec.data.images import read_image
from maskrec.data.realism import Realism, colour_spread
from maskrec.masking import DE, KPCVX
from maskrec.masking.base import Face
from maskrec.methods import MaskSegmenter
from maskrec.networks import UNet


@pytest.fixture(scope="module")
def realism() -> Realism:
    torch.manual_seed(0)
    return Realism(create_backbone("resnet10t", 8, input_size=(32, 32)), UNet(width=2, depth=2))


def test_colours_of_masks() -> None:
    images = [np.full((4, 4, 3), level, np.uint8) for level in (10, 40)]
    regions = [np.eye(4, dtype=bool)] * 2
    assert colour_spread(images, regions) == pytest.approx(np.sqrt(3 * 15**2))
    assert colour_spread(images, [np.zeros((4, 4), dtype=bool)] * 2) == 0


def test_a_face_is_kept_by_what_changes_its_region_alone(realism: Realism, portraits: list[Face]) -> None:
    full = [image for image, _ in portraits[:6]]
    drawn = [DE().render(*face, 0.4) for face in portraits[:6]]
    masked, regions = zip(*drawn, strict=True)
    assert realism.kept(full, masked, regions) == pytest.approx(1, abs=1e-5)
    darker = [image // 2 for image in masked]
    assert realism.kept(full, darker, regions) < 0.999


def test_the_distance_to_itself_is_nothing(realism: Realism, portraits: list[Face]) -> None:
    """Against the formula, with the root of the product of the covariances by their eigenvectors."""
    full, masked = [image for image, _ in portraits[:30]], [KPCVX().render(*face, ())[0] for face in portraits[30:]]
    real = realism.features(full)
    assert realism.distance(full, real) == pytest.approx(0, abs=1e-3)
    a, b = (features.double().numpy() for features in (real, realism.features(masked)))
    s_a, s_b = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eig(s_a @ s_b)
    root = (vectors * np.sqrt(values.astype(complex))) @ np.linalg.inv(vectors)
    expected = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(s_a + s_b - 2 * root.real)
    assert realism.distance(masked, real) == pytest.approx(expected, rel=1e-2)
    assert expected > 0


def test_the_command(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    backbone = create_backbone("resnet10t", 8, input_size=(112, 112))
    torch.save(backbone.state_dict(), tmp_path / "weights.pt")
    torch.save({"state_dict": MaskSegmenter(width=2).state_dict()}, tmp_path / "s.ckpt")
    measured_by = ["--backbone", "resnet10t", "--embedding_dim", "8", "--weights", str(tmp_path / "weights.pt")]
    command = ["realism", str(faces), str(faces), *measured_by, "--segmenter", str(tmp_path / "s.ckpt")]
    picture = tmp_path / "masks.png"
    assert main([*command, "--kind", "de", "--faces", "5", "--picture", str(picture)]) == 0
    header, real, de = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "kind"
    assert real.startswith("real (5) ")
    assert real.split()[2] == "-"
    assert de.split()[0:2] == ["de", "1.000"]
    assert de.split()[-1] == "0.0"  # all masks are black
    shown = [
        [read_image(picture)[top : top + 112, left : left + 112] for left in range(150, 700, 116)]
        for top in range(4, 352, 116)
    ]
    assert len(shown) == 3
    assert all(len(row) == 5 for row in shown)
    assert all((full == face).all() for face, full in zip(*shown[:2], strict=True))  # both folders are the same
    for without, masked in zip(*shown[1:], strict=True):
        assert (masked[:60] == without[:60]).all()
        assert not masked[-30:].any()
    assert main([*command, "--picture", "masks.jpg"]) == 2
    assert capsys.readouterr().out == ""
    assert main([*command, "--kind", "iamgan"]) == 2
    assert "--kind iamgan: needs weights" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["realism", str(faces), str(tmp_path / "empty"), *command[3:]]) == 2
