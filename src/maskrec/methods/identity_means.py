"""Heads that start from what a good backbone makes of each identity: drawn at random, they would spoil it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from maskrec.evaluation import EmbeddingStore
from maskrec.losses import IdentityHead
from maskrec.progress import track


@torch.no_grad()
def start_from_means(
    method: LightningModule, heads: Sequence[IdentityHead], embed: Callable[[Tensor], Sequence[Tensor]]
) -> None:
    """Set each head's weights to the mean embedding of each identity, unless they come from a checkpoint.

    The means are over all training faces as they are, of all ranks.

    Args:
        method: Whose heads they are, as its training begins.
        heads: H heads.
        embed: (B, 3, H, W) in [-1, 1] to the embeddings of each head, H times (B, D).
    """
    trainer: Any = method.trainer
    if trainer.ckpt_path:
        return
    data = trainer.datamodule
    faces, loader = data.training_faces(), data.plain_training_loader()
    store = EmbeddingStore(len(faces), sync_on_compute=data.world_size > 1).to(method.device)
    was_training = method.training
    method.eval()
    for batch in track(loader, "Identity means", disable=not trainer.is_global_zero):
        image = data.on_after_batch_transfer(batch, 0).image.to(method.device)
        store.update(embed(image), batch.row.to(method.device))
    method.train(was_training)
    embeddings, _ = store.compute()
    identity = torch.from_numpy(faces.labels).to(method.device)
    for head, embedding in zip(heads, embeddings, strict=True):
        set_to_means(head, embedding, identity)


@torch.no_grad()
def set_to_means(head: IdentityHead, embedding: Tensor, identity: Tensor) -> None:
    """Set a head's weights to the mean embedding, of (N, D), of each identity, (N,)."""
    counts = identity.bincount().unsqueeze(1)
    sums = embedding.new_zeros(len(counts), embedding.shape[1]).index_add_(0, identity, embedding)
    head.weight.copy_(sums / counts)
