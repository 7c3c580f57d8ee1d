"""The verbs that make or measure faces, through `main`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskrec.cli import main
from maskrec.data.images import read_image
from maskrec.data.masked_copy import MANIFEST

COPY = ["--kind", "mg", "--style", "n95", "--seed", "3"]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / MANIFEST).read_text().splitlines()]


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


def error(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The one line a wrong command ends in."""
    assert main(list(args)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_masked_copy_with_its_manifest(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "masked"
    assert main(["mask", str(faces), str(target), *COPY]) == 0
    assert "24 pictures masked, 0 of them by the template's landmarks" in capsys.readouterr().out
    assert pictures(target).keys() == pictures(faces).keys()
    for name in pictures(faces):
        changed = np.abs(read_image(target / name).astype(int) - read_image(faces / name)).max(axis=2) > 40
        assert changed[56:].mean() > 5 * changed[:40].mean()  # the lower face, not the eyes
    recipe, *records = lines(target)
    assert (recipe["kind"], recipe["style"], recipe["seed"]) == ("mg", "n95", 3)
    assert [record["image"] for record in records] == list(pictures(faces))
    assert all(record["landmarks"] == "detected" and record["parameters"]["style"] == "n95" for record in records)  # type: ignore[index]


def test_a_copy_goes_on_where_it_was_and_each_mask_stays_the_same(faces: Path, tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for target in (whole, torn):
        assert main(["mask", str(faces), str(target), *COPY]) == 0
    manifest = (torn / MANIFEST).read_text()
    (torn / MANIFEST).write_text(manifest[: len(manifest) * 2 // 3])  # as a kill leaves it
    (torn / "0000000" / "0001.jpg").unlink()
    kept = (torn / "0000000" / "0002.jpg").stat().st_mtime_ns
    assert main(["mask", str(faces), str(torn), *COPY]) == 0
    assert pictures(torn) == pictures(whole)
    assert lines(torn) == lines(whole)
    assert (torn / "0000000" / "0002.jpg").stat().st_mtime_ns == kept


def test_it_survives_a_kill(faces: Path, tmp_path: Path) -> None:
    target = tmp_path / "masked"
    code = (  # killed as the first manifest is written
        "import os, signal; from maskrec.data import masked_copy as m;"
        "write = m._write_manifest; m._write_manifest = lambda *a: (write(*a), os.kill(os.getpid(), signal.SIGKILL));"
        f"from maskrec.cli import main; main(['mask', {str(faces)!r}, {str(target)!r}])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert main(["mask", str(faces), str(target)]) == 0
    assert len(pictures(target)) == 24


def test_bad_input(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = str(faces), str(tmp_path / "masked")
    assert "there are de, " in error(capsys, "mask", source, target, "--kind", "scarf")
    assert "have no styles" in error(capsys, "mask", source, target, "--kind", "de", "--style", "n95")
    assert "n96" in error(capsys, "mask", source, target, "--style", "n96")
    assert "neither within" in error(capsys, "mask", source, str(faces / "masked"))
    assert "say what to mask" in error(capsys, "mask")
    assert "'error', 'skip'" in error(capsys, "mask", source, target, "--broken", "ignore")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").touch()
    assert "choose another folder" in error(capsys, "mask", source, str(tmp_path / "own"))
    assert not Path(target).exists()
    assert main(["mask", source, target, "--kind", "de"]) == 0
    before = pictures(Path(target))
    assert "was made otherwise" in error(capsys, "mask", source, target, "--kind", "kp_cvx")
    assert pictures(Path(target)) == before
    (faces / "landmarks.npy").unlink()
    assert f"run `maskrec landmarks {faces}`" in error(capsys, "mask", source, str(tmp_path / "other"))


def test_broken_pictures_are_named(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (faces / "0000001" / "0002.jpg").write_bytes(b"no picture")
    command = ["mask", str(faces), str(tmp_path / "masked"), "--kind", "de"]
    assert "0002.jpg: broken, or not a picture; mend or remove it" in error(capsys, *command)
    assert main([*command, "--broken", "skip"]) == 0
    assert "1 broken pictures left out: 0000001/0002.jpg" in capsys.readouterr().out
    assert len(pictures(tmp_path / "masked")) == 23


def test_pictures_that_change_are_masked_anew(faces: Path, tmp_path: Path) -> None:
    target, mended, other = tmp_path / "masked", faces / "0000001" / "0002.jpg", faces / "0000002" / "0001.jpg"
    command = ["mask", str(faces), str(target), "--kind", "de", "--broken", "skip"]
    whole = mended.read_bytes()
    mended.write_bytes(b"no picture")
    assert main(command) == 0
    before = pictures(target)
    mended.write_bytes(whole)
    shutil.copy(faces / "0000003" / "0000.jpg", other)
    assert main(command) == 0
    after = pictures(target)
    assert {name for name in after if after[name] != before.get(name)} == {
        str(path.relative_to(faces)) for path in (mended, other)
    }
    mended.write_bytes(b"no picture")
    assert main(command) == 0
    assert len(pictures(target)) == 23  # the copy of what it was is gone


def test_records_have_no_copy(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (faces / "train.rec").touch()
    assert "train.rec, of which no copy is made" in error(capsys, "mask", str(faces), str(tmp_path / "masked"))
    assert not (tmp_path / "masked").exists()


def test_masks_under_which_no_face_is_found_are_left_out(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["mask", str(faces), str(tmp_path / "masked"), "--kind", "nist", "--detectable"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    _, *records = lines(tmp_path / "masked")
    left_out = {record["image"] for record in records if "left_out" in record}
    assert 0 < len(left_out) < 24
    assert f"{len(left_out)} left out: no face is found under the mask" in printed
    assert pictures(tmp_path / "masked").keys() == pictures(faces).keys() - left_out
    assert main(command) == 0
    assert "was made otherwise" in error(capsys, *command[:-1])


def test_the_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "masks.png"
    assert main(["mask", "--gallery", str(target)]) == 0
    height, width, _ = cv2.imread(str(target)).shape
    assert height > 13 * 112  # a row for each of 8 kinds and 18 styles, in two columns
    assert width > 2 * 6 * 112
    assert "ends in .png" in error(capsys, "mask", "--gallery", str(tmp_path / "masks.gif"))


def test_masks_are_measured(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "--faces", "12"]) == 0
    printed = capsys.readouterr().out
    assert "12 generated faces\n" in printed
    assert printed.count("changed outside region   0 faces") == 2
    assert main(["quality", str(faces), "--kind", "nist", "--faces", "6"]) == 0
    printed = capsys.readouterr().out
    assert "24 faces of " in printed
    assert "6 of them looked at" in printed
    (faces / "landmarks.npy").unlink()
    assert "none were detected" in error(capsys, "quality", str(faces))


def test_faces_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`make exp NAME=cosface_generated` makes them" in error(capsys, "faces")
    accuracy = {f"generated/unmasked_{kind}": {"accuracy": a} for kind, a in (("unmasked", 0.95), ("masked", 0.64))}
    (tmp_path / "results.json").write_text(json.dumps({"protocols": accuracy}))
    monkeypatch.setattr("maskrec.data.generated.properties.IDENTITIES", 12)
    assert main(["faces", "--run", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for word in ("found by FaceMesh", "median landmark error", "8x8 thumbnails", "0.950, unmasked_masked 0.640"):
        assert word in printed
    assert cv2.imread(str(tmp_path / "generated_faces.png")).shape == (10 * 112, 8 * 112, 3)
