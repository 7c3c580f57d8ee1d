"""The loss by hand, a teacher that never moves, and tests against what it enrolled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import bare_trainer, tiny_faces
from torch.nn import functional as F

from data_modules import FlatFolder
from maskrec.callbacks import FreezeBackbone
from maskrec.errors import UserError
from maskrec.losses import BatchHardTriplet
from maskrec.masking import DE
from maskrec.methods import TemplateDistillation
from maskrec.types import FaceBatch

SMALL: dict[str, Any] = {"backbone": "resnet10t", "embedding_dim": 16, "input_size": (32, 32)}


def method(**changes: Any) -> TemplateDistillation:
    torch.manual_seed(0)
    return TemplateDistillation(**(SMALL | changes))


def test_the_loss_by_hand() -> None:
    model = method(masked_weight=3, unmasked_weight=5).train()
    logged: dict[str, torch.Tensor] = {}
    model.log_loss = lambda terms: (logged.update(terms), sum(terms.values()))[1]  # type: ignore[method-assign]
    model.backbone = torch.nn.Flatten()  # type: ignore[assignment]
    # In length 1: (1, 0), (0, 1), (0.6, 0.8); the templates of rows 2, 0 and 1.
    image = torch.tensor([[3.0, 0.0], [0.0, 2.0], [3.0, 4.0]]).view(3, 2, 1, 1)
    model._templates = np.array([[0, -1], [0.6, 0.8], [1, 0]], dtype=np.float32)
    batch = FaceBatch(
        image, torch.arange(3), torch.tensor([True, True, False]), torch.tensor([2, 0, 1]), torch.empty(0)
    )
    loss = model.training_step(batch, 0)
    assert float(logged["masked"]) == pytest.approx(3 * (0 + 4) / 3)
    assert float(logged["unmasked"]) == pytest.approx(0, abs=1e-6)
    assert float(loss) == pytest.approx(4)


def test_the_teacher_never_moves_and_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKREC_CACHE", str(tmp_path / "cache"))
    data = tiny_faces(masking=DE(p=0.5))
    data.prepare_data()
    model = method(num_identities=12, dcr_weight=0.1, mirror=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    asked: list[int] = []
    model.teacher.register_forward_hook(lambda module, args, out: asked.append(len(out)))
    freeze = FreezeBackbone(0.2, batch_norm=True, module="backbone")
    bare_trainer(tmp_path, max_steps=2, limit_val_batches=0, callbacks=[freeze]).fit(model, datamodule=data)
    assert sum(asked) == 2 * 72  # each face and its mirror image
    assert not any(module.training for module in model.teacher.modules())
    after = model.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in after.items() if name.startswith("teacher."))
    moved = [name for name, value in after.items() if not torch.equal(value, before[name])]
    assert any(name.startswith("backbone.") for name in moved)
    assert not any("running" in name for name in moved)
    assert "ranking.centers.centers" in moved

    # The templates are those of the faces as they are, and heads start from their means.
    faces = data.training_faces()
    image = torch.stack(_images(data))
    with torch.inference_mode():
        feature = model.teacher(image) + model.teacher(image.flip(-1))
    np.testing.assert_allclose(np.array(model._templates), F.normalize(feature, dim=1).numpy(), atol=1e-5)
    again, asked_again = method(num_identities=12, mirror=True), []
    again.teacher.register_forward_hook(lambda module, args, out: asked_again.append(len(out)))
    again.load_state_dict({k: v for k, v in before.items() if not k.startswith("ranking.")})
    again.optimizer = lambda groups: torch.optim.SGD(groups, lr=0)
    bare_trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(again, datamodule=tiny_faces(masking=DE(p=0.5)))
    assert asked_again == []  # what is in the cache is taken from there
    means = np.stack([np.array(again._templates)[faces.labels == person].mean(axis=0) for person in range(12)])
    assert again.head is not None
    np.testing.assert_allclose(again.head.weight.detach().numpy(), means, atol=1e-6)


def _images(data: Any) -> list[torch.Tensor]:
    return [image for batch in data.plain_training_loader() for image in data.on_after_batch_transfer(batch, 0).image]


def test_new_probes_against_the_old_gallery(tmp_path: Path) -> None:
    model = method()
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    data = tiny_faces()
    bare_trainer(tmp_path).test(model, datamodule=data, verbose=False)
    (faces,) = data.evaluation_sets("test")
    loader = data.test_dataloader()[0]
    image = torch.cat([data.on_after_batch_transfer(batch, 0).image for batch in loader])
    with torch.inference_mode():
        new, old = (F.normalize(net(image), dim=1).numpy() for net in (model.backbone.eval(), model.teacher))
    for comparison, protocol in faces.evaluation().protocols.items():
        reference, probe = protocol.reference.numpy(), protocol.probe.numpy()  # type: ignore[attr-defined]
        expected = {
            "": (new[reference] * new[probe]).sum(axis=1),
            "_old_gallery": (old[reference] * new[probe]).sum(axis=1),
            "_old": (old[reference] * old[probe]).sum(axis=1),
        }
        for ending, scores in expected.items():
            found = model.results[f"generated/{comparison}{ending}"].arrays["score"]
            np.testing.assert_allclose(found, scores, atol=1e-5)
    embedders = model.embedders("test")
    both = type("Both", (), {"new": torch.from_numpy(new[:4]), "old": torch.from_numpy(old[:4])})
    table = embedders["_old_gallery"].similarity(both, both)
    np.testing.assert_allclose(table.numpy(), new[:4] @ old[:4].T, atol=1e-5)


def test_faces_without_labels_need_no_head(faces: Path, tmp_path: Path) -> None:
    data = FlatFolder(str(faces), image_size=(32, 32), batch_size=8, num_workers=0, masking=DE(p=0.5))
    assert data.num_identities is None
    model = method(num_identities=data.num_identities)
    assert model.head is None
    trainer = bare_trainer(tmp_path, max_steps=2)
    trainer.fit(model, datamodule=data)
    assert trainer.callback_metrics["train/loss"] > 0
    assert len(model._templates) == 24
    for options in ({"dcr_weight": 0.1}, {"embedding_losses": [BatchHardTriplet()]}):
        with pytest.raises(UserError, match=rf"model.{min(options)}: these faces have no identities"):
            trainer.fit(method(num_identities=None, **options), datamodule=data)


def test_losses_on_the_embedding_stay_without_a_head() -> None:
    model = method(num_identities=12, head_weight=0, embedding_losses=[BatchHardTriplet()])
    assert model.head is None
    assert [*model.embedding_losses] == ["BatchHardTriplet"]


def test_weights_that_teach_nothing() -> None:
    for weights in ((0, 0, 0, 0), (-1, 1, 1, 1)):
        names = ("masked_weight", "unmasked_weight", "head_weight", "dcr_weight")
        with pytest.raises(UserError, match="expected weights of at least 0"):
            method(**dict(zip(names, weights, strict=True)))
