"""FaceClassifier beyond the contract."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, freeze_batch_norm, tiny_faces
from jsonargparse import ArgumentParser
from pytorch_lightning import Callback, Trainer
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from maskrec import UserError
from maskrec.data.images import normalise
from maskrec.losses import BatchHardTriplet, CenterLoss, Softmax, SphereFace
from maskrec.methods import FaceClassifier


def classifier(**changes: object) -> FaceClassifier:
    torch.manual_seed(0)
    return FaceClassifier("resnet10t", 16, input_size=(32, 32), **changes).eval()  # type: ignore[arg-type]


def make_trainer(folder: Path, **changes: Any) -> Trainer:
    return bare_trainer(folder, **({"limit_val_batches": 0} | changes))


class Observer(Callback):
    """Freezes batch-norm statistics; keeps the last step's gradients, the centres, and what DDP sends round."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        freeze_batch_norm(pl_module)
        self.ddp: Any = trainer.strategy.model

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.gradients = {name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None}

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        centers = pl_module.embedding_losses["CenterLoss"].centers
        if isinstance(self.ddp, DistributedDataParallel):
            assert all(buffer is not centers for buffer in self.ddp.modules_buffers)
            assert len(self.ddp.modules_buffers) == sum(1 for _ in pl_module.buffers()) - 1
        torch.save((self.gradients, centers), self.file.with_suffix(f".{trainer.global_rank}"))


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
    make_trainer(tmp_path, limit_train_batches=0).fit(model, datamodule=data)
    assert model.head is not None
    faces = data.training_faces()
    (batch,) = [batch for batch in data.plain_training_loader() if len(batch.row) == 64]
    first = (torch.from_numpy(faces.labels) == 0).nonzero().flatten()
    with torch.inference_mode():
        embedding = model.eval().embed(normalise(batch.image))
    torch.testing.assert_close(model.head.weight[0], embedding[first].mean(dim=0), rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_sum_of_the_logged_terms(tmp_path: Path) -> None:
    model = classifier(
        num_identities=12, loss=SphereFace(), embedding_losses=[BatchHardTriplet(weight=0.5), CenterLoss()]
    )
    trainer = make_trainer(tmp_path, limit_train_batches=1)
    trainer.fit(model.train(), datamodule=tiny_faces(images_per_identity=4))
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert logged.keys() == {"train/loss", "train/SphereFace", "train/BatchHardTriplet", "train/CenterLoss"}
    assert all(value > 0 for value in logged.values())
    assert logged["train/loss"] == pytest.approx(sum(logged.values()) - logged["train/loss"])
    assert model.embedding_losses["CenterLoss"].centers.any()  # type: ignore[union-attr,operator]
    assert not classifier(embedding_losses=[CenterLoss()]).embedding_losses  # as without a head


def test_a_checkpoint_with_centres_loads_where_there_is_no_head(tmp_path: Path) -> None:
    model = classifier(num_identities=12, embedding_losses=[CenterLoss()])
    trainer = make_trainer(tmp_path, limit_train_batches=1)
    trainer.fit(model.train(), datamodule=tiny_faces())
    trainer.save_checkpoint(tmp_path / "centres.ckpt")
    state = torch.load(tmp_path / "centres.ckpt", weights_only=True)["state_dict"]
    assert state["embedding_losses.CenterLoss.centers"].any()
    FaceClassifier.load_from_checkpoint(tmp_path / "centres.ckpt", weights_only=True, num_identities=None)


def test_a_configuration_composes_losses() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(FaceClassifier, "model")
    triplet = {"class_path": "maskrec.losses.BatchHardTriplet", "init_args": {"margin": 0.3, "weight": 0.5}}
    center = {"class_path": "maskrec.losses.CenterLoss"}
    network = {"backbone": "resnet10t", "embedding_dim": 16, "input_size": [32, 32], "num_identities": 12}
    loss = {"class_path": "maskrec.losses.SphereFace", "init_args": {"margin": 3}}
    config = parser.parse_object({"model": {**network, "loss": loss, "embedding_losses": [triplet, center]}})
    model = parser.instantiate(config).model
    assert model.head.loss.margin == 3
    assert model.embedding_losses["BatchHardTriplet"].margin == 0.3
    assert model.embedding_losses["BatchHardTriplet"].weight == 0.5
    assert model.embedding_losses["CenterLoss"].centers.shape == (12, 16)


def test_an_embedding_loss_is_taken_once() -> None:
    with pytest.raises(UserError, match="BatchHardTriplet is there twice"):
        classifier(num_identities=12, embedding_losses=[BatchHardTriplet(), BatchHardTriplet(0.2)])


def test_two_processes_take_the_steps_of_one_with_losses_over_the_batch(tmp_path: Path) -> None:
    for processes, strategy in ((1, "auto"), (2, "ddp_fork")):
        terms = [BatchHardTriplet(normalize=True), CenterLoss(weight=0.1)]
        model = classifier(num_identities=12, loss=Softmax(), embedding_losses=terms)
        options = {"devices": processes, "strategy": strategy, "limit_train_batches": 2}
        trainer = make_trainer(tmp_path, callbacks=[Observer(tmp_path / f"of{processes}")], **options)
        trainer.fit(model.train(), datamodule=tiny_faces(images_per_identity=4))
    (one, centers), (two, centers_of_two), (_, centers_of_other) = (
        torch.load(tmp_path / name, weights_only=True) for name in ("of1.0", "of2.0", "of2.1")
    )
    assert centers.any()
    torch.testing.assert_close(centers_of_two, centers, rtol=1e-3, atol=1e-5)
    assert torch.equal(centers_of_other, centers_of_two)
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=1e-3, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")
