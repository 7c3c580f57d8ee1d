"""LPD beyond the contract."""

from pathlib import Path
from typing import Any

import albumentations as A
import pytest
import torch
from helpers import bare_trainer, tiny_faces
from torch.nn import functional as F

from maskrec import UserError
from maskrec.losses import CosFace, SphereFace
from maskrec.masking import MG
from maskrec.methods import LPD
from maskrec.methods.export import export_graph, write_onnx
from maskrec.types import FaceBatch


def lpd(**options: Any) -> LPD:
    torch.manual_seed(0)
    return LPD(**({"backbone": "resnet10t", "num_identities": 12, "input_size": (32, 32)} | options))


def first_batch(**options: Any) -> FaceBatch:
    data = tiny_faces(**({"masking": MG(p=0.5)} | options))
    data.prepare_data()
    batch: FaceBatch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    return batch


def silent(model: LPD) -> LPD:
    model.log = model.log_dict = lambda *_args, **_options: None  # type: ignore[method-assign,assignment]
    return model


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_loss_is_the_sum_of_its_terms(weight: float) -> None:
    model, batch = silent(lpd(prior_weight=weight)), first_batch()
    loss = model.training_step(batch, 0)
    (whole, part), theta = lpd(prior_weight=weight)(batch.image)
    assert theta is not None
    assert model.partial_branch is not None
    heads = model.global_branch.head, model.partial_branch.head
    terms = [
        F.cross_entropy(x @ head.weight.T, batch.identity)  # type: ignore[union-attr]
        for x, head in zip((whole, part), heads, strict=True)
    ]
    nose = (batch.landmarks[:, 27, 1] + 0.5) / 32
    expected = sum(terms) + weight * (theta[:, 2] + theta[:, 3] - nose).abs().mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert model.localiser is not None
    for name, parameter in model.localiser.named_parameters():  # without the prior L_partial alone moves the box
        if not name.endswith(("0.bias", "3.bias")):  # what batch-norm takes out again
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_without_the_partial_branch_it_is_the_baseline() -> None:
    model, batch = silent(lpd(partial=False)), first_batch()
    assert model.localiser is None
    loss = model.training_step(batch, 0)
    features = lpd(partial=False).global_branch.norm(lpd(partial=False).backbone(batch.image))
    assert model.global_branch.head is not None
    torch.testing.assert_close(loss, F.cross_entropy(features @ model.global_branch.head.weight.T, batch.identity))
    assert model.eval().embed(batch.image).shape == (8, 512)
    assert lpd().eval().embed(batch.image).shape == (8, 1024)


def test_the_nose_follows_flips_and_crops() -> None:
    """Pictures mirrored and cut to their lower three quarters: noses lie 4/3 as far below the cut as before."""
    noses = []
    for cut in ([], [A.HorizontalFlip(p=1), A.Crop(0, 8, 32, 32, p=1), A.Resize(32, 32)]):
        noses.append(first_batch(masking=None, landmarks=True, augmentation=cut).landmarks[:, 27, 1] + 0.5)
    # A sixth of a pixel: albumentations counts corners where it scales, and pixels' centres elsewhere.
    torch.testing.assert_close(noses[1], (noses[0] - 8) * 32 / 24, atol=0.17, rtol=0)


@pytest.mark.parametrize("layer", ["trunk.layer1", "trunk.layer3"])
def test_the_box_may_be_cut_out_of_a_map(layer: str) -> None:
    model, images = lpd(resample=layer, num_identities=None).eval(), first_batch().image
    assert model.localiser is not None
    with torch.no_grad():
        maps: list[torch.Tensor] = []
        handle = model.backbone.get_submodule(layer).register_forward_hook(lambda _m, _i, out: maps.append(out))
        whole = model.backbone(images)
        handle.remove()
        assert tuple(maps[0].shape[2:]) == model.localiser.size
        model.localiser.norm.bias.copy_(torch.tensor([9.0, 0.0, 9.0, 0.0]))  # the full box
        model.localiser.norm.weight.zero_()
        features, _ = model(images)
    torch.testing.assert_close(features[0], model.global_branch.norm(whole))
    torch.testing.assert_close(features[1], features[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resample": "layer9"}, r"model.resample 'layer9': expected 'input' or a layer of the backbone"),
        ({"resample": "trunk.global_pool"}, r"model.resample 'trunk.global_pool': .* is no map of features"),
    ],
)
def test_wrong_layers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        lpd(**options)


def test_each_branch_counts_the_steps_of_its_own_loss() -> None:
    model = lpd(loss=SphereFace())
    model.training_step(first_batch(), 0)
    steps = [int(branch.head.loss.step) for branch in (model.global_branch, model.partial_branch)]
    assert steps == [1, 1]


def test_the_prior_needs_landmarks(tmp_path: Path) -> None:
    trainer = bare_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    with pytest.raises(UserError, match=r"set data.init_args.landmarks to true"):
        trainer.fit(lpd(), datamodule=tiny_faces())
    bare_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0).fit(
        lpd(prior_weight=0.0), datamodule=tiny_faces()
    )


def test_the_localiser_has_a_rate_of_its_own_and_heads_start_from_means(tmp_path: Path) -> None:
    model = lpd(localiser_rate=0.25, start_from_means=True, loss=CosFace())
    model.optimizer = lambda groups: torch.optim.SGD(groups, lr=0.8)  # type: ignore[assignment]
    trainer = bare_trainer(tmp_path, limit_train_batches=0, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_faces())
    shared, own = model.configure_optimizers().param_groups
    assert (shared["lr"], own["lr"]) == (0.8, 0.2)
    assert model.localiser is not None
    assert sum(p.numel() for p in own["params"]) == sum(p.numel() for p in model.localiser.parameters())
    assert len(shared["params"]) + len(own["params"]) == len(list(model.parameters()))
    for branch in model._branches():
        assert branch.head is not None
        assert (branch.head.weight.norm(dim=1) > 0.5).all()  # means of unit vectors of like faces, not N(0, 0.001)


def test_its_test_time_graph_is_exported(tmp_path: Path) -> None:
    model = lpd(num_identities=None)
    assert model.localiser is not None
    with torch.no_grad():
        model.localiser.norm.bias.copy_(torch.tensor([0.6, 0.2, 0.5, 0.1]))
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    graph = export_graph(model, (32, 32))
    with torch.no_grad():
        torch.testing.assert_close(graph.module()(images), model.embed(images), rtol=0, atol=1e-4)
    write_onnx(model, (32, 32), tmp_path / "lpd.onnx")  # compares with torch, to 1e-4
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "lpd.onnx")
    (found,) = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), model.embed(images), rtol=0, atol=1e-4)
    with pytest.raises(UserError, match=r"lpd.pt: expected a .onnx file"):
        write_onnx(model, (32, 32), tmp_path / "lpd.pt")
