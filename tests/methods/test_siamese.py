"""The Siamese network and ensembles beyond the contract."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, tiny_faces
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import UserError
from maskrec.backbones import evaluating
from maskrec.data import StratifiedDraw, UniformDraw
from maskrec.masking import DE
from maskrec.methods import ContrastiveSiamese, Ensemble, FaceClassifier, MoCoV2
from maskrec.methods.siamese import AtLevel
from maskrec.types import FaceBatch

LEVELS = ("output", "head", "backbone")


def siamese(**changes: Any) -> ContrastiveSiamese:
    torch.manual_seed(0)
    model = ContrastiveSiamese(**({"backbone": "resnet10t", "head_dim": 8, "input_size": (32, 32)} | changes))
    model.log = lambda *_args, **_options: None  # type: ignore[method-assign]
    return model


def pairs(impostors: int, couples: int = 3) -> FaceBatch:
    """Couples of a genuine pair and an impostor pair with so many candidates."""
    couple, pictures = torch.arange(couples).unsqueeze(1), 3 + impostors
    image = torch.rand(couples * pictures, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    pair = (2 * couple + torch.tensor([0, 0] + [1] * (1 + impostors))).flatten()
    identity = (10 * couple + torch.tensor([0, 0, 1, *range(2, 2 + impostors)])).flatten()
    row = torch.arange(len(pair))
    return FaceBatch(image, identity, torch.zeros(len(pair)).bool(), row, torch.empty(0), torch.empty(0), pair)


def small_head(distance: Any) -> ContrastiveSiamese:
    """With an output of weights 2, -1 and bias 0.5 over head features of two numbers."""
    model = siamese(head_dim=2, distance=distance)
    with torch.no_grad():
        weight = [[2.0, -1.0]] if distance == "absolute" else [[2.0]]
        model.output.weight.copy_(torch.tensor(weight))
        model.output.bias.fill_(0.5)
    return model


@pytest.mark.parametrize(
    ("distance", "output"), [("absolute", 1 / (1 + math.exp(-(2 * 3 - 4 + 0.5)))), ("l2", 1 / (1 + math.exp(-10.5)))]
)
def test_levels_by_hand(distance: str, output: float) -> None:
    model = small_head(distance)
    # |a - b|: (3, 4) in the head, of length 5, and (5, 12), of length 13, in the backbone.
    a = {"backbone": torch.tensor([[0.0, 0.0]]), "head": torch.tensor([[4.0, 1.0]])}
    b = {"backbone": torch.tensor([[5.0, -12.0]]), "head": torch.tensor([[1.0, 5.0]])}
    for level, expected in zip(LEVELS, (output, 1 / 6, 1 / 14), strict=True):
        embedder: Any = AtLevel(model, level)  # type: ignore[arg-type]
        assert embedder.similarity(a, b).item() == pytest.approx(expected, rel=1e-6)
        assert embedder.pairwise_similarity(b, a).item() == pytest.approx(expected, rel=1e-6)
        assert siamese_at(model, level).similarity(a, b).item() == pytest.approx(expected, rel=1e-6)


def siamese_at(model: ContrastiveSiamese, level: Any) -> ContrastiveSiamese:
    model.level = level
    return model


@pytest.mark.parametrize("level", LEVELS)
def test_tables_agree_with_pairs_whatever_the_chunks(level: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    probe, gallery = (
        {"backbone": torch.randn(n, 16, generator=generator) * 9, "head": torch.rand(n, 8, generator=generator)}
        for n in (7, 5)
    )
    probe["backbone"][3] = gallery["backbone"][2] + 1e-3  # near neighbours keep their digits
    monkeypatch.setattr("maskrec.methods.siamese.NUMBERS_AT_ONCE", 100)  # 2 probes at a time
    model = siamese(level=level)
    row, column = torch.meshgrid(torch.arange(7), torch.arange(5), indexing="ij")
    with torch.inference_mode():
        expected = model.pairwise_similarity(
            {name: value[row.flatten()] for name, value in probe.items()},
            {name: value[column.flatten()] for name, value in gallery.items()},
        )
        torch.testing.assert_close(model.similarity(probe, gallery).flatten(), expected, rtol=1e-5, atol=1e-6)


def test_the_loss_is_binary_cross_entropy_over_the_pairs() -> None:
    model, batch = siamese().eval(), pairs(1)
    losses = []
    for couple in range(3):
        for first, is_genuine in ((4 * couple, 1.0), (4 * couple + 2, 0.0)):
            one, other = (
                torch.sigmoid(model.head[0](model.backbone(batch.image[at][None])))[0] for at in (first, first + 1)
            )
            logit = (model.output.weight[0] * (one - other).abs()).sum() + model.output.bias[0]
            share = torch.sigmoid(logit)
            losses.append(-(is_genuine * share.log() + (1 - is_genuine) * (1 - share).log()))
    torch.testing.assert_close(model.training_step(batch, 0), torch.stack(losses).mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("impostors", [2, 5])
def test_the_hardest_impostor_is_that_of_a_loop(impostors: int) -> None:
    model, batch = siamese().train(), pairs(impostors)
    model.backbone.trunk.bn1.eval()  # type: ignore[union-attr,operator]  # as a frozen one is
    modes = [module.training for module in model.modules()]
    statistics = [buffer.clone() for buffer in model.buffers()]
    reference, probe = model.pairs(batch)
    assert [module.training for module in model.modules()] == modes
    assert all(map(torch.equal, model.buffers(), statistics))
    size = 3 + impostors
    assert reference.tolist() == [at + start for start in range(0, 3 * size, size) for at in (0, 2)]
    with torch.no_grad(), evaluating(model):
        for couple in range(3):
            start = couple * size
            assert probe[2 * couple] == start + 1
            scores = []
            for candidate in range(start + 3, start + size):
                one, other = (model.embed(batch.image[at][None]) for at in (start + 2, candidate))
                scores.append(AtLevel(model, "output").pairwise_similarity(one, other).item())
            assert probe[2 * couple + 1] == start + 3 + max(range(impostors), key=scores.__getitem__)


@pytest.mark.parametrize("is_half", [False, True])
def test_only_the_chosen_pairs_are_trained_on(is_half: bool) -> None:
    batch, half = pairs(4), torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half)
    with half:
        reference, probe = siamese().pairs(batch)
    rows = torch.stack([reference, probe], dim=1).flatten()
    pair = torch.arange(6).repeat_interleave(2)
    chosen = batch._replace(image=batch.image[rows], identity=batch.identity[rows], pair=pair)
    gradients = []
    for given in (batch, chosen):
        model = siamese().train()
        with half:
            loss = model.training_step(given, 0)
        loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(gradient is not None for gradient in gradients[0])
    torch.testing.assert_close(*gradients)


def test_a_frozen_share_keeps_weights_and_statistics(tmp_path: Path) -> None:
    model = siamese(frozen_fraction=0.5)
    frozen = [parameter for parameter in model.backbone.parameters() if not parameter.requires_grad]
    assert 0.1 < sum(p.numel() for p in frozen) / sum(p.numel() for p in model.backbone.parameters()) <= 0.5
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = tiny_faces(pair_draw=UniformDraw(hardest_of=3), masking=DE())
    bare_trainer(tmp_path, limit_train_batches=2, limit_val_batches=1).fit(model, datamodule=data)
    after = model.state_dict()
    assert all(torch.equal(after[n], v) for n, v in before.items() if n.startswith("backbone.trunk.layer3"))
    assert not torch.equal(
        after["backbone.trunk.layer4.0.bn2.running_mean"], before["backbone.trunk.layer4.0.bn2.running_mean"]
    )
    assert not torch.equal(after["head.0.weight"], before["head.0.weight"])
    with pytest.raises(UserError, match=r"frozen_fraction 1.5: expected a share"):
        siamese(frozen_fraction=1.5)


def test_it_starts_from_moco_and_goes_on_from_itself(tmp_path: Path) -> None:
    torch.manual_seed(1)
    moco = MoCoV2("resnet10t", 8, 32, input_size=(32, 32))
    torch.save({"state_dict": moco.state_dict()}, tmp_path / "moco.ckpt")
    model = siamese(weights=str(tmp_path / "moco.ckpt"))
    for name, value in moco.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value), name
    torch.save({"state_dict": model.state_dict()}, tmp_path / "cp1.ckpt")
    again = siamese(start_from=str(tmp_path / "cp1.ckpt"))
    assert torch.equal(again.output.weight, model.output.weight)
    assert torch.equal(next(again.backbone.parameters()), next(moco.backbone.parameters()))


def test_validation_is_at_the_output_and_a_test_at_all_levels_if_asked(tmp_path: Path) -> None:
    model, data = siamese(all_levels=True), tiny_faces()
    trainer = bare_trainer(tmp_path)
    trainer.validate(model, datamodule=data, verbose=False)
    assert all((result.arrays["score"] != 0).all() for result in model.results.values())
    validated = model.results["held_out/unmasked_masked"].arrays["score"]
    trainer.test(model, datamodule=data, verbose=False)
    assert len(model.results) == 9
    names = [f"generated/unmasked_masked{ending}" for ending in ("", "_output", "_head")]
    scores = [torch.from_numpy(model.results[name].arrays["score"]) for name in names]
    assert (scores[0] - scores[1]).abs().max() > 0.01
    model.level = "output"
    trainer.test(model, datamodule=data, verbose=False)
    torch.testing.assert_close(torch.from_numpy(model.results[names[0]].arrays["score"]), scores[1])
    model.embedders = lambda stage: {"": AtLevel(model, "output")}  # type: ignore[method-assign]
    trainer.validate(model, datamodule=data, verbose=False)
    torch.testing.assert_close(model.results["held_out/unmasked_masked"].arrays["score"], validated)


def test_without_pairs_it_says_so() -> None:
    with pytest.raises(UserError, match=r"trains on pairs: give data.pair_draw"):
        siamese().training_step(pairs(1)._replace(pair=torch.empty(0)), 0)
    with pytest.raises(UserError, match=r"data.pair_draw.hardest_of 0: expected 1 or more"):
        StratifiedDraw(hardest_of=0)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    members = [siamese(level=level).eval() for level in LEVELS]
    members[1].output.weight.data.neg_()
    other = FaceClassifier("resnet10t", 16, input_size=(32, 32)).eval()
    ensemble = Ensemble([*members, other]).eval()
    images = pairs(1).image
    with torch.inference_mode():
        first, second = ensemble.embed(images[:5]), ensemble.embed(images[5:])
        table, rows = ensemble.similarity(first, second), ensemble.pairwise_similarity(first, first)
        expected = torch.zeros(5, 7)
        for member in (*members, other):
            expected += member.similarity(member.embed(images[:5]), member.embed(images[5:])) / 4
        torch.testing.assert_close(table, expected)
        torch.testing.assert_close(rows, ensemble.similarity(first, first).diagonal(), rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match=r"model.members: an ensemble needs one at least"):
        Ensemble([])


def test_distances_of_equal_faces_have_a_gradient_of_zero() -> None:
    model = siamese(distance="l2")
    head: Tensor = torch.rand(4, 8).requires_grad_()
    F.softplus(model.logit(head, head)).sum().backward()
    assert head.grad is not None
    assert head.grad.isfinite().all()
    assert isinstance(model.output, nn.Linear)
