"""Balanced Feature Matching beyond the contract."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers import bare_trainer, tiny_faces
from torch import Tensor
from torch.nn import functional as F

from data_modules import GeneratedFaces
from maskrec import UserError
from maskrec.callbacks import FreezeBackbone
from maskrec.callbacks.saliency import grad_cam, guided_backprop
from maskrec.data.images import normalise
from maskrec.losses import ArcFace, Softmax
from maskrec.masking import DE
from maskrec.methods import BalancedMatching
from maskrec.methods.balanced import BalancedEmbedding
from maskrec.types import FaceBatch

Array = npt.NDArray[Any]
MARGIN, SCALE = 0.2, 8.0
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def balanced(**changes: Any) -> BalancedMatching:
    torch.manual_seed(0)
    options = {"backbone": "resnet10t", "embedding_dim": 16, "input_size": (32, 32)}
    return BalancedMatching(**(options | changes)).eval()


def faces(**changes: Any) -> GeneratedFaces:
    return tiny_faces(**({"paired": True, "masking": DE()} | changes))


def images(count: int = 5) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def drawn(count: int, seed: int) -> BalancedEmbedding:
    """Random features of faces that C calls masked or not at random, whatever they are."""
    generator = torch.Generator().manual_seed(seed)
    partial, full = torch.randn(2, count, 8, generator=generator)
    probability = torch.rand(count, generator=generator)
    is_masked = probability >= 0.5
    return BalancedEmbedding(partial, full * ~is_masked.unsqueeze(1), probability, is_masked)


def by_hand(first: BalancedEmbedding, i: int, second: BalancedEmbedding, j: int, measure: str) -> float:
    """Sec. III-F, pair by pair."""
    if first.mask_probability[i] >= 0.5 or second.mask_probability[j] >= 0.5:
        a, b = first.partial[i].double().numpy(), second.partial[j].double().numpy()
    else:
        a, b = first.full[i].double().numpy(), second.full[j].double().numpy()
    return float(a @ b) if measure == "cosine" else -float(((a - b) ** 2).sum())


@pytest.mark.parametrize("measure", ["l2", "cosine"])
@pytest.mark.parametrize("seed", range(3))
def test_routing_is_the_loop_over_pairs(measure: Any, seed: int) -> None:
    model, probe, gallery = balanced(measure=measure), drawn(13, 2 * seed), drawn(9, 2 * seed + 1)
    expected = np.array([[by_hand(probe, i, gallery, j, measure) for j in range(9)] for i in range(13)])
    np.testing.assert_allclose(model.similarity(probe, gallery).numpy(), expected, rtol=1e-4, atol=1e-4)
    first, second = (BalancedEmbedding(*(leaf[:9] for leaf in side)) for side in (probe, gallery))
    np.testing.assert_allclose(
        model.pairwise_similarity(first, second).numpy(), np.diagonal(expected), rtol=1e-4, atol=1e-4
    )


def with_c_saying(model: BalancedMatching, logit: Tensor) -> None:
    """Let C say of face i what `logit[i]` says: masked if it is positive."""
    model.mask_classifier.forward = lambda x: torch.stack([torch.zeros(len(x)), logit[: len(x)]], dim=1)  # type: ignore[method-assign]


@pytest.mark.parametrize("measure", ["l2", "cosine"])
def test_an_embedding_holds_what_pairs_may_ask_for(measure: Any) -> None:
    model = balanced(measure=measure)
    with_c_saying(model, torch.tensor([-1.0, 2, 0, -3, 4]))  # in doubt, 0, it is a mask
    seen = []
    model.full_extractor.register_forward_hook(lambda _layer, args, _output: seen.append(args[0]))
    with torch.inference_mode():
        embedding = model.embed(images())
        full, partial = model.full_extractor(images()), model.partial_extractor(images())
    if measure == "cosine":
        full, partial = F.normalize(full), F.normalize(partial)
    assert embedding.is_masked.tolist() == [False, True, True, False, True]
    torch.testing.assert_close(embedding.mask_probability, torch.tensor([-1.0, 2, 0, -3, 4]).sigmoid())
    torch.testing.assert_close(embedding.partial, partial)
    torch.testing.assert_close(embedding.full, full * torch.tensor([[1.0], [0], [0], [1], [0]]), **TOLERANCE)
    assert torch.equal(seen[0], images()[[0, 3]])  # E_F ran on no other


def test_fixed_routes_and_the_oracle() -> None:
    label = torch.tensor([True, False, False, True, False])
    full, partial, oracle = (balanced(routing=routing) for routing in ("full", "partial", "label"))
    with torch.inference_mode():
        ours, theirs = full.embed(images()), partial.embed(images())
        tables = [full.similarity(ours, ours), partial.similarity(theirs, theirs)]
        by_full, by_partial = (-torch.cdist(part, part).square() for part in (ours.full, ours.partial))
        for table, expected in zip(tables, (by_full, by_partial), strict=True):
            torch.testing.assert_close(table, expected, rtol=1e-3, atol=1e-3)
        assert not theirs.full.any()
        told = oracle.embed(images(), is_masked=label)
        assert torch.equal(told.mask_probability, ours.mask_probability)  # C is asked, and not followed
        has_mask = label.unsqueeze(1) | label
        torch.testing.assert_close(
            oracle.similarity(told, told), by_partial.where(has_mask, by_full), rtol=1e-3, atol=1e-3
        )
        batch = FaceBatch(images(), torch.zeros(5), label, torch.arange(5), torch.empty(0))
        assert torch.equal(oracle.embed_labelled(batch).is_masked, label)
        assert torch.equal(full.embed_labelled(batch).is_masked, torch.zeros(5, dtype=torch.bool))
    with pytest.raises(UserError, match=r"model.routing label: needs to know who wears a mask"):
        oracle.embed(images())


class Observed(BalancedMatching):
    """Trains with batch-norm as it is, and writes the four losses anew from what the networks give."""

    expected: dict[str, float]

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        self.eval()
        b = len(batch.image) // 2
        assert torch.equal(batch.row[:b], batch.row[b:])
        assert self.full_head is not None
        assert self.partial_head is not None
        with torch.no_grad():
            logits = self.mask_classifier(batch.image).double().numpy()
            partial = self.partial_extractor(batch.image).double().numpy()
            full = self.full_extractor(batch.image[:b]).double().numpy()
            weights = [head.weight.double().numpy() for head in (self.full_head, self.partial_head)]
        log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        unit = partial / np.linalg.norm(partial, axis=1, keepdims=True)
        identity = batch.identity.numpy()
        self.expected = {
            "mask": -(log[:b, 0].sum() + log[b:, 1].sum()) / b,  # Eq. 1
            "guided": ((unit[:b] - unit[b:]) ** 2).sum() / b,  # Eq. 4
            "full": arcface_by_hand(full, weights[0], identity[:b]) / b,  # Eq. 2
            "partial": (
                arcface_by_hand(partial[:b], weights[1], identity[:b])
                + arcface_by_hand(partial[b:], weights[1], identity[:b])
            )
            / b,  # Eq. 5
        }
        return super().training_step(batch, batch_idx)


def test_the_four_losses_are_the_papers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Observed("resnet10t", 16, 12, ArcFace(MARGIN, SCALE), input_size=(32, 32))
    trainer = bare_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(model, datamodule=faces())
    logged = {name.removeprefix("train/"): value.item() for name, value in trainer.callback_metrics.items()}
    total = sum(model.expected.values())  # Eq. 7
    assert logged == pytest.approx(model.expected | {"loss": total}, rel=1e-4)


def arcface_by_hand(features: Array, weight: Array, identity: Array) -> float:
    total = 0.0
    for x, y in zip(features, identity, strict=True):
        theta = np.arccos(weight @ x / np.linalg.norm(weight, axis=1) / np.linalg.norm(x))
        assert theta[y] + MARGIN < np.pi
        logits = SCALE * np.cos(theta + MARGIN * (np.arange(len(weight)) == y))
        total -= logits[y] - np.log(np.exp(logits).sum())
    return total


def test_networks_and_heads_are_their_own_and_all_learn(tmp_path: Path) -> None:
    model = balanced(num_identities=12, loss=Softmax())
    networks = (*model.networks().values(), model.full_head, model.partial_head)
    before = [torch.nn.utils.parameters_to_vector(network.parameters()) for network in networks]  # type: ignore[union-attr]
    bare_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0).fit(model, datamodule=faces())
    after = [torch.nn.utils.parameters_to_vector(network.parameters()) for network in networks]  # type: ignore[union-attr]
    assert len(networks) == 5
    assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not torch.equal(after[1], after[2])


def test_heads_start_from_the_means_of_their_own_extractor(tmp_path: Path) -> None:
    model, data = balanced(num_identities=12, start_from_means=True), faces()
    bare_trainer(tmp_path, limit_train_batches=0, limit_val_batches=0).fit(model, datamodule=data)
    shown = data.training_faces()
    first = (torch.from_numpy(shown.labels) == 0).nonzero().flatten()
    (batch,) = [batch for batch in data.plain_training_loader() if len(batch.row) == 64]
    for extractor, head in (
        (model.full_extractor, model.full_head),
        (model.partial_extractor, model.partial_head),
    ):
        with torch.inference_mode():
            unit = F.normalize(extractor.eval()(normalise(batch.image)))
        assert head is not None
        torch.testing.assert_close(head.weight[0], unit[first].mean(dim=0), rtol=1e-4, atol=1e-5)


def test_a_test_counts_how_often_the_classifier_is_right(tmp_path: Path) -> None:
    """With a C that calls every third face of a batch masked."""
    model, data = balanced(), faces()
    with_c_saying(model, torch.where(torch.arange(64) % 3 == 0, 1.0, -1.0))
    bare_trainer(tmp_path).test(model, datamodule=data, verbose=False)
    truth = torch.cat([batch.is_masked for loader in data.test_dataloader() for batch in loader])
    said = torch.arange(len(truth)) % 64 % 3 == 0
    assert truth.any()
    assert not truth.all()
    for name, kind in {"faces": truth | ~truth, "unmasked_faces": ~truth, "masked_faces": truth}.items():
        numbers = model.results[f"generated/{name}"].numbers
        expected = int((said == truth)[kind].sum()) / int(kind.sum())
        assert numbers == {"mask_accuracy": pytest.approx(expected), "faces": int(kind.sum())}
    assert model.results["generated/unmasked_masked"].numbers["pairs"] == 40


@pytest.mark.parametrize("logit", [-5.0, 5.0], ids=["E_F", "E_P"])
def test_a_picture_shows_the_extractor_that_was_asked(logit: float) -> None:
    model = balanced(measure="cosine")
    with_c_saying(model, torch.full((2,), logit))

    def similarity(pair: Tensor) -> Tensor:
        first, second = (BalancedEmbedding(*(leaf[i : i + 1] for leaf in model.embed(pair))) for i in range(2))
        return model.pairwise_similarity(first, second)

    asked, other = model.full_extractor, model.partial_extractor
    asked, other = (asked, other) if logit < 0 else (other, asked)
    pair = images(2)
    for explain in (guided_backprop, grad_cam):
        shown = explain(model, similarity, pair)
        assert shown.any()
        torch.nn.init.normal_(next(other.parameters()))
        assert torch.equal(explain(model, similarity, pair), shown)
    torch.nn.init.normal_(next(asked.parameters()))
    assert not torch.equal(explain(model, similarity, pair), shown)


def test_both_extractors_are_frozen_in_part(tmp_path: Path) -> None:
    model = balanced(num_identities=12)
    trainer = bare_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0, callbacks=[FreezeBackbone(0.5)])
    trainer.fit(model, datamodule=faces())
    for extractor in (model.full_extractor, model.partial_extractor):
        frozen = sum(parameter.numel() for parameter in extractor.parameters() if not parameter.requires_grad)
        assert 0.1 < frozen / sum(parameter.numel() for parameter in extractor.parameters()) <= 0.5
    assert all(parameter.requires_grad for parameter in model.mask_classifier.parameters())


@pytest.mark.parametrize("changes", [{"paired": False}, {"paired": False, "masking": None}])
def test_other_batches_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"BalancedMatching trains on each face without and with a mask: set data.paired"
    ):
        bare_trainer(tmp_path).fit(balanced(num_identities=12), datamodule=faces(**changes))


def test_training_without_identities_says_so() -> None:
    with pytest.raises(UserError, match="training needs num_identities"):
        balanced().training_step(FaceBatch(*[images(4)] * 5), 0)


@pytest.mark.parametrize("size", [(32, 32), (48, 48), (112, 96), (112, 112), (50, 33)])
def test_the_classifier_takes_any_size(size: tuple[int, int]) -> None:
    model = balanced(input_size=size)
    probability = model.embed(torch.rand(3, 3, *size)).mask_probability
    assert probability.shape == (3,)
    assert ((probability > 0) & (probability < 1)).all()
