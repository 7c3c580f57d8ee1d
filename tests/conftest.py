"""What several tests need: a cache of their own, W&B off, and real faces where they are."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from maskrec.data.generated import draw_face, generate_faces
from maskrec.masking.base import Face

ROOT = Path(__file__).parents[1]

# One OpenMP thread a test process: several processes share the cores.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["WANDB_MODE"] = "disabled"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for this session, also of subprocesses."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["MASKREC_CACHE"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def detection_stays_outside() -> Iterator[None]:
    """mediapipe runs in processes of its own: a test it ran in would break those that fork off its worker later."""
    yield
    assert "mediapipe" not in sys.modules


@pytest.fixture(scope="session")
def drawn_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 6 identities with 4 pictures each; left as it is."""
    folder = tmp_path_factory.mktemp("drawn") / "faces"
    generate_faces(folder, identities=6, images=4, seed=0)
    return folder


@pytest.fixture
def faces(drawn_faces: Path, tmp_path: Path) -> Path:
    """A folder of 6 identities with 4 pictures each, to do with as one likes."""
    return Path(shutil.copytree(drawn_faces, tmp_path / "faces"))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory that sees the project's experiments."""
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def real_data() -> Path:
    """Real faces, where MASKREC_DATA says they are."""
    folder = os.environ.get("MASKREC_DATA")
    if not folder:
        pytest.skip("MASKREC_DATA is not set: no real faces to run on")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def portraits() -> list[Face]:
    """60 faces of 12 people, of all turns and expressions."""
    drawn = [draw_face(11, number // 5, number % 5) for number in range(60)]
    return [(image, landmarks.astype(np.float32)) for image, landmarks in drawn]


@pytest.fixture(scope="session")
def portrait(portraits: list[Face]) -> Face:
    """The one that is turned least."""
    return min(portraits, key=lambda drawn: abs(drawn[1][30, 0] - drawn[1][[1, 15], 0].mean()))
