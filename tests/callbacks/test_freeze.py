"""Training a part of a backbone."""

from pathlib import Path

import pytest
import torch
from helpers import bare_trainer, tiny_faces
from pytorch_lightning import Trainer

from maskrec import UserError
from maskrec.callbacks import FreezeBackbone, LastCheckpoint
from maskrec.methods import FaceClassifier


def trained(tmp_path: Path, callback: FreezeBackbone) -> tuple[dict[str, torch.Tensor], FaceClassifier]:
    torch.manual_seed(0)
    model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer = Trainer(
        accelerator="cpu", max_steps=2, callbacks=[callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0, default_root_dir=tmp_path,
        use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(model, datamodule=tiny_faces())
    return before, model


def changed(before: dict[str, torch.Tensor], model: FaceClassifier, prefix: str) -> bool:
    after = model.state_dict()
    return any(not torch.equal(value, after[name]) for name, value in before.items() if name.startswith(prefix))


def test_the_first_share_stays(tmp_path: Path) -> None:
    before, model = trained(tmp_path, FreezeBackbone(0.5))
    assert not changed(before, model, "backbone.trunk.layer2")  # statistics too
    assert changed(before, model, "backbone.trunk.layer4")
    assert changed(before, model, "head")
    frozen = sum(p.numel() for p in model.backbone.parameters() if not p.requires_grad)
    assert 0.1 < frozen / sum(p.numel() for p in model.backbone.parameters()) <= 0.5


def test_statistics_alone(tmp_path: Path) -> None:
    before, model = trained(tmp_path, FreezeBackbone(0.0, batch_norm=True))
    assert not changed(before, model, "backbone.trunk.layer4.0.bn1.running_mean")
    assert changed(before, model, "backbone.trunk.conv1")


def test_statistics_go_on_where_asked(tmp_path: Path) -> None:
    before, model = trained(tmp_path, FreezeBackbone(0.1, batch_norm=False))
    assert changed(before, model, "backbone.trunk.layer4.0.bn1.running_mean")
    assert not changed(before, model, "backbone.trunk.layer1.0.bn1.running_mean")


def test_a_run_that_goes_on_in_mid_epoch_keeps_them(tmp_path: Path) -> None:
    def run(steps: int, checkpoint: Path | None = None) -> torch.Tensor:
        torch.manual_seed(0)
        model = FaceClassifier("resnet10t", 16, num_identities=12, input_size=(32, 32))
        callbacks = [FreezeBackbone(0.0), LastCheckpoint(str(tmp_path), every_n_steps=1)]
        options = {"max_steps": steps, "limit_val_batches": 1, "val_check_interval": 1, "enable_checkpointing": True}
        bare_trainer(tmp_path, callbacks=callbacks, **options).fit(model, datamodule=tiny_faces(), ckpt_path=checkpoint)
        return model.state_dict()["backbone.trunk.layer4.0.bn1.running_mean"]

    assert torch.equal(
        run(1), run(12, tmp_path / "last.ckpt")
    )  # into the next epoch, each step followed by a validation


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"fraction 1.5: expected a share between 0 and 1"):
        FreezeBackbone(1.5)
    with pytest.raises(UserError, match=r"FaceClassifier has no network 'nose'"):
        trained(tmp_path, FreezeBackbone(module="nose"))
