"""`maskrec landmarks`: what it detects, keeps, and says."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskrec import UserError
from maskrec.cli import main
from maskrec.data import detection
from maskrec.data.detection import detect_landmarks
from maskrec.data.images import read_image
from maskrec.data.landmarks import FILE, Status, Table, find_table, list_pictures, open_table, read_landmarks
from maskrec.masking.base import Image, Points
from maskrec.masking.layout import TEMPLATE


class FakeMesh:
    """Finds a face wherever a picture is not all black: the template, moved by how bright pixel 0 is."""

    def detect(self, image: Image) -> Points | None:
        return TEMPLATE + np.float32(image[0, 0, 0] / 1000) if image.any() else None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A detector that costs nothing, in small chunks; the processes are forked, so they have it, too."""
    monkeypatch.setattr(detection, "FaceMesh", FakeMesh)
    monkeypatch.setattr(detection, "CHUNK", 5)
    return monkeypatch


@pytest.fixture
def undetected(faces: Path) -> Path:
    """Faces whose landmarks are not known."""
    (faces / FILE).unlink()
    return faces


def table(root: Path) -> Table:
    file = find_table(root)
    assert file is not None
    return np.array(open_table(file))


def test_what_is_written_is_what_is_read(undetected: Path, quick: pytest.MonkeyPatch) -> None:
    detected = detect_landmarks(undetected, processes=2)
    assert (detected.found, detected.without) == (24, [])
    assert detected.summary() == f"24 pictures: 24 found\nlandmarks: {undetected / FILE}"
    path = str(undetected / "0000003" / "0002.jpg")
    landmarks = read_landmarks(undetected, [path])
    expected = FakeMesh().detect(read_image(path))
    np.testing.assert_array_equal(landmarks.of(0, (112, 112)), expected)


def test_a_second_run_detects_nothing_and_writes_nothing(undetected: Path, quick: pytest.MonkeyPatch) -> None:
    first = detect_landmarks(undetected, processes=1)
    before = {file: file.stat().st_mtime_ns for file in undetected.iterdir()}
    quick.setattr(detection, "process_pool", None)
    assert detect_landmarks(undetected) == first
    assert {file: file.stat().st_mtime_ns for file in undetected.iterdir()} == before


def test_only_what_changed_is_detected_again_and_what_is_gone_is_dropped(
    undetected: Path, quick: pytest.MonkeyPatch
) -> None:
    detect_landmarks(undetected, processes=1)
    before = table(undetected)
    changed, touched, new = (undetected / "0000001" / f"000{n}.jpg" for n in (1, 2, 9))
    shutil.copy(undetected / "0000004" / "0000.jpg", changed)
    os.utime(touched)
    shutil.copy(changed, new)
    shutil.rmtree(undetected / "0000003")
    (undetected / "0000000").rename(undetected / "zoe")
    quick.setattr(FakeMesh, "detect", lambda self, image: TEMPLATE + 9)
    detect_landmarks(undetected, processes=1)
    after = table(undetected)
    assert len(after) == 24 - 4 + 1
    is_new = (after["points"] == TEMPLATE + 9).all(axis=(1, 2))
    names = {os.fsdecode(name) for name in after["name"][is_new]}
    below = {str(path.relative_to(undetected)) for path in (changed, touched, new)}
    assert names == below | {f"zoe/000{n}.jpg" for n in range(4)}
    kept = np.isin(before["name"], after["name"][~is_new])
    np.testing.assert_array_equal(before[kept], after[~is_new].astype(before.dtype))


def test_what_has_no_landmarks_is_counted_named_and_listed(
    undetected: Path, quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(undetected / "0000002" / "black.png"), np.zeros((20, 30, 3), np.uint8))
    (undetected / "0000004" / "0001.jpg").write_bytes(b"no picture")
    (undetected / "0000005" / "0003.jpg").write_bytes(b"")
    assert main(["landmarks", str(undetected), "--processes", "1"]) == 0
    said = capsys.readouterr().out
    listed = undetected / "landmarks-not-found.txt"
    names = ["0000002/black.png", "0000004/0001.jpg", "0000005/0003.jpg"]
    assert f"25 pictures: 22 found, 1 not found, 2 broken ({', '.join(names)}; all in {listed})" in said
    lines = [f"{why}\t{name}" for why, name in zip(["not found", "broken", "broken"], names, strict=True)]
    assert listed.read_text().splitlines() == lines
    assert main(["landmarks", str(undetected), "--strict"]) == 2
    said, error = capsys.readouterr()
    assert f"not found: {undetected / names[0]}\nbroken: {undetected / names[1]}\n" in said
    assert error == f"error: {undetected}: 3 pictures have no landmarks\n"
    for name in names:
        (undetected / name).unlink()
    assert main(["landmarks", str(undetected), "--strict"]) == 0
    assert not listed.read_text()


def test_a_read_only_folder_has_its_file_in_the_cache(
    undetected: Path, quick: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undetected.chmod(0o555)
    assert main(["landmarks", str(undetected), "--processes", "1"]) == 0
    assert f"landmarks: {cache}/landmarks-" in capsys.readouterr().out
    assert not (undetected / FILE).exists()
    assert not read_landmarks(undetected, [str(undetected / "0000000" / "0000.jpg")]).is_fallback.any()


def test_a_full_disk_is_one_line_and_costs_nothing_that_was_there(
    undetected: Path, quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    detect_landmarks(undetected, processes=1)
    before = (undetected / FILE).read_bytes()
    os.utime(undetected / "0000004" / "0001.jpg")
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        assert main(["landmarks", str(undetected), "--processes", "1"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    expected = f"error: landmarks {undetected / FILE}: File too large; what was detected is kept\n"
    assert capsys.readouterr().err == expected
    assert (undetected / FILE).read_bytes() == before
    assert not list(undetected.glob(".landmarks*"))


def test_a_damaged_file_is_made_anew(undetected: Path, quick: pytest.MonkeyPatch) -> None:
    (undetected / FILE).write_bytes(b"something else")
    assert detect_landmarks(undetected, processes=1).found == 24


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere"], "data root nowhere: No such file or directory; expected a folder of pictures"),
        (["."], r"data root \.: holds no picture \(.jpg"),
        ([], "root"),
        ([".", "--processes", "0"], "processes"),
    ],
)
def test_wrong_commands_are_one_line(
    args: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["landmarks", *args]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)


def test_a_process_that_is_killed_is_one_line(undetected: Path, quick: pytest.MonkeyPatch) -> None:
    quick.setattr(FakeMesh, "detect", lambda self, image: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(UserError, match=r"a process was killed .*start again, and it goes on"):
        detect_landmarks(undetected, processes=1)
    quick.setattr(FakeMesh, "detect", lambda self, image: TEMPLATE)
    assert detect_landmarks(undetected, processes=1).found == 24


def test_a_killed_command_goes_on_where_it_was(undetected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):  # 312 pictures: 5 chunks
        for identity in sorted(undetected.glob("000*")):
            shutil.copytree(identity, undetected / "more" / str(number) / identity.name)
    command = [sys.executable, "-m", "maskrec", "landmarks", str(undetected), "--processes", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if find_table(undetected) and (table(undetected)["status"] != Status.TO_DETECT).any():
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
    assert process.returncode == -signal.SIGKILL
    killed = table(undetected)
    is_done = killed["status"] != Status.TO_DETECT
    assert 0 < is_done.sum() < len(killed)
    assert (killed["status"][is_done] == Status.FOUND).mean() > 0.9
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children)  # no process is left behind
    monkeypatch.setattr(detection, "FaceMesh", FakeMesh)
    detect_landmarks(undetected, processes=1)
    after = table(undetected)
    np.testing.assert_array_equal(after[is_done], killed[is_done])
    assert (after["status"] == Status.FOUND).sum() > is_done.sum()
    assert not (after["status"] == Status.TO_DETECT).any()


def test_real_faces(real_data: Path, tmp_path: Path) -> None:
    pictures = sorted((real_data / "lfw").glob("*/*.jpg"))[::400]
    for path in pictures:
        shutil.copy(path, tmp_path)
    detected = detect_landmarks(tmp_path, processes=1)
    assert detected.found >= 0.95 * len(pictures)
    points = table(tmp_path)["points"]
    assert np.abs(np.nanmedian(points, axis=0) - TEMPLATE).mean() < 4  # pixels
    assert list_pictures(tmp_path)["name"].tolist() == table(tmp_path)["name"].tolist()
