"""What every method promises. Methods are found by their export: a new one is covered without a word here."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import bare_trainer, freeze_batch_norm, tiny_faces
from pytorch_lightning import Callback, Trainer
from torch.utils._pytree import tree_flatten, tree_map

import maskrec.methods
from data_modules import GeneratedFaces
from maskrec.callbacks import AtomicCheckpointIO, WriteEmbeddings
from maskrec.methods import FaceMethod

METHODS = sorted(
    (
        method
        for _, method in inspect.getmembers(maskrec.methods, inspect.isclass)
        if issubclass(method, FaceMethod) and not inspect.isabstract(method)
    ),
    key=lambda method: method.__name__,
)
METHOD = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
TRAINED = pytest.mark.parametrize(
    "method", [method for method in METHODS if method.is_trained], ids=lambda method: method.__name__
)
SMALL = {"backbone": "resnet10t", "embedding_dim": 16, "input_size": (32, 32), "num_identities": 12, "queue_length": 64}


def make(method: type[FaceMethod], **changes: Any) -> FaceMethod:
    """A method over the smallest network, with the arguments it takes."""
    torch.manual_seed(0)
    members = [] if method.is_trained else [make(other, **changes) for other in METHODS if other.is_trained]
    return method(**taken(method, SMALL | {"members": members} | changes))


def taken(method: type[FaceMethod], options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that the method takes."""
    takes = {name for base in method.__mro__ for name in inspect.signature(base.__init__).parameters}
    return {name: value for name, value in options.items() if name in takes}


def faces_for(method: type[FaceMethod]) -> GeneratedFaces:
    """What it trains on: it says which batches it needs."""
    return tiny_faces(**method.batches)


def make_trainer(folder: Path, **changes: Any) -> Trainer:
    return bare_trainer(folder, **({"limit_train_batches": 1, "plugins": [AtomicCheckpointIO()]} | changes))


def images() -> torch.Tensor:
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def assert_equal(first: Any, second: Any) -> None:
    for one, other in zip(tree_flatten(first)[0], tree_flatten(second)[0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


class Gradients(Callback):
    """Freezes batch-norm statistics, and keeps the first step's gradients."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        freeze_batch_norm(pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        if trainer.is_global_zero:
            gradients = {name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None}
            torch.save(gradients, self.file)


@TRAINED
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_training_step_is_finite(method: type[FaceMethod], precision: Any, tmp_path: Path) -> None:
    model = make(method)
    before = {name: value.clone() for name, value in model.named_parameters()}
    trainer = make_trainer(tmp_path, precision=precision, limit_val_batches=0)
    trainer.fit(model, datamodule=faces_for(method))
    after = dict(model.named_parameters())
    assert all(value.isfinite().all() for value in after.values())
    assert any(not torch.equal(value, before[name]) for name, value in after.items())
    assert trainer.callback_metrics["train/loss"].isfinite()


@TRAINED
def test_a_reloaded_checkpoint_gives_equal_embeddings(method: type[FaceMethod], tmp_path: Path) -> None:
    model = make(method)
    trainer = make_trainer(tmp_path, limit_val_batches=0)
    trainer.fit(model, datamodule=faces_for(method))
    trainer.save_checkpoint(tmp_path / "method.ckpt")
    # Elsewhere there are other identities, or none: the head is not built.
    elsewhere = taken(method, {"num_identities": None})
    again = method.load_from_checkpoint(tmp_path / "method.ckpt", weights_only=True, **elsewhere)
    with torch.inference_mode():
        assert_equal(model.eval().embed(images()), again.eval().embed(images()))


@METHOD
def test_embed_and_similarity_agree_and_need_no_label(method: type[FaceMethod]) -> None:
    model = make(method, num_identities=None).eval()
    with torch.inference_mode():
        embedding = model.embed(images())
        table = model.similarity(embedding, embedding)
        rows = torch.arange(5)
        swapped = tree_map(lambda leaf: leaf[rows.flip(0)], embedding)
        pairs = model.pairwise_similarity(embedding, swapped)
    assert all(len(leaf) == 5 for leaf in tree_flatten(embedding)[0])
    assert table.shape == (5, 5)
    torch.testing.assert_close(pairs, table[rows, rows.flip(0)], rtol=1e-4, atol=1e-5)
    assert (table.diagonal() >= table.max(dim=1).values - 1e-5).all()  # nothing is more alike than itself


@METHOD
def test_predict_writes_a_row_a_picture(method: type[FaceMethod], faces: Path, tmp_path: Path) -> None:
    import numpy as np

    model, data = make(method, num_identities=None), tiny_faces(landmarks=True)
    data.predict_folder = faces
    writer = WriteEmbeddings(tmp_path / "out.npz", data.predict_paths())
    make_trainer(tmp_path, callbacks=[writer]).predict(model, datamodule=data, return_predictions=False)
    with np.load(tmp_path / "out.npz") as content:
        assert content["path"].tolist() == data.predict_paths()
        embeddings = [content[name] for name in content.files if name != "path"]
        assert all(len(array) == 24 and array.dtype == np.float32 for array in embeddings)


@TRAINED
def test_two_processes_take_the_step_and_give_the_results_of_one(method: type[FaceMethod], tmp_path: Path) -> None:
    if not method.is_data_parallel:
        pytest.skip(f"{method.__name__} says it is not data-parallel; its own test covers two processes")
    outcomes = []
    for processes, strategy in ((1, "auto"), (2, "ddp_fork")):
        file = tmp_path / f"gradients{processes}.pt"
        # A batch of 8 of 72 faces, and 37 faces to validate: the ranks are padded.
        trainer = make_trainer(tmp_path, devices=processes, strategy=strategy, callbacks=[Gradients(file)])
        trainer.fit(make(method), datamodule=faces_for(method))
        outcomes.append((torch.load(file, weights_only=True), trainer.callback_metrics))
    (one, numbers), (two, numbers_of_two) = outcomes
    assert one.keys() == two.keys()
    assert one
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=1e-3, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")
    for key in ("val/auc", "val/held_out/unmasked_masked/eer"):
        torch.testing.assert_close(numbers_of_two[key], numbers[key], rtol=0, atol=0.02)
