"""Folders of runs as a test leaves them, with scores drawn at random."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from maskrec.evaluation.metrics import area_under_roc, equal_error_rate, frr100, kfold_accuracy

PAIRS, IDENTITIES, FOLDS = 400, 40, 10
Arrays = dict[str, Any]


def verification(separation: float, seed: int = 0, noise_seed: int = 0) -> tuple[dict[str, Any], Arrays]:
    """An entry of results.json and its arrays; `separation` in deviations, `seed` fixes the pairs."""
    rng = np.random.default_rng(seed)
    first = rng.integers(IDENTITIES, size=PAIRS)
    is_genuine = np.arange(PAIRS) % 2 == 0
    second = np.where(is_genuine, first, (first + rng.integers(1, IDENTITIES, size=PAIRS)) % IDENTITIES)
    fold = np.arange(PAIRS) // (PAIRS // FOLDS)
    hardness = rng.normal(size=PAIRS)
    own = np.random.default_rng(noise_seed + 1).normal(size=PAIRS)
    score = ((separation * is_genuine + 0.8 * hardness + 0.6 * own) / 8).astype(np.float32)
    arrays = {"score": score, "is_genuine": is_genuine, "fold": fold}
    truth = [torch.from_numpy(array) for array in (score, is_genuine)]
    accuracy, deviation = kfold_accuracy(*truth, torch.from_numpy(fold))
    entry = {
        "accuracy": accuracy,
        "accuracy_std": deviation,
        "auc": area_under_roc(*truth),
        "eer": equal_error_rate(*truth),
        "frr100": frr100(*truth),
        "pairs": PAIRS,
        "notes": {"fnmr_at_fmr_1e-6": "200 impostor pairs, 1e-6 needs <10,000,000>"},
        "intervals": {"accuracy": [accuracy - 0.02, accuracy + 0.02]},
    }
    return entry, arrays | {"reference_identity": first, "probe_identity": second}


def search(mean_rank: float) -> tuple[dict[str, Any], Arrays]:
    """The same of an identification."""
    rank = np.random.default_rng(5).geometric(1 / mean_rank, size=100)
    arrays = {"rank": rank, "average_precision": 1 / rank, "probe_row": np.arange(100), "identity": np.arange(100) // 4}
    entry = {"rank_1": float((rank == 1).mean()), "map": float((1 / rank).mean()), "probes": 100, "gallery": 300}
    return entry, arrays


def all_pairs() -> tuple[dict[str, Any], Arrays]:
    """The same of all pairs, whose curve is thinned."""
    fmr = np.logspace(-6, 0, 50)
    arrays = {
        "threshold": np.linspace(1, 0, 50),
        "fmr": fmr,
        "fnmr": np.linspace(0.5, 0, 50),
        "histogram_edges": np.linspace(0, 1, 11),
        "genuine_histogram": np.arange(10),
        "impostor_histogram": np.arange(10)[::-1],
    }
    return {
        "eer": 0.12,
        "fnmr_at_fmr_1e-3": 0.3,
        "fnmr_at_fmr_1e-6": 0.6,
        "genuine": 45,
        "impostors": 1_000_000,
    }, arrays


def make_run(folder: Path, protocols: dict[str, tuple[dict[str, Any], Arrays]], **changes: Any) -> Path:
    """Write results.json, scores.npz and config.yaml; `changes` are those of the configuration."""
    folder.mkdir(parents=True)
    config = {"name": "tiny", "seed_everything": 1, "model": {"class_path": "maskrec.methods.LPD"}} | changes
    made_by = {
        "experiment": config["name"],
        "method": "LPD",
        "checkpoint": f"{folder}/checkpoints/best.ckpt",
        "seed": config["seed_everything"],
        "git": "0123456789abcdef+",
        "hardware": "2 CPU cores",
        "versions": {"torch": "2.15"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    content = made_by | {"protocols": {key: entry for key, (entry, _) in protocols.items()}}
    (folder / "results.json").write_text(json.dumps(content))
    arrays = {f"{key}/{name}": array for key, (_, found) in protocols.items() for name, array in found.items()}
    np.savez(folder / "scores.npz", **arrays)
    return folder
