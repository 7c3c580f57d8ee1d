"""FaceClassifier beyond the contract."""

from pathlib import Path

import pytest
import torch
from helpers import tiny_faces
from pytorch_lightning import Trainer
from torch.nn import functional as F

from maskrec import UserError
from maskrec.data.images import normalise
from maskrec.methods import FaceClassifier


def classifier(**changes: object) -> FaceClassifier:
    torch.manual_seed(0)
    return FaceClassifier("resnet10t", 16, input_size=(32, 32), **changes).eval()  # type: ignore[arg-type]


def test_mirror_adds_the_features_of_the_mirror_image() -> None:
    model, image = classifier(mirror=True), torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        expected = F.normalize(model.backbone(image) + model.backbone(image.flip(3)))
        torch.testing.assert_close(model.embed(image), expected)
        torch.testing.assert_close(model.embed(image.flip(3)), expected)


def test_training_without_identities_says_so() -> None:
    with pytest.raises(UserError, match="training needs num_identities"):
        classifier().training_step(None, 0)  # type: ignore[arg-type]


def test_the_head_can_start_from_identity_means(tmp_path: Path) -> None:
    model = classifier(num_identities=12, start_from_means=True)
    data = tiny_faces()
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=0, limit_val_batches=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(model, datamodule=data)
    assert model.head is not None
    faces = data.training_faces()
    (batch,) = [batch for batch in data.plain_training_loader() if len(batch.row) == 64]
    first = (torch.from_numpy(faces.labels) == 0).nonzero().flatten()
    with torch.inference_mode():
        embedding = model.eval().embed(normalise(batch.image))
    torch.testing.assert_close(model.head.weight[0], embedding[first].mean(dim=0), rtol=1e-4, atol=1e-5)
