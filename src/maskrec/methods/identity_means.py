"""What a head starts from where its backbone is good already."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from rich.progress import track
from torch import Tensor

from maskrec.data import FaceDataModule
from maskrec.evaluation import EmbeddingStore


@torch.no_grad()
def identity_means(method: LightningModule, embed: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean embedding of each training identity, (K, D), over its faces as they are, of all ranks.

    Args:
        method: What trains; put in evaluation mode meanwhile.
        embed: (B, 3, H, W) in [-1, 1] to (B, D).
    """
    trainer: Any = method.trainer
    data: FaceDataModule = trainer.datamodule
    faces, loader = data.training_faces(), data.plain_training_loader()
    store = EmbeddingStore(len(faces)).to(method.device)
    was_training = method.training
    method.eval()
    for batch in track(loader, "Identity means", transient=True, disable=not trainer.is_global_zero):
        image = data.on_after_batch_transfer(batch, 0).image.to(method.device)
        store.update(embed(image), batch.row.to(method.device))
    method.train(was_training)
    embedding, _ = store.compute()
    identity = torch.from_numpy(faces.labels).to(method.device)
    counts = identity.bincount()
    sums: Tensor = embedding.new_zeros(len(counts), embedding.shape[1]).index_add_(0, identity, embedding)
    return sums / counts.unsqueeze(1)
