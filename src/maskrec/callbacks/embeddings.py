"""Embeddings of a folder of pictures in one .npz file."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.utils._pytree import tree_flatten

from maskrec.evaluation import EmbeddingStore
from maskrec.files import replacing
from maskrec.types import FaceBatch


class WriteEmbeddings(Callback):
    """Gathers what `predict` embeds, over ranks, into one file.

    The file holds `path`, (N,) strings, and `embedding`, (N, D) float32, one row a picture that was embedded
    (`trainer.limit_predict_batches` leaves the rest out). A method whose embedding has several parts writes them as
    `embedding_0`, `embedding_1`, ....

    Args:
        output: The .npz file.
        paths: (N,) the pictures, by row.
    """

    def __init__(self, output: Path, paths: list[str]) -> None:
        self.output = output
        self.paths = paths

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to collect."""
        self._store = EmbeddingStore(len(self.paths)).to(pl_module.device)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: FaceBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect a batch."""
        self._store.update(outputs, batch.row)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        embedding, is_seen = self._store.compute()
        if not trainer.is_global_zero:
            return
        leaves = [leaf[is_seen].to(torch.float32).cpu().numpy() for leaf in tree_flatten(embedding)[0]]
        names = ["embedding"] if len(leaves) == 1 else [f"embedding_{i}" for i in range(len(leaves))]
        with replacing(self.output) as partial:
            np.savez(partial, path=np.array(self.paths)[is_seen.cpu().numpy()], **dict(zip(names, leaves, strict=True)))
