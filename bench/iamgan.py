"""An IAMGAN iteration over the same networks in a bare loop, and what masking by its generator costs."""

import copy
import statistics
import tempfile
import time
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from bench.steps import say, seconds
from maskrec.losses import ArcFace
from maskrec.masking import IAMGANMask
from maskrec.masking.gan import BatchedIAMGAN
from maskrec.memory import keep_freed_memory
from maskrec.methods import IAMGAN, FaceClassifier, MaskSegmenter
from maskrec.types import FaceBatch, UnpairedBatch

SIZE, IDENTITIES, ROUNDS, WARM_UP = 112, 500, 12, 2
SMALL: dict[str, Any] = {"width": 16, "blocks": 6, "discriminator_width": 24, "classifier": "resnet10t"}
FACES = 64


class Pictures(Dataset[UnpairedBatch]):
    """Noise, as quick to read as can be."""

    def __len__(self) -> int:
        return WARM_UP + ROUNDS

    def __getitem__(self, row: int) -> UnpairedBatch:
        picture = torch.rand(3, SIZE, SIZE) * 2 - 1
        return UnpairedBatch(picture, torch.tensor(row), picture.flip(2))


class BareLoop(Callback):
    """Before each iteration the same one without Lightning, on a copy of the networks."""

    def __init__(self, method: IAMGAN) -> None:
        self.nets = copy.deepcopy(method)
        self.optimizers = self.nets.configure_optimizers()
        self.times: list[tuple[float, float]] = []
        self.bare = self.begun = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: UnpairedBatch, batch_idx: int) -> None:
        self.bare = seconds(lambda: self.iterate(batch))
        self.begun = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.times.append((time.perf_counter() - self.begun, self.bare))

    def iterate(self, batch: UnpairedBatch) -> None:
        """Eqs. 1 to 7 with least squares, written out."""
        to_masked, to_full = (self.nets.generators[name] for name in ("full_to_masked", "masked_to_full"))
        of_masked, of_full = (self.nets.discriminators[name] for name in ("masked", "full"))
        judge, (generators, discriminators, classifier) = self.nets.classifier, self.optimizers
        assert judge is not None
        judges = [*self.nets.discriminators.parameters(), *judge.parameters()]
        for parameter in judges:
            parameter.requires_grad_(False)
        masked, full = to_masked(batch.image), to_full(batch.masked)
        with torch.no_grad():
            keep = (self.nets.segmenter(masked) <= 0).float()[:, None]
        score_masked, score_full = of_masked(masked), of_full(full)
        loss = F.mse_loss(score_masked, torch.ones_like(score_masked))
        loss = loss + F.mse_loss(score_full, torch.ones_like(score_full))
        loss = loss + 10 * (F.l1_loss(to_full(masked), batch.image) + F.l1_loss(to_masked(full), batch.masked))
        judge.eval()
        loss = loss + F.l1_loss(masked * keep, batch.image * keep) + judge(masked * keep, batch.identity)
        judge.train()
        generators.zero_grad()
        loss.backward()
        generators.step()
        for parameter in judges:
            parameter.requires_grad_(True)
        loss = torch.zeros(())
        for network, real, made in ((of_full, batch.image, full), (of_masked, batch.masked, masked)):
            for picture, target in ((real, 1.0), (made.detach(), 0.0)):
                scores = network(picture)
                loss = loss + F.mse_loss(scores, torch.full_like(scores, target)) / 2
        discriminators.zero_grad()
        loss.backward()
        discriminators.step()
        loss = judge(batch.image * keep, batch.identity)
        classifier.zero_grad()
        loss.backward()
        classifier.step()


def compare_iterations(segmenter: str) -> None:
    def adam(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))

    method = IAMGAN(segmenter, IDENTITIES, ramp=0, optimizer=adam, **SMALL)
    loop = BareLoop(method)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(accelerator="cpu", max_epochs=1, callbacks=[loop], **quiet)  # type: ignore[arg-type]
    trainer.fit(method, DataLoader(Pictures(), batch_size=1))
    ratios = sorted(ours / bare for ours, bare in loop.times[WARM_UP:])
    say(f"IAMGAN iteration / bare loop, {SIZE} x {SIZE}, width {SMALL['width']}", ratios, 1.05)


def measure_masking(weights: str) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batched = BatchedIAMGAN(IAMGANMask(weights)).to(device)
    images = torch.randint(256, (FACES, 3, SIZE, SIZE), dtype=torch.uint8, device=device)
    row, unmasked = torch.arange(FACES, device=device), torch.zeros(FACES, dtype=torch.bool, device=device)
    batch = FaceBatch(images, row, unmasked, row, torch.empty(0), torch.ones(FACES, 1, device=device))

    def mask() -> None:
        batched.wear(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    rate = FACES / statistics.median(seconds(mask) for _ in range(4))
    print(f"masks by the generator of iamgan_casia on {device.type}: {rate:,.1f} faces/s")
    if device.type != "cuda":
        print("share of an IR-50 training step with half of the faces masked: needs a GPU; not measured")
        return
    model = FaceClassifier("iresnet50", 512, IDENTITIES, ArcFace()).to(device)
    assert model.head is not None
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    floats = images / 127.5 - 1

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = model.head(model.backbone(floats), row)  # type: ignore[misc]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize(device)

    taken = statistics.median([seconds(step) for _ in range(8)][WARM_UP:])
    print(f"masking half of a batch of {FACES} / IR-50 step: {FACES / 2 / rate / taken:.2f} (aim 0.5)")


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        segmenter, weights = f"{folder}/s.ckpt", f"{folder}/g.ckpt"
        torch.save({"state_dict": MaskSegmenter(width=16).state_dict()}, segmenter)
        compare_iterations(segmenter)
        torch.save({"state_dict": IAMGAN().state_dict()}, weights)
        measure_masking(weights)
