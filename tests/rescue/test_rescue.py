"""A whole rescue through the real command line, killed on its way; then who is who by what it left."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT

from maskrec.backbones import create_backbone
from maskrec.cli import main
from maskrec.data.generated import generate_faces
from maskrec.data.images import fit_image, normalise, read_image, to_tensor

SLOW = """
data: {init_args: {batch_size: 4, num_workers: 0}}
trainer:
  callbacks+:
    - class_path: helpers.SlowSteps
"""
RESCUE = ["rescue", "--weights", "tiny.ckpt", "--faces", "faces", "--config", "slow.yaml"]


def maskrec(*args: str, **changes: str) -> "subprocess.Popen[str]":
    """The command in a session of its own, all of which a kill ends."""
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, **changes}
    command = [sys.executable, "-m", "maskrec", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def rescued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed with SIGKILL after its first checkpoint, and went on."""
    folder = tmp_path_factory.mktemp("rescue")
    (folder / "experiments").symlink_to(ROOT / "experiments")
    (folder / "slow.yaml").write_text(SLOW)
    generate_faces(folder / "faces", identities=6, images=4, seed=0)
    state = create_backbone("mobilefacenet", 8, input_size=(32, 32)).state_dict()
    torch.save({"epoch": 68, "net_state_dict": OrderedDict(reversed(state.items()))}, folder / "tiny.ckpt")
    before = Path.cwd()
    os.chdir(folder)
    try:
        killed = maskrec(*RESCUE, SECONDS_A_STEP="2")
        from test_cli import steps_of, wait_for

        wait_for(lambda: any(Path("runs").glob("*/*/checkpoints/last.ckpt")) or killed.poll() is not None, 300)
        assert killed.poll() is None, killed.communicate()
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        (last,) = Path("runs").glob("rescue/tiny-*/checkpoints/last.ckpt")
        assert 3 <= steps_of(last) < 12
        out, err = maskrec(*RESCUE).communicate(timeout=400)
        assert "goes on: " in out, err
        assert "model card: " in out, err
        assert steps_of(last) == 12
    finally:
        os.chdir(before)
    return folder / last.parents[1]


def test_what_is_left(rescued: Path) -> None:
    old, new = (
        torch.load(file, weights_only=True) for file in (rescued.parents[2] / "tiny.ckpt", *rescued.glob("*.ckpt"))
    )
    assert new["epoch"] == 68
    assert type(new["net_state_dict"]) is OrderedDict
    assert list(old["net_state_dict"]) == list(new["net_state_dict"])
    for key, value in old["net_state_dict"].items():
        assert new["net_state_dict"][key].shape == value.shape
        assert new["net_state_dict"][key].dtype == value.dtype
        if "running" in key:  # frozen statistics
            assert torch.equal(new["net_state_dict"][key], value)
    assert not torch.equal(new["net_state_dict"]["linear1.conv.weight"], old["net_state_dict"]["linear1.conv.weight"])

    results = json.loads((rescued / "results.json").read_text())["protocols"]
    kinds = ("unmasked_unmasked", "unmasked_masked", "masked_masked")
    named = {f"held_out/{kind}{ending}" for kind in kinds for ending in ("", "_old", "_old_gallery")}
    assert named <= set(results)
    card, page = (rescued / "model_card.md").read_text(), (rescued / "report" / "index.html").read_text()
    assert "| held_out/unmasked_masked | EER | " in card
    assert "Can the gallery stay?" in page
    assert "old x old" in card
    assert "Real masks: all masks in these tests are drawn" in card
    trainer = yaml.safe_load((rescued / "config.yaml").read_text())["trainer"]
    assert (trainer["max_epochs"], trainer["limit_train_batches"]) == (4, 3)
    assert "4 epochs of 3 batches" in card


def test_the_onnx_file_embeds_as_the_written_weights(rescued: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    faces = sorted((rescued.parents[2] / "faces").rglob("*.jpg"))[:3]
    images = normalise(torch.stack([to_tensor(fit_image(read_image(face), (32, 32))) for face in faces]))
    backbone = create_backbone("mobilefacenet", 8, *rescued.glob("*_rescued.ckpt")).eval()
    with torch.inference_mode():
        feature = (backbone(images) + backbone(images.flip(-1))).numpy()
    session = onnxruntime.InferenceSession(next(rescued.glob("*.onnx")))
    (found,) = session.run(None, {"images": images.contiguous().numpy()})
    np.testing.assert_allclose(found, feature / np.linalg.norm(feature, axis=1, keepdims=True), atol=1e-4)


@pytest.fixture
def run(rescued: Path, tmp_path: Path) -> Path:
    """A copy of the run that has thresholds: its own pairs are too few for any."""
    copy = Path(shutil.copytree(rescued, tmp_path / "run"))
    results = json.loads((copy / "results.json").read_text())
    results["protocols"]["held_out/unmasked_masked"] |= {"threshold_at_fmr_1e-2": -2.0, "threshold_at_fmr_1e-3": 1.5}
    (copy / "results.json").write_text(json.dumps(results))
    return copy


def test_verify_in_a_process_of_its_own(run: Path, faces: Path) -> None:
    one, other = str(faces / "0000000" / "0000.jpg"), str(faces / "0000003" / "0001.jpg")
    out, err = (
        process := maskrec("verify", one, other, "--checkpoint", str(run), "--fmr", "1e-2", "--aligned", "--json")
    ).communicate()
    assert process.returncode == 0, err
    found = json.loads(out)
    assert found["same"] is True
    assert found["threshold"] == -2
    assert found["threshold_from"] == "held_out/unmasked_masked at FMR 1e-2"
    assert found["masks"] == {"first": "not known", "second": "not known"}
    assert found["score"] == pytest.approx(scores_by_hand(run, faces, one)["0000003/0001.jpg"], abs=1e-5)


def scores_by_hand(run: Path, faces: Path, probe: str) -> dict[str, float]:
    """Of each picture below a folder with a probe, by plain torch and NumPy."""
    names = sorted(str(path.relative_to(faces)) for path in faces.rglob("*.jpg"))
    pictures = [read_image(path) for path in (probe, *(faces / name for name in names))]
    images = normalise(torch.stack([to_tensor(fit_image(picture, (32, 32))) for picture in pictures]))
    backbone = create_backbone("mobilefacenet", 8, *run.glob("*_rescued.ckpt")).eval()
    with torch.inference_mode():
        features = (backbone(images) + backbone(images.flip(-1))).numpy()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return dict(zip(names, (unit[1:] @ unit[0]).tolist(), strict=True))


def test_exit_codes(run: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(faces / "0000000" / "0000.jpg")
    weights = ["--checkpoint", str(next(run.glob("*_rescued.ckpt"))), "--backbone", "mobilefacenet", "--aligned"]
    assert main(["verify", one, one, *weights, "--threshold", "0.9"]) == 0
    assert "same person: score 1.0000, threshold 0.9000 (given)" in capsys.readouterr().out
    assert main(["verify", one, one, "--checkpoint", str(run), "--aligned"]) == 1  # FMR 1e-3 is the lowest
    assert "different people: score 1.0000, threshold 1.5000" in capsys.readouterr().out
    assert main(["identify", one, str(faces), *weights, "--threshold", "0.99", "--top", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    scores = scores_by_hand(run, faces, one)
    best = {
        who: max(score for name, score in scores.items() if name.startswith(who))
        for who in {name.split("/")[0] for name in scores}
    }
    assert found["found"] == found["top"][0]["identity"]
    assert len({person["identity"] for person in found["top"]}) == 2
    for person, score in zip(found["top"], sorted(best.values(), reverse=True), strict=False):
        assert person["score"] == pytest.approx(score, abs=1e-5)
        assert scores[person["picture"]] == pytest.approx(best[person["identity"]], abs=1e-5)
    assert main(["identify", one, str(faces), *weights, "--threshold", "1.1"]) == 1
    assert capsys.readouterr().out.startswith("nobody: ")


def test_no_face_or_several_is_said(run: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = faces / "0000000" / "0000.jpg"
    image = cv2.imread(str(one))
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "none.png"), np.full((200, 200, 3), 127, dtype=np.uint8))
    border = cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    cv2.imwrite(str(folder / "two.png"), np.concatenate([border, border], axis=1))
    shutil.copy(one, folder / "one.jpg")
    options = ["--checkpoint", str(run), "--threshold", "0.9"]
    for name, message in (
        ("none.png", "no face was found"),
        ("two.png", "2 faces were found"),
        ("x.png", "No such file"),
    ):
        assert main(["verify", str(folder / "one.jpg"), str(folder / name), *options]) == 2
        assert f"{folder / name}: {message}" in capsys.readouterr().err
    assert main(["identify", str(folder / "one.jpg"), str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("one: threshold 0.9")
    assert printed.count("left out: ") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--checkpoint", "nowhere"], "nowhere: holds no config.yaml"),
        (["--checkpoint", "RUN", "--fmr", "1e-5"], "no threshold of unmasked_masked at FMR 1e-5; there are: held_out"),
        (["--checkpoint", "RUN", "--comparison", "x/y"], "no threshold of x/y; there are: held_out/unmasked_masked at"),
        (["--checkpoint", "WEIGHTS"], "say which network it is of: --backbone NAME"),
        (["--checkpoint", "WEIGHTS", "--backbone", "mobilefacenet"], "--threshold: a weight file brings none"),
        ([], "checkpoint"),
    ],
)
def test_bad_input(
    options: list[str], message: str, run: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, named = str(faces / "0000000" / "0000.jpg"), {"RUN": run, "WEIGHTS": next(run.glob("*_rescued.ckpt"))}
    given = [str(named.get(word, word)) for word in options]
    assert main(["verify", one, one, "--aligned", *given]) == 2
    assert message in capsys.readouterr().err
