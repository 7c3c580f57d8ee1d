"""IAMGAN: what each term moves, its schedule, its pools, several processes, and a run that is killed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, freeze_batch_norm
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from data_modules import FaceFolder, FullAndMasked
from maskrec.callbacks import AtomicCheckpointIO, LastCheckpoint, StepSeed
from maskrec.data import in_half
from maskrec.errors import UserError
from maskrec.methods import IAMGAN, MaskSegmenter
from maskrec.methods.image_pool import ImagePool
from maskrec.types import UnpairedBatch

SMALL: dict[str, Any] = {
    "width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "classifier": "resnet10t",
    "num_identities": 5,
    "ramp": 0,
    "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999)),
}


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """S, which calls about half of all pixels mask."""
    torch.manual_seed(3)
    file = tmp_path_factory.mktemp("segmenter") / "s.ckpt"
    torch.save({"state_dict": MaskSegmenter(width=2, depth=2).state_dict()}, file)
    return str(file)


def gan(segmenter: str, **changes: Any) -> IAMGAN:
    torch.manual_seed(0)
    return IAMGAN(segmenter, **(SMALL | changes))


def batch(faces: int = 2) -> UnpairedBatch:
    generator = torch.Generator().manual_seed(1)
    full, masked = (torch.rand(faces, 3, 32, 32, generator=generator) * 2 - 1 for _ in range(2))
    return UnpairedBatch(full, torch.arange(faces), masked)


def data(faces: Path, **changes: Any) -> FullAndMasked:
    folder = FaceFolder(str(faces), held_out=0.2)
    return FullAndMasked(folder, str(faces), **({"image_size": (32, 32), "batch_size": 2, "num_workers": 0} | changes))


def trainer_for(folder: Path, **changes: Any) -> Trainer:
    return bare_trainer(
        folder, **({"max_epochs": -1, "plugins": [AtomicCheckpointIO()], "limit_val_batches": 0} | changes)
    )


class Moved(Callback):
    """Which networks each step of an optimiser had gradients for."""

    def __init__(self) -> None:
        self.steps: list[set[str]] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        stepped = {parameter for group in optimizer.param_groups for parameter in group["params"]}
        self.steps.append(
            {
                ".".join(name.split(".")[: 1 + name.startswith("generators")])
                for name, parameter in pl_module.named_parameters()
                if parameter in stepped and parameter.grad is not None and parameter.grad.any()
            }
        )


def test_each_step_moves_its_own_networks_and_never_s(segmenter: str, faces: Path, tmp_path: Path) -> None:
    method, moved = gan(segmenter, iterations=2), Moved()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    trainer_for(tmp_path, callbacks=[moved]).fit(method, datamodule=data(faces))
    generators = {"generators.full_to_masked", "generators.masked_to_full"}
    assert moved.steps == [generators, {"discriminators"}, {"classifier"}] * 2
    assert method.iteration == 2
    for name, value in method.state_dict().items():
        if name.startswith("segmenter."):
            assert torch.equal(value, before[name]), name
    assert all(parameter.requires_grad for parameter in method.discriminators.parameters())


TERMS = {
    "adversarial_masked": {"full_to_masked"},
    "adversarial_full": {"masked_to_full"},
    "cycle_full": {"full_to_masked", "masked_to_full"},
    "cycle_masked": {"full_to_masked", "masked_to_full"},
    "reconstruction": {"full_to_masked"},
    "classification": {"full_to_masked"},
}


def test_which_generator_each_term_may_move(segmenter: str) -> None:
    method = gan(segmenter)
    faces = batch()
    made = method.translate(faces)
    terms = method.generator_terms(faces, made, method.is_face(made.masked))
    assert terms.keys() == TERMS.keys()
    for name, term in terms.items():
        moved = {
            which
            for which, generator in method.generators.items()
            for gradient in torch.autograd.grad(term, [*generator.parameters()], retain_graph=True, allow_unused=True)
            if gradient is not None and gradient.any()
        }
        assert moved == TERMS[name], name
    assert method.classifier is not None
    loss = method.classifier(faces.image * method.is_face(made.masked), faces.identity)  # L_cls^C
    parameters = [*method.generators.parameters()]
    assert all(gradient is None for gradient in torch.autograd.grad(loss, parameters, allow_unused=True))


def test_the_classifier_judges_without_gathering_statistics(segmenter: str) -> None:
    method = gan(segmenter)
    assert method.classifier is not None
    before = {name: value.clone() for name, value in method.classifier.named_buffers()}
    made = method.translate(batch())
    method.generator_terms(batch(), made, method.is_face(made.masked))
    assert all(torch.equal(value, before[name]) for name, value in method.classifier.named_buffers())
    assert method.classifier.training


def test_terms_can_be_left_out(segmenter: str) -> None:
    """Table 3."""
    for changes, gone in (
        ({"identity_weight": 0.0}, {"reconstruction", "classification"}),
        ({"reconstruction": False}, {"reconstruction"}),
        ({"classification": False}, {"classification"}),
    ):
        method = gan(segmenter, **changes)
        made = method.translate(batch())
        terms = method.generator_terms(batch(), made, method.is_face(made.masked))
        assert terms.keys() == TERMS.keys() - gone
        assert (method.classifier is None) == ("classification" in gone)


def test_lambda_2_rises_and_the_rate_falls_by_iterations(segmenter: str) -> None:
    method = gan(segmenter, ramp=100, identity_weight=0.5, iterations=500, decay_from=300)
    faces = batch()
    with torch.no_grad():
        made = method.translate(faces)
        is_face = method.is_face(made.masked)
        whole = torch.nn.functional.l1_loss(made.masked * is_face, faces.image * is_face)
        for iteration, share in ((0, 0.0), (50, 0.5), (100, 1.0), (400, 1.0)):
            method.iteration = iteration
            weighted = method.generator_terms(faces, made, is_face)["reconstruction"]
            torch.testing.assert_close(weighted, 0.5 * share * whole)
    optimizers = method.configure_optimizers()
    method.optimizers = lambda: optimizers  # type: ignore[method-assign,assignment]
    for iteration, share in ((0, 1.0), (300, 1.0), (400, 0.5), (499, 0.005), (400, 0.5)):
        method.iteration = iteration
        assert [group["lr"] for o in method._optimizers() for group in o.param_groups] == pytest.approx(
            [2e-4 * share] * 3
        )


def test_the_pool_gives_old_pictures_half_of_the_time() -> None:
    torch.manual_seed(0)
    pool, pictures = ImagePool(10), torch.arange(400.0).view(-1, 1, 1, 1)
    given = torch.cat([pool.exchange(picture[None]) for picture in pictures]).flatten()
    assert torch.equal(given[:10], torch.arange(10.0))  # until it is full
    is_old = given != torch.arange(400.0)
    assert 0.4 < is_old[10:].float().mean() < 0.6
    assert len(given[is_old].unique()) == is_old.sum()  # what was given is not there any more
    assert (given <= torch.arange(400.0)).all()
    again = ImagePool(10)
    again.load(pool.state())
    assert pool.pictures is not None
    assert torch.equal(again.pictures, pool.pictures)
    again.exchange(torch.empty(1, 1, 1, 1, device="meta"))  # what a checkpoint held goes where training goes on
    assert again.pictures.device.type == "meta"
    assert torch.equal(ImagePool(0).exchange(pictures), pictures)


def test_it_needs_a_segmenter(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.segmenter: IAMGAN needs S"):
        trainer_for(tmp_path).fit(IAMGAN(**SMALL), datamodule=data(faces))
    wrong = tmp_path / "wrong.ckpt"
    torch.save({"state_dict": {"head.weight": torch.zeros(2)}}, wrong)
    with pytest.raises(UserError, match=r"wrong\.ckpt: expected a checkpoint of MaskSegmenter, with a UNet"):
        IAMGAN(str(wrong), **SMALL)


class Stop(Callback):
    """Ends a run without a word, as a kill would."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_args: Any) -> None:
        if pl_module.iteration == self.after:
            raise KeyboardInterrupt


def state_of(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(file, weights_only=True)
    return {key: content[key] for key in ("state_dict", "iamgan", "optimizer_states")}


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(segmenter: str, faces: Path, tmp_path: Path) -> None:
    """Generators, discriminators, C, pools, counters and optimisers, in the midst of the second epoch."""
    ends = {}
    for name, stops in (("whole", []), ("killed", [Stop(12)])):
        folder = tmp_path / name
        for resumed in range(1 + len(stops)):
            callbacks: list[Any] = [StepSeed(1), LastCheckpoint(str(folder), every_n_steps=3)]
            trainer = trainer_for(folder, callbacks=callbacks + ([] if resumed else stops), enable_checkpointing=True)
            method = gan(segmenter, iterations=16, decay_from=10, pool_size=3)
            options = {"ckpt_path": folder / "last.ckpt", "weights_only": True} if resumed else {}
            try:
                trainer.fit(method, datamodule=data(faces, seed=1), **options)
            except (KeyboardInterrupt, SystemExit):
                assert method.iteration == 12
        assert method.iteration == 16
        ends[name] = state_of(folder / "last.ckpt")
    torch.testing.assert_close(ends["killed"], ends["whole"], rtol=0, atol=0)


class Ends(Callback):
    """Freezes batch-norm statistics; keeps the weights at the end."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        freeze_batch_norm(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        state = {name: value for name, value in pl_module.state_dict().items() if value.is_floating_point()}
        torch.save(state, self.file.with_suffix(f".{trainer.global_rank}"))


class SGD(torch.optim.SGD):
    """Whose steps are as the gradients are: Adam's are their signs in the first steps."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.05)


def test_two_processes_take_the_steps_of_one(segmenter: str, faces: Path, tmp_path: Path) -> None:
    for processes, strategy in ((1, "auto"), (2, "ddp_fork_find_unused_parameters_true")):
        method = gan(segmenter, iterations=2, pool_size=0, optimizer=SGD)
        options = {"devices": processes, "strategy": strategy, "callbacks": [Ends(tmp_path / f"of{processes}")]}
        trainer_for(tmp_path, **options).fit(method, datamodule=data(faces))
    one, two, other = (torch.load(tmp_path / name, weights_only=True) for name in ("of1.0", "of2.0", "of2.1"))
    start: dict[str, Tensor] = gan(segmenter).state_dict()
    for name, value in one.items():
        torch.testing.assert_close(two[name], other[name], rtol=0, atol=0)
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)
    assert sum(not torch.equal(value, start[name]) for name, value in one.items()) > 30


def test_full_faces_meet_masked_ones_of_one_half(faces: Path) -> None:
    module = data(faces, masked_half="first", batch_size=4)
    names = sorted(path.name for path in faces.iterdir() if path.is_dir())
    chosen = [name for name, is_in in zip(names, in_half(names, "first"), strict=True) if is_in]
    assert 0 < len(chosen) < len(names)
    assert {Path(path).parent.name for path in module.masked_faces} == set(chosen)
    assert not (in_half(names, "first") & in_half(names, "second")).any()
    first, again = ([*data(faces, batch_size=4).train_dataloader()] for _ in range(2))
    assert len(first) == len(module.full.split[0].paths) // 4
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    shown = module.on_after_batch_transfer(first[0], 0)
    assert shown.masked.shape == shown.image.shape == (4, 3, 32, 32)
    assert shown.masked.min() >= -1
    pictures = torch.cat([one.masked for one in first]).flatten(1)
    assert len(pictures.unique(dim=0)) > 3


def test_it_is_tested_and_predicts(segmenter: str, faces: Path, tmp_path: Path) -> None:
    method = gan(segmenter)
    module = data(faces, shown=3)
    trainer_for(tmp_path).test(method, datamodule=module, verbose=False)
    numbers = method.results["held_out/made"].numbers
    (held_out,) = module.test_dataloader()
    _, regions = method(module.on_after_batch_transfer(held_out, 0).image)
    assert numbers["mask_share"] == pytest.approx(regions.float().mean().item(), abs=1e-5)
    assert len(regions) == 3
    assert 0 <= numbers["change_outside"] <= 2
    assert [row.shape for row in method.samples(batch())] == [(2, 3, 32, 32)] * 7
