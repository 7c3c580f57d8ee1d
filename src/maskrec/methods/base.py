"""What every method shares: how it is evaluated and predicts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskrec.backbones import Backbone
from maskrec.errors import UserError
from maskrec.evaluation import Evaluation, Evaluator, ProtocolResults
from maskrec.methods.trainable import Trainable
from maskrec.types import Embedder, Embedding, FaceBatch
from maskrec.weight_files import find_weights, read_file

MEANS = ("auc", "accuracy", "precision_1_of_20")  # of validation, over all comparisons that have them
NO_HEAD = "training needs num_identities, the number of training identities; the data gives it"


class FaceMethod(Trainable, ABC):
    """A method of masked-face recognition: it embeds faces and knows how two embeddings compare.

    A subclass writes `__init__`, `embed`, `training_step` and, unless cosine will do, the two similarities.
    Its arguments are those of `Trainable`.
    """

    training_only: ClassVar[tuple[str, ...]] = ("head.",)
    """Prefixes of weights only training needs: a checkpoint may hold them where the method has none."""
    is_data_parallel: ClassVar[bool] = True
    """Whether two processes with half a batch each take the step of one process with the whole batch."""
    is_trained: ClassVar[bool] = True
    """Whether there is anything to train."""
    batches: ClassVar[Mapping[str, Any]] = {}
    """What a `FaceDataModule` is given for the batches that the method is trained on."""

    @property
    def _ddp_params_and_buffers_to_ignore(self) -> list[str]:
        """DDP asks for it: buffers that every rank updates alike, which it would otherwise send with every forward."""
        return [
            f"{path}.{buffer}" if path else buffer
            for path, module in self.named_modules()
            for buffer in getattr(module, "same_on_every_rank", ())
        ]

    def networks(self) -> dict[str, nn.Module]:
        """The networks that look at pictures, (B, 3, H, W), by attribute: what an embedding costs."""
        return {name: module for name, module in self.named_children() if isinstance(module, Backbone)}

    def setup(self, stage: str) -> None:
        """Refuse batches that the method cannot be trained on."""
        data = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and self.batches.get("paired") and not getattr(data, "paired", False):
            raise UserError(
                f"{type(self).__name__} trains on each face without and with a mask: set data.paired true, and"
                " data.masking with p 1"
            )

    def go_on_from(self, checkpoint: str) -> None:
        """Take all weights and buffers from a checkpoint of this method; training itself begins anew.

        Raises:
            UserError: It cannot be read, or is not one of this method as it is built here.
        """
        path = find_weights(checkpoint)
        state = read_file(path)
        try:
            self.load_state_dict(state.get("state_dict", state))
        except (AttributeError, RuntimeError) as error:
            raise UserError(
                f"model.start_from {path}: expected a checkpoint of {type(self).__name__} as it is set here:"
                f" {' '.join(str(error).split())}"
            ) from error

    @abstractmethod
    def embed(self, images: Tensor) -> Embedding:
        """(B, 3, H, W) in [-1, 1] to an embedding of B rows; needs no label."""

    @abstractmethod
    def similarity(self, probe: Embedding, gallery: Embedding) -> Tensor:
        """Scores of all pairs, (P, G), higher = more alike."""

    @abstractmethod
    def pairwise_similarity(self, first: Embedding, second: Embedding) -> Tensor:
        """Scores of N pairs row by row, (N,), higher = more alike."""

    # One evaluation for validation and test.

    def on_validation_epoch_start(self) -> None:
        """Begin to collect embeddings."""
        self._start_evaluation("val")

    def on_test_epoch_start(self) -> None:
        """Begin to collect embeddings."""
        self._start_evaluation("test")

    def _start_evaluation(self, stage: str) -> None:
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is None:
            raise UserError("a method is evaluated on the sets of a FaceDataModule: give the trainer `datamodule=`")
        evaluations = [self.extended(faces.evaluation()) for faces in data.evaluation_sets(stage)]
        self._evaluator = Evaluator(evaluations, self.device, stage == "test", is_shared=data.world_size > 1)

    def extended(self, evaluation: Evaluation) -> Evaluation:
        """An evaluation with what else the method is asked, such as whether it tells who wears a mask."""
        return evaluation

    def embed_labelled(self, batch: FaceBatch) -> Embedding:
        """The embedding of an evaluation's batch; one that is an oracle may look at its `is_masked`."""
        return self.embed(batch.image)

    def validation_step(self, batch: FaceBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Embed a batch."""
        self._evaluator.update(dataloader_idx, self.embed_labelled(batch), batch.row)

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Score, and log `val/...` with the mean of each metric over all comparisons as `val/<metric>`."""
        self._score("val")
        for metric in MEANS:
            values = [result.numbers[metric] for result in self.results.values() if metric in result.numbers]
            if values:
                self.log(f"val/{metric}", sum(values) / len(values), prog_bar=True)

    def on_test_epoch_end(self) -> None:
        """Score, and log `test/...`."""
        self._score("test")

    def embedders(self, stage: str) -> Mapping[str, Embedder]:
        """What compares embeddings in `val` or `test`, by what its results' names end in; here the method itself."""
        return {"": self}

    def scored(self, split: str) -> ProtocolResults:
        """What the protocols of `val` or `test` find, by each of the embedders."""
        return {
            f"{key}{ending}": result
            for ending, embedder in self.embedders(split).items()
            for key, result in self._evaluator.compute(embedder).items()
        }

    def _score(self, split: str) -> None:
        self.results = self.scored(split)
        # Every rank has gathered all embeddings and computed the same numbers: there is nothing to reduce.
        for key, result in self.results.items():
            self.log_dict({f"{split}/{key}/{metric}": value for metric, value in result.numbers.items()})

    def predict_step(self, batch: FaceBatch, batch_idx: int, dataloader_idx: int = 0) -> Embedding:
        """The embedding of a batch."""
        return self.embed(batch.image)

    def log_loss(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms, logged; where there are several, each of them, too."""
        if len(terms) > 1:
            self.log_dict({f"train/{name}": value for name, value in terms.items()})
        loss = torch.stack([*terms.values()]).sum()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out weights only training needs, where this method was built without them."""
        own = self.state_dict()
        state: Mapping[str, Tensor] = checkpoint["state_dict"]
        checkpoint["state_dict"] = {
            key: value for key, value in state.items() if key in own or not key.startswith(self.training_only)
        }


class CosineSimilarity:
    """Cosine scores, for methods whose embedding is one tensor of unit rows, (B, D)."""

    def similarity(self, probe: Tensor, gallery: Tensor) -> Tensor:
        """(P, D), (G, D) to (P, G)."""
        return probe @ gallery.T

    def pairwise_similarity(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, D), (N, D) to (N,)."""
        return (first * second).sum(dim=1)
