"""FaceClassifier in the Trainer against a bare loop with the same backbone, batch, head and optimiser."""

import logging
import time
import warnings

import torch
from pytorch_lightning import Callback, Trainer
from torch.utils.data import DataLoader

from maskrec.losses import ArcFace
from maskrec.memory import keep_freed_memory
from maskrec.methods import FaceClassifier
from maskrec.types import FaceBatch

STEPS, WARM_UP, ROUNDS = 25, 5, 5
BATCH, IDENTITIES, SIZE = 64, 2825, 64


def batch() -> FaceBatch:
    return FaceBatch(
        torch.rand(BATCH, 3, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=torch.channels_last),
        torch.randint(IDENTITIES, (BATCH,)),
        torch.zeros(BATCH, dtype=torch.bool),
        torch.arange(BATCH),
        torch.full((BATCH, 96, 2), torch.nan),
    )


def model() -> FaceClassifier:
    torch.manual_seed(0)
    return FaceClassifier("resnet18", 256, IDENTITIES, ArcFace(), input_size=(SIZE, SIZE))


class Clock(Callback):
    """Seconds from the end of the warm-up to the last step."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: object, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if batch_idx == WARM_UP - 1:
            self.start = time.perf_counter()
        if batch_idx == WARM_UP + STEPS - 1:
            self.seconds = time.perf_counter() - self.start


def bare(data: FaceBatch) -> float:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            start = time.perf_counter()
        loss = net.head(net.backbone(data.image), data.identity)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def lightning(data: FaceBatch) -> float:
    clock = Clock()
    loader = DataLoader([data] * (WARM_UP + STEPS), batch_size=None)
    trainer = Trainer(
        max_epochs=1,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        accelerator="cpu",
        devices=1,
    )
    trainer.fit(model(), loader)
    return clock.seconds


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    keep_freed_memory()
    data = batch()
    ratios = sorted(lightning(data) / bare(data) for _ in range(ROUNDS))
    print(f"Trainer / bare loop: median {ratios[ROUNDS // 2]:.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f} (aim 1.05)")
