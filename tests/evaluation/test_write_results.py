"""results.json, scores.npz and the table, by one process and by two."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import tiny_faces
from pytorch_lightning import Trainer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from maskrec.callbacks import WriteResults
from maskrec.data import EvaluationSet
from maskrec.evaluation import AllPairs, Evaluation, Identification, OneOfN, ProtocolResult, Verification
from maskrec.evaluation.results import print_results
from maskrec.methods import FaceMethod
from maskrec.methods.base import CosineSimilarity
from maskrec.types import FaceBatch

FACES, IDENTITIES = 37, 6  # an odd number: the second of two ranks is padded


class Thumbnail(CosineSimilarity, FaceMethod):
    """The picture made small is its embedding: the same number by number in a batch of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.faces_embedded = 0

    def embed(self, images: Tensor) -> Tensor:
        self.faces_embedded += len(images)
        return F.normalize(F.avg_pool2d(images, 8).flatten(1), dim=1)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        raise AssertionError("only tested")


class Noise(Dataset[FaceBatch]):
    """Pictures of an identity resemble each other."""

    def __len__(self) -> int:
        return FACES

    def __getitem__(self, row: int) -> FaceBatch:
        first, second = (torch.Generator().manual_seed(seed) for seed in (row % IDENTITIES, 100 + row))
        image = torch.randint(128, (3, 32, 32), generator=first) + torch.randint(128, (3, 32, 32), generator=second)
        label = torch.tensor(row % IDENTITIES)
        return FaceBatch(image.byte(), label, torch.tensor(False), torch.tensor(row), torch.full((96, 2), torch.nan))


class EveryProtocol(EvaluationSet):
    def faces(self, image_size: tuple[int, int]) -> Dataset[FaceBatch]:
        return Noise()

    def evaluation(self) -> Evaluation:
        rows = torch.arange(FACES)
        identity = rows % IDENTITIES
        reference, probe = rows.repeat(2), torch.cat([rows.roll(-IDENTITIES), rows.roll(-1)])
        is_genuine = identity[reference] == identity[probe]
        others = (rows[:10].unsqueeze(1) + torch.arange(1, 4)) % FACES
        protocols = {
            "pairs": Verification(reference, probe, is_genuine, torch.arange(2 * FACES) % 5, identity),
            "all": AllPairs(rows[:20], rows[10:], identity),
            "search": Identification(rows[:12], rows[12:], identity),
            "steps": OneOfN(rows[:10], rows[:10] + IDENTITIES, others, identity),
        }
        return Evaluation("noise", FACES, protocols)


def run(folder: Path, processes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    trainer = Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp_fork" if processes > 1 else "auto",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[WriteResults(str(folder / "results.json"), "noise", 0)],
    )
    method = Thumbnail()
    trainer.test(method, datamodule=tiny_faces(test_sets=[EveryProtocol()]), verbose=False)
    if processes == 1:
        assert method.faces_embedded == FACES  # once, for four protocols
    with np.load(folder / "scores.npz") as scores:
        return json.loads((folder / "results.json").read_text())["protocols"], dict(scores)


def test_two_processes_write_the_results_of_one(tmp_path: Path) -> None:
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
    (one, scores), (two, scores_of_two) = (run(tmp_path / str(processes), processes) for processes in (1, 2))
    assert set(one) == {f"noise/{comparison}" for comparison in ("pairs", "all", "search", "steps")}
    assert one == two
    assert scores.keys() == scores_of_two.keys()
    for name, array in scores.items():
        np.testing.assert_array_equal(scores_of_two[name], array)
    assert one["noise/pairs"]["pairs"] == 2 * FACES
    assert one["noise/pairs"]["notes"]["frr100"] == "42 impostor pairs, 1e-2 needs 1,000"
    low, high = one["noise/search"]["intervals"]["map"]
    assert low <= one["noise/search"]["map"] <= high
    assert "notes" not in one["noise/search"]
    assert scores["noise/pairs/score"].shape == (2 * FACES,)
    assert scores["noise/search/rank"].shape == (12,)


def test_the_table_stays_narrow_and_says_each_note_once(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{kind}_1e-{n}" for kind in ("tar_at_far", "fnmr_at_fmr") for n in (2, 3, 4)]
    numbers = dict.fromkeys(("accuracy", "accuracy_std", "auc", "eer", "frr100", *names), 0.5) | {"pairs": 60_000}
    note = "30,000 impostor pairs, 1e-5 needs 1,000,000"
    result = ProtocolResult(numbers, {"tar_at_far_1e-5": note, "fnmr_at_fmr_1e-5": note})
    search = ProtocolResult({"rank_1": 0.25, "rank_5": 0.5, "rank_10": 0.6, "map": 0.3, "probes": 3648})
    print_results({"mfsr/unmasked_masked": result, "mfsr/unmasked_masked_search": search})
    printed = capsys.readouterr().out
    assert printed.count(note) == 1
    assert "fnmr_at_fmr_1e-3" in printed
    assert "1e-2" not in printed
    assert "3,648" in printed
    assert max(map(len, printed.splitlines())) <= 160
