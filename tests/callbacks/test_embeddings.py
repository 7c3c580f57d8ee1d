"""Embeddings in a file (`predict` as a whole is in test_cli.py and test_contract.py)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import bare_trainer, tiny_faces

from maskrec.callbacks import WriteEmbeddings
from maskrec.methods import FaceClassifier


def test_pictures_that_were_not_embedded_have_no_row(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskrec.data.evaluation_set.EVALUATION_BATCH", 8)
    torch.manual_seed(0)
    model, data = FaceClassifier("resnet10t", num_identities=None, input_size=(32, 32)), tiny_faces()
    data.predict_folder = faces
    found = []
    for limit in (1.0, 1):
        writer = WriteEmbeddings(tmp_path / f"{limit}.npz", data.predict_paths())
        trainer = bare_trainer(tmp_path, callbacks=[writer], limit_predict_batches=limit)
        trainer.predict(model, datamodule=data, return_predictions=False)
        with np.load(writer.output) as content:
            found.append((content["path"].tolist(), content["embedding"]))
    (paths, every), (first_paths, first) = found
    assert (len(first), len(every)) == (8, 24)
    assert first_paths == paths[: len(first)]
    np.testing.assert_allclose(first, every[: len(first)], atol=1e-6)
