"""MoCo v2 beyond the contract."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, freeze_batch_norm, tiny_faces
from pytorch_lightning import Callback, Trainer
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from maskrec import UserError, create_backbone
from maskrec.methods import MoCoV2
from maskrec.types import FaceBatch


def moco(**changes: Any) -> MoCoV2:
    torch.manual_seed(0)
    options: dict[str, Any] = {"backbone": "resnet10t", "projection_dim": 8, "queue_length": 32, "momentum": 0.9}
    return MoCoV2(input_size=(32, 32), **(options | changes))


def views(faces: int = 8, seed: int = 0) -> FaceBatch:
    image = torch.rand(2 * faces, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    row = torch.arange(faces).repeat(2)
    return FaceBatch(image, row, torch.zeros(2 * faces).bool(), row, torch.empty(2 * faces, 0))


def alone(model: MoCoV2) -> MoCoV2:
    """Without a trainer to log to."""
    model.log = lambda *_args, **_options: None  # type: ignore[method-assign]
    return model


def test_a_step_is_that_of_the_papers_algorithm() -> None:
    model = alone(moco(groups=1))
    freeze_batch_norm(model.eval())  # then the shuffle changes nothing
    query_net = nn.Sequential(copy.deepcopy(model.backbone), copy.deepcopy(model.projection))
    key_net = copy.deepcopy(model.key_encoder)
    with torch.no_grad():  # so that the encoders differ
        for parameter in key_net.parameters():
            parameter.add_(0.01)
        model.key_encoder.load_state_dict(key_net.state_dict())
    batch, before = views(), model.queue.keys.clone()

    with torch.no_grad():  # Algorithm 1 of He et al., with the update first
        for ours, theirs in zip(key_net.parameters(), query_net.parameters(), strict=True):
            ours.copy_(0.9 * ours + 0.1 * theirs)
    query, key = F.normalize(query_net(batch.image[:8])), F.normalize(key_net(batch.image[8:])).detach()
    logits = torch.cat([torch.einsum("nc,nc->n", query, key)[:, None], torch.einsum("nc,kc->nk", query, before)], dim=1)
    expected = F.cross_entropy(logits / 0.2, torch.zeros(8, dtype=torch.long))
    expected.backward()

    loss = model.training_step(batch, 0)
    loss.backward()
    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(model.key_encoder.parameters(), key_net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.grad is None
    trained = [*model.backbone.parameters(), *model.projection.parameters()]
    for ours, theirs in zip(trained, query_net.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.queue.keys, torch.cat([key, before[8:]]))


def shuffled_keys(model: MoCoV2, image: Tensor, groups: int) -> Tensor:
    """Each key from a forward pass of its group alone, in a network of its own; by the order of step 0."""
    order = torch.randperm(len(image), generator=torch.Generator().manual_seed(0)).tolist()
    size = len(image) // groups
    keys: dict[int, Tensor] = {}
    for start in range(0, len(image), size):
        rows = order[start : start + size]
        found = copy.deepcopy(model.key_encoder).train()(image[rows])
        keys |= {row: F.normalize(key, dim=0) for row, key in zip(rows, found, strict=True)}
    return torch.stack([keys[row] for row in range(len(image))])


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_keys_are_normalised_within_their_shuffled_group(groups: int) -> None:
    model, image = moco(groups=groups).train(), views(16).image[16:]
    expected = shuffled_keys(model, image, groups)
    with torch.no_grad():
        plain = F.normalize(copy.deepcopy(model.key_encoder)(image), dim=1)
    keys = model._keys(image)
    torch.testing.assert_close(keys, expected.detach(), rtol=1e-4, atol=1e-5)
    if groups > 1:
        assert (keys - plain).abs().max() > 1e-3


def keys_of_rank(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(moco(groups=4).train()._keys(views().image[8:].chunk(2)[rank]), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_shuffle_as_one_does(tmp_path: Path) -> None:
    multiprocessing.start_processes(keys_of_rank, (tmp_path,), nprocs=2, start_method="fork")  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, moco(groups=4).train()._keys(views().image[8:]), rtol=1e-4, atol=1e-5)


class Observer(Callback):
    """Freezes batch-norm statistics; keeps gradients, the queue and the key encoder, and looks at what DDP sends."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.gradients: list[dict[str, Tensor]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        freeze_batch_norm(pl_module)
        if isinstance(trainer.strategy.model, DistributedDataParallel):
            ours = {pl_module.queue.keys, pl_module.queue.place}
            assert not ours & set(trainer.strategy.model.modules_buffers)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.gradients.append({name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None})

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        kept = self.gradients, pl_module.queue.state_dict(), pl_module.key_encoder.state_dict()
        torch.save(kept, self.file.with_suffix(f".{trainer.global_rank}"))


def test_two_processes_have_the_queue_and_the_key_encoder_of_one(tmp_path: Path) -> None:
    for processes, strategy in ((1, "auto"), (2, "ddp_fork")):
        options = {"devices": processes, "strategy": strategy, "limit_train_batches": 3, "limit_val_batches": 0}
        trainer = bare_trainer(tmp_path, callbacks=[Observer(tmp_path / f"of{processes}")], **options)
        trainer.fit(moco(), datamodule=tiny_faces(views=2))
    one, two, other = (torch.load(tmp_path / name, weights_only=True) for name in ("of1.0", "of2.0", "of2.1"))
    assert one[1]["place"] == 24
    for found in (two, other):
        for expected, ours in zip(one[0], found[0], strict=True):
            for name, gradient in expected.items():
                torch.testing.assert_close(ours[name], gradient, rtol=1e-2, atol=1e-4)
        for part in (1, 2):
            for name, value in one[part].items():
                torch.testing.assert_close(found[part][name], value, rtol=1e-3, atol=1e-4)
    assert torch.equal(two[1]["keys"], other[1]["keys"])


class SaveAfter(Callback):
    """Writes a checkpoint after some steps."""

    def __init__(self, folder: Path, steps: int) -> None:
        self.folder, self.steps = folder, steps

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.steps:
            trainer.save_checkpoint(self.folder / f"after{self.steps}.ckpt")


def trained(folder: Path, steps: int, save_after: int, start: Path | None = None) -> MoCoV2:
    model = moco()
    options = {"max_steps": steps, "max_epochs": 3, "limit_val_batches": 0}
    trainer = bare_trainer(folder, callbacks=[SaveAfter(folder, save_after)], **options)
    trainer.fit(model, datamodule=tiny_faces(views=2), ckpt_path=start, weights_only=True)
    return model


def test_a_resume_restores_everything_exactly(tmp_path: Path) -> None:
    whole = trained(tmp_path, 12, save_after=5).state_dict()  # 9 steps an epoch
    resumed = trained(tmp_path, 12, 12, tmp_path / "after5.ckpt").state_dict()
    kept = torch.load(tmp_path / "after5.ckpt", weights_only=True)["state_dict"]
    assert kept["queue.place"] == 5 * 8 % 32
    assert any(name.startswith("key_encoder.") for name in kept)
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name


def test_going_on_with_other_faces_takes_queue_and_key_encoder_along(tmp_path: Path) -> None:
    first = trained(tmp_path, 2, save_after=2)
    again = moco(start_from=str(tmp_path / "not_made_yet" / ".." / "after*.ckpt"))
    for name, value in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert not any(parameter.requires_grad for parameter in again.key_encoder.parameters())
    backbone = create_backbone("resnet10t", None, tmp_path / "after2.ckpt", (32, 32))
    assert torch.equal(next(backbone.parameters()), next(first.backbone.parameters()))
    with pytest.raises(
        UserError, match=r"model.start_from .*after2.ckpt: expected a checkpoint of MoCoV2 as it is set"
    ):
        moco(start_from=str(tmp_path / "after2.ckpt"), projection_dim=16)
    (tmp_path / "after3.ckpt").touch()
    with pytest.raises(UserError, match=r"after\*.ckpt: fits 2 files"):
        moco(start_from=str(tmp_path / "after*.ckpt"))
    with pytest.raises(UserError, match=r"before\*.ckpt: no such file"):
        moco(start_from=str(tmp_path / "before*.ckpt"))


def test_what_it_cannot_be_trained_on() -> None:
    with pytest.raises(UserError, match=r"expected data.views 2"):
        alone(moco()).training_step(views()._replace(row=torch.arange(16)), 0)
    with pytest.raises(UserError, match=r"model.groups 0: expected 1 or more"):
        moco(groups=0)
    method = moco()
    method.trainer = Trainer(accelerator="cpu", accumulate_grad_batches=2, logger=False, enable_checkpointing=False)
    with pytest.raises(UserError, match="accumulate_grad_batches: expected 1"):
        method.setup("fit")
