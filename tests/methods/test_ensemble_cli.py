"""An ensemble through the real command line."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from conftest import ROOT

from maskrec.cli import main
from maskrec.methods import ContrastiveSiamese

SMOKE = str(ROOT / "tests" / "conf" / "smoke.yaml")


def scores_of(name: str, model: dict[str, Any], place: Path) -> dict[str, np.ndarray]:
    """The scores of `maskrec test`, without a checkpoint of its own."""
    (place / f"{name}.yaml").write_text(
        yaml.safe_dump({"model": model, "data": {"init_args": {"image_size": [32, 32]}}})
    )
    files = ("experiments/base.yaml", SMOKE, f"{name}.yaml")
    assert main(["test", *(f"--config={file}" for file in files), f"--name={name}"]) == 0
    with np.load(place / "runs" / name / "latest" / "scores.npz") as content:
        return {key: content[key] for key in content.files if key.endswith("/score")}


def test_it_scores_the_mean_of_its_members(workplace: Path) -> None:
    members, alone = [], []
    for seed, level in enumerate(("backbone", "output")):
        torch.manual_seed(seed)
        network = {"backbone": "resnet10t", "head_dim": 8, "input_size": [32, 32], "level": level}
        member = ContrastiveSiamese("resnet10t", 8, input_size=(32, 32))
        torch.save({"state_dict": member.state_dict()}, workplace / f"member{seed}-ab12.ckpt")
        init_args = network | {"start_from": f"member{seed}-*.ckpt"}
        members.append({"class_path": "maskrec.methods.ContrastiveSiamese", "init_args": init_args})
        alone.append(scores_of(f"member{seed}", members[-1], workplace))
    found = scores_of("both", {"class_path": "maskrec.methods.Ensemble", "init_args": {"members": members}}, workplace)
    assert len(found) == 3
    for key, score in found.items():
        np.testing.assert_allclose(score, (alone[0][key] + alone[1][key]) / 2, rtol=1e-5)
        assert not np.allclose(alone[0][key], alone[1][key])
