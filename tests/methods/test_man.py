"""MAN beyond the contract."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, tiny_faces
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from maskrec import UserError
from maskrec.callbacks import AtomicCheckpointIO
from maskrec.losses import ArcFace, Softmax
from maskrec.methods import MAN, MemberPerRank

POOL = (ArcFace(0.1, 16), Softmax(), ArcFace(0.4, 16))
BATCHES = 2  # an epoch


def man(**changes: Any) -> MAN:
    torch.manual_seed(0)
    options = {"embedding_dim": 16, "num_identities": 12, "input_size": (32, 32), "population": 2, "losses": POOL}
    return MAN("resnet10t", optimizer=sgd, **(options | changes))


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def make_trainer(folder: Path, **changes: Any) -> Trainer:
    options = {"limit_train_batches": BATCHES, "max_epochs": 2, "plugins": [AtomicCheckpointIO()]}
    return bare_trainer(folder, **(options | changes))


def fit(folder: Path, model: MAN, faces: dict[str, Any] | None = None, **changes: Any) -> Trainer:
    ckpt_path = changes.pop("ckpt_path", None)
    trainer = make_trainer(folder, **changes)
    options = {"weights_only": True} if ckpt_path else {}
    trainer.fit(model, datamodule=tiny_faces(**(faces or {})), ckpt_path=ckpt_path, **options)
    return trainer


def processes(layout: str) -> dict[str, Any]:
    """What the trainer of a population of two needs."""
    return {"devices": 2, "strategy": MemberPerRank(start_method="fork")} if layout == "ranks" else {}


def states(model: MAN) -> list[dict[str, Tensor]]:
    return [{name: value.clone() for name, value in member.state_dict().items()} for member in model.members]


def are_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def again(file: Path, **changes: Any) -> MAN:
    """The method of a checkpoint, without heads."""
    options = {"weights_only": True, "num_identities": None, "losses": POOL}
    return MAN.load_from_checkpoint(file, **(options | changes)).eval()


class Watch(Callback):
    """The members before and after each search, and what the search said."""

    def __init__(self) -> None:
        self.trained: list[list[dict[str, Tensor]]] = []
        self.copied: list[list[dict[str, Tensor]]] = []
        self.losses: list[list[int]] = []

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.trained.append(states(pl_module))
        self.losses.append([member.head.loss.drawn for member in pl_module.members])

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.copied.append(states(pl_module))


class SaveAt(Callback):
    """A checkpoint in the midst of an epoch and one at the end."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.folder / "midst.ckpt")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        trainer.save_checkpoint(self.folder / "end.ckpt")


def saved(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / name, weights_only=True)
    return content


def test_all_members_go_on_from_the_best_to_the_bit(tmp_path: Path) -> None:
    watch, model = Watch(), man(population=3)
    trainer = fit(tmp_path, model, callbacks=[watch])
    assert len(watch.copied) == 2
    best = int(model.search.best)
    for trained, copied in zip(watch.trained, watch.copied, strict=True):
        assert not are_equal(trained[0], trained[1])  # of one structure and different parameters
        assert all(are_equal(copied[0], other) for other in copied)
    assert are_equal(watch.copied[-1][0], watch.trained[-1][best])
    assert any("running_mean" in name for name in watch.copied[-1][0])
    assert "head.weight" in watch.copied[-1][0]
    logged = {key.removeprefix("search/"): float(value) for key, value in trainer.callback_metrics.items()}
    assert logged["best"] == best
    assert logged[f"score/member_{best}"] == max(logged[f"score/member_{number}"] for number in range(3))
    assert sum(value for key, value in logged.items() if key.startswith("alpha/")) == pytest.approx(1)
    # The log is of the best member alone.
    aucs = {key: logged[f"val/held_out/{key}/auc"] for key in ("unmasked_unmasked", "unmasked_masked", "masked_masked")}
    assert logged["val/auc"] == pytest.approx(sum(aucs.values()) / 3)
    masked = (aucs["unmasked_masked"] + aucs["masked_masked"]) / 2
    assert max(model.search.score) == pytest.approx(0.5 * aucs["unmasked_unmasked"] + 0.5 * masked)


def test_each_member_trains_under_the_loss_drawn_for_it() -> None:
    model = man(population=3)
    faces = tiny_faces()
    faces.prepare_data()
    batch = faces.on_after_batch_transfer(next(iter(faces.train_dataloader())), 0)
    model.members.use(torch.tensor([2, 0, 1]))
    for member, loss, found in zip(
        model.members, (POOL[2], POOL[0], POOL[1]), model.members.losses(batch), strict=True
    ):
        expected = loss(member.backbone(batch.image).float(), member.head.weight, batch.identity)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("copy_optimizer", [False, True])
def test_the_optimisers_state_stays_the_members_own_unless_it_is_to_go_along(
    copy_optimizer: bool, tmp_path: Path
) -> None:
    model = man(copy_optimizer=copy_optimizer)
    (optimizer,) = fit(tmp_path, model, max_epochs=1).optimizers
    momentum = [[optimizer.state[p]["momentum_buffer"] for p in member.parameters()] for member in model.members]
    assert all(torch.equal(*pair) for pair in zip(*momentum, strict=True)) == copy_optimizer


@pytest.mark.parametrize("layout", ["stacked", "ranks"])
def test_a_killed_search_goes_on_as_the_undisturbed_one(layout: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"layout": layout, "copy_optimizer": False}
    fit(tmp_path, man(**options), callbacks=[SaveAt(tmp_path, BATCHES + 1)], **processes(layout))
    whole, midst = saved(tmp_path, "end.ckpt"), tmp_path / "midst.ckpt"
    begun = saved(tmp_path, "midst.ckpt")["state_dict"]
    assert not torch.equal(begun["members.0.head.weight"], begun["members.1.head.weight"])
    other = man(**options)
    other.search.seed.fill_(3)  # as of another run: what counts is in the checkpoint
    fit(tmp_path, other, callbacks=[SaveAt(tmp_path, -1)], ckpt_path=str(midst), **processes(layout))
    ended = saved(tmp_path, "end.ckpt")
    assert ended["global_step"] == whole["global_step"] == 2 * BATCHES
    assert are_equal(ended["state_dict"], whole["state_dict"])
    assert ended["state_dict"]["search.steps"] == 2


def test_one_member_a_rank_agrees_with_all_in_one_process(tmp_path: Path) -> None:
    found = []
    for layout in ("stacked", "ranks"):
        trainer = fit(tmp_path, man(layout=layout), callbacks=[SaveAt(tmp_path, BATCHES)], **processes(layout))
        found.append((saved(tmp_path, "midst.ckpt"), saved(tmp_path, "end.ckpt"), trainer.callback_metrics))
    for stacked, ranks in zip(*(of_layout[:2] for of_layout in found), strict=True):
        assert stacked["state_dict"].keys() == ranks["state_dict"].keys()
        for name, value in stacked["state_dict"].items():
            torch.testing.assert_close(ranks["state_dict"][name], value, rtol=1e-4, atol=1e-5, msg=name)
    midst, end = (content["state_dict"] for content in found[1][:2])
    assert not torch.equal(midst["members.0.head.weight"], midst["members.1.head.weight"])
    assert torch.equal(end["members.0.head.weight"], end["members.1.head.weight"])
    numbers = [{key: value for key, value in metrics.items() if key != "train/loss"} for *_, metrics in found]
    assert numbers[0].keys() == numbers[1].keys()
    for key, value in numbers[0].items():
        torch.testing.assert_close(numbers[1][key], value, msg=key)


def test_elsewhere_only_the_best_member_is_there(tmp_path: Path) -> None:
    model = man(population=3)
    trainer = fit(tmp_path, model, max_epochs=1)
    for member in model.members:  # as in the midst of an epoch, when they differ
        torch.nn.init.normal_(member.head.weight)
        torch.nn.init.normal_(next(member.backbone.parameters()))
    model.search.best.fill_(2)
    trainer.save_checkpoint(tmp_path / "man.ckpt")
    alone = again(tmp_path / "man.ckpt")
    assert len(alone.members) == 1
    image = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(alone.embed(image), model.eval().embed(image))
        torch.testing.assert_close(alone.embed(image), model.members[2].embed(image))


def test_an_ensemble_is_the_mean_of_what_was_scored(tmp_path: Path) -> None:
    model = man(inference="ensemble")
    trainer = fit(tmp_path, model, max_epochs=1)
    one, other = states(model)
    assert not are_equal(one, other)
    trainer.save_checkpoint(tmp_path / "man.ckpt")
    reloaded = again(tmp_path / "man.ckpt", inference="ensemble")
    image = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        parts = [torch.nn.functional.normalize(member.backbone(image), dim=1) for member in model.eval().members]
        expected = torch.nn.functional.normalize(sum(parts), dim=1)
        torch.testing.assert_close(model.embed(image), expected)
        torch.testing.assert_close(reloaded.embed(image), expected)
    model.train()
    model.on_train_batch_start(None, 0)  # training goes on
    assert are_equal(*states(model))


def test_the_search_may_come_more_often_than_the_epoch(tmp_path: Path) -> None:
    model = man(update_every_n_steps=3)
    fit(tmp_path, model, limit_train_batches=5)
    assert model.search.steps == 3  # of 10 steps


def test_a_validation_cut_short_teaches_nothing(tmp_path: Path) -> None:
    model = man()
    with pytest.warns(UserWarning, match="faces were embedded, no results"):
        fit(tmp_path, model, faces={"val_identities": 40}, limit_val_batches=1, max_epochs=1)
    assert model.search.steps == 0


def test_what_cannot_be_searched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"layout: `ranks` needs trainer\.strategy member_per_rank and .* 2;"):
        fit(tmp_path, man(layout="ranks"))
    with pytest.raises(UserError, match="validation has no auc of faces with masks; give data"):
        fit(tmp_path, man(), faces={"val_masking": None}, max_epochs=1)
    for options, said in (
        ({"population": 0}, "population 0, losses 3: expected one"),
        ({"losses": []}, "population 2, losses 0: expected one"),
        ({"masked_weight": 1.5}, r"masked_weight 1\.5: expected a share"),
        ({"layout": "ranks", "inference": "ensemble"}, "inference ensemble: needs all members in one process"),
    ):
        with pytest.raises(UserError, match=said):
            man(**options)
