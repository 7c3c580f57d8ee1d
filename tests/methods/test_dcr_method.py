"""DCR beyond the contract."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, freeze_batch_norm, tiny_faces
from pytorch_lightning import Callback, Trainer
from torch.nn.parallel import DistributedDataParallel

from data_modules import GeneratedFaces
from maskrec.masking import DE
from maskrec.methods import DCR


def dcr(**changes: Any) -> DCR:
    torch.manual_seed(0)
    return DCR(16, 12, backbone="resnet10t", input_size=(32, 32), **changes)


def faces(**changes: Any) -> GeneratedFaces:
    options = {"batch_size": 16, "images_per_identity": 4, "masked_per_identity": 2, "masking": DE()}
    return tiny_faces(**(options | changes))


def make_trainer(folder: Path, **changes: Any) -> Trainer:
    return bare_trainer(folder, **({"limit_val_batches": 0} | changes))


class Observer(Callback):
    """Freezes batch-norm statistics; keeps each step's gradients, the centres, and what DDP sends round."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.gradients: list[dict[str, torch.Tensor]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        freeze_batch_norm(pl_module)
        if isinstance(trainer.strategy.model, DistributedDataParallel):
            banks = {pl_module.ranking.centers.centers, pl_module.ranking.centers.is_seen}
            assert not banks & set(trainer.strategy.model.modules_buffers)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.gradients.append({name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None})

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        bank = pl_module.ranking.centers
        torch.save((self.gradients, bank.centers, bank.is_seen), self.file.with_suffix(f".{trainer.global_rank}"))


def test_the_loss_is_softmax_and_both_terms_with_their_weights(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, limit_train_batches=1)
    trainer.fit(dcr(gamma=0.6, single_weight=0.3), datamodule=faces())
    logged = {name.removeprefix("train/"): value.item() for name, value in trainer.callback_metrics.items()}
    assert logged.keys() == {"loss", "Softmax", "DCR", "DCR_single", "DCR_cross"}
    assert logged["DCR_single"] > 0
    assert logged["DCR_cross"] > 0
    assert logged["DCR"] == pytest.approx(0.3 * logged["DCR_single"] + 0.6 * logged["DCR_cross"])
    assert logged["loss"] == pytest.approx(logged["Softmax"] + logged["DCR"])


def test_both_terms_move_the_backbone(tmp_path: Path) -> None:
    trained = []
    for weights in ({}, {"gamma": 0.0}, {"single_weight": 0.0}, {"gamma": 0.0, "single_weight": 0.0}):
        model = dcr(**weights)
        make_trainer(tmp_path, limit_train_batches=1).fit(model, datamodule=faces())
        trained.append(torch.nn.utils.parameters_to_vector(model.backbone.parameters()).detach())
    assert len(torch.stack(trained).unique(dim=0)) == 4


def test_two_processes_have_the_gradients_and_centres_of_one(tmp_path: Path) -> None:
    for processes, strategy in ((1, "auto"), (2, "ddp_fork")):
        observer = Observer(tmp_path / f"{processes}.pt")
        trainer = make_trainer(tmp_path, devices=processes, strategy=strategy, callbacks=[observer])
        trainer.fit(dcr(), datamodule=faces())
    one, first, second = (torch.load(tmp_path / name, weights_only=True) for name in ("1.0", "2.0", "2.1"))
    assert first[1].any(dim=2).all(dim=0).sum() >= 8  # both centres of most identities were set
    for one_rank in (first, second):
        assert torch.equal(one_rank[2], one[2])
        torch.testing.assert_close(one_rank[1], one[1], rtol=1e-3, atol=1e-4)
        for expected, found in zip(one[0], one_rank[0], strict=True):
            for name, gradient in expected.items():
                torch.testing.assert_close(found[name], gradient, rtol=1e-2, atol=1e-4)
    assert torch.equal(first[1], second[1])


def test_centres_come_back_with_a_checkpoint(tmp_path: Path) -> None:
    model = dcr()
    trainer = make_trainer(tmp_path, limit_train_batches=2)
    trainer.fit(model, datamodule=faces())
    trainer.save_checkpoint(tmp_path / "dcr.ckpt")
    assert model.ranking is not None
    assert model.ranking.centers.is_seen.any()
    again = DCR.load_from_checkpoint(tmp_path / "dcr.ckpt", weights_only=True, num_identities=12)
    assert again.ranking is not None
    assert torch.equal(again.ranking.centers.centers, model.ranking.centers.centers)
    assert torch.equal(again.ranking.centers.is_seen, model.ranking.centers.is_seen)
    bare = DCR.load_from_checkpoint(tmp_path / "dcr.ckpt", weights_only=True, num_identities=None)
    assert bare.ranking is None


def test_a_delay_leaves_the_head_alone_at_first_while_centres_gather(tmp_path: Path) -> None:
    trained = []
    for options in ({"delay": 2}, {"gamma": 0.0, "single_weight": 0.0}):
        model = dcr(**options)
        trainer = make_trainer(tmp_path, limit_train_batches=2)
        trainer.fit(model, datamodule=faces())
        assert trainer.callback_metrics["train/DCR"] == 0
        assert model.ranking is not None
        assert model.ranking.centers.is_seen.sum() >= 8
        trained.append(torch.nn.utils.parameters_to_vector(model.backbone.parameters()).detach())
    torch.testing.assert_close(trained[0], trained[1])
    model = dcr(delay=1)
    trainer = make_trainer(tmp_path, limit_train_batches=2)
    trainer.fit(model, datamodule=faces())
    assert trainer.callback_metrics["train/DCR"] > 0
