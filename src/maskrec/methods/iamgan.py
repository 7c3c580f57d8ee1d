"""IAMGAN: masks drawn by a generator that keeps the identity.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Sec. 4.1. To CycleGAN, between full faces F and masked faces M that are not paired, it adds what keeps a face itself
outside the mask: a classifier C of identities and a reconstruction, both outside the region that S finds.

Where the paper is silent: the least squares of CycleGAN's code (`adversarial`), S(f_m) is taken as it is, without
gradient, and C judges a generator by its running batch-norm statistics, so that L_cls^C alone moves C.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from maskrec.errors import UserError
from maskrec.evaluation import ProtocolResult
from maskrec.losses import (
    Adversarial,
    adversarial_loss,
    cycle_loss,
    reconstruction_loss,
)
from maskrec.methods.iamgan_classifier import Classifier, frozen
from maskrec.methods.image_pool import ImagePool
from maskrec.methods.trainable import Trainable
from maskrec.networks import FEWEST, PatchDiscriminator, ResNetGenerator, UNet, read_network
from maskrec.types import UnpairedBatch

MEASURES = ("mask_found", "mask_share", "change_outside", "change_cycled")


class Translated(NamedTuple):
    """What the generators make of full faces f and masked faces m."""

    masked: Tensor
    """f_m = G_FM(f)."""
    full: Tensor
    """m_f = G_MF(m)."""
    full_again: Tensor
    """G_MF(f_m)."""
    masked_again: Tensor
    """G_FM(m_f)."""


class IAMGAN(Trainable):
    """L_MFG + lambda_2 L_IP (Eq. 7), L_MFG = CycleGAN's (Eq. 1), L_IP = L_cls + L_rec (Eq. 2).

    B: batch, K: identities of F. `iteration` counts batches; Lightning's `global_step` counts the steps of three
    optimisers, of generators, discriminators and C.

    Args:
        segmenter: A checkpoint of `MaskSegmenter`, S; frozen.
        num_identities: K, linked from the data.
        width: Channels of the generators' first layer.
        blocks: Their residual blocks; 9 at 256 x 256.
        discriminator_width: Channels of the discriminators' first layer.
        classifier: Backbone of C; see `maskrec backbones`.
        adversarial: `lsgan` or `bce`; see `adversarial_loss`.
        cycle_weight: lambda_1 (Sec. 5.2).
        identity_weight: lambda_2 at the end of its ramp (Sec. 5.2); 0 leaves L_IP out (Table 3): CycleGAN.
        ramp: Iterations in which lambda_2 rises from 0 (Sec. 5.2).
        classification: Whether L_cls is taken (Table 3).
        reconstruction: Whether L_rec is taken (Table 3).
        pool_size: Made pictures a rank keeps for each discriminator; 50 in CycleGAN.
        iterations: Where training ends (Sec. 5.2).
        decay_from: Iteration from which the learning rate falls linearly to 0 (Sec. 5.2).
        **kwargs: As for `Trainable`, but for the schedule; each of the three optimisers is made by `optimizer`.
    """

    def __init__(
        self,
        segmenter: str | None = None,
        num_identities: int | None = None,
        width: int = 64,
        blocks: int = 9,
        discriminator_width: int = 64,
        classifier: str = "resnet50",
        adversarial: Adversarial = "lsgan",
        cycle_weight: float = 10.0,
        identity_weight: float = 1.0,
        ramp: int = 100_000,
        classification: bool = True,
        reconstruction: bool = True,
        pool_size: int = 50,
        iterations: int = 500_000,
        decay_from: int = 350_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.automatic_optimization = False
        self.adversarial = adversarial
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.ramp = ramp
        self.reconstruction = reconstruction
        self.iterations = iterations
        self.decay_from = decay_from
        self.generators = nn.ModuleDict(
            {"full_to_masked": ResNetGenerator(width, blocks), "masked_to_full": ResNetGenerator(width, blocks)}
        )
        self.discriminators = nn.ModuleDict(
            {"full": PatchDiscriminator(discriminator_width), "masked": PatchDiscriminator(discriminator_width)}
        )
        self.pools = {"full": ImagePool(pool_size), "masked": ImagePool(pool_size)}
        self.classifier: Classifier | None = None
        if num_identities is not None and classification and identity_weight:
            self.classifier = Classifier(classifier, num_identities)
        self.segmenter = read_network(UNet, segmenter, "network.", "MaskSegmenter") if segmenter else UNet()
        self.segmenter.requires_grad_(False)
        self.measures = nn.ModuleDict({name: MeanMetric() for name in MEASURES})
        self.iteration = 0

    def setup(self, stage: str) -> None:
        """Refuse to train against a segmenter that knows nothing."""
        if stage == "fit" and self.hparams["segmenter"] is None:
            raise UserError(
                "model.segmenter: IAMGAN needs S, a checkpoint of MaskSegmenter; train mask_segmenter first"
            )

    def train(self, mode: bool = True) -> "IAMGAN":
        """S stays as it was trained."""
        super().train(mode)
        self.segmenter.eval()
        return self

    def forward(self, full: Tensor) -> tuple[Tensor, Tensor]:
        """Full faces, (B, 3, H, W) in [-1, 1], with masks, and where those are, (B, H, W) bool."""
        masked = self.generators["full_to_masked"](full)
        return masked, self.segmenter(masked) > 0

    def translate(self, batch: UnpairedBatch) -> Translated:
        """Both ways, and back."""
        masked, full = self.generators["full_to_masked"](batch.image), self.generators["masked_to_full"](batch.masked)
        return Translated(
            masked, full, self.generators["masked_to_full"](masked), self.generators["full_to_masked"](full)
        )

    def is_face(self, masked: Tensor) -> Tensor:
        """S(f_m), (B, 1, H, W) without gradient: 0 = mask, 1 = anything else."""
        with torch.no_grad():
            is_face: Tensor = (self.segmenter(masked) <= 0).to(masked.dtype)[:, None]
        return is_face

    def generator_terms(self, batch: UnpairedBatch, made: Translated, is_face: Tensor) -> dict[str, Tensor]:
        """The terms of the generators, weighted as they are summed (Eqs. 1, 2, 5, 6 and 7)."""
        terms = {
            "adversarial_masked": adversarial_loss(self.discriminators["masked"](made.masked), True, self.adversarial),
            "adversarial_full": adversarial_loss(self.discriminators["full"](made.full), True, self.adversarial),
            "cycle_full": self.cycle_weight * cycle_loss(batch.image, made.full_again),
            "cycle_masked": self.cycle_weight * cycle_loss(batch.masked, made.masked_again),
        }
        weight = self.identity_weight * (min(1.0, self.iteration / self.ramp) if self.ramp else 1.0)
        if self.identity_weight and self.reconstruction:
            terms["reconstruction"] = weight * reconstruction_loss(batch.image, made.masked, is_face)
        if self.classifier is not None:
            with self.classifier.judging():
                terms["classification"] = weight * self.classifier(made.masked * is_face, batch.identity)
        return terms

    def discriminator_loss(self, real: Mapping[str, Tensor], made: Mapping[str, Tensor]) -> Tensor:
        """Half the sum of both sides of each discriminator, as in CycleGAN's code; made ones by way of the pools."""
        losses = []
        for name, discriminator in self.discriminators.items():
            pooled = self.pools[name].exchange(made[name].detach())
            losses += [
                adversarial_loss(discriminator(real[name]), True, self.adversarial),
                adversarial_loss(discriminator(pooled), False, self.adversarial),
            ]
        return torch.stack(losses).sum() / 2

    def training_step(self, batch: UnpairedBatch, batch_idx: int) -> None:
        """A step of the generators, then of the discriminators, then of C."""
        generators, discriminators, *classifiers = self._optimizers()
        with frozen(self.discriminators, self.classifier):
            made = self.translate(batch)
            is_face = self.is_face(made.masked)
            terms = self.generator_terms(batch, made, is_face)
            self._step(generators, torch.stack([*terms.values()]).sum())
        real, drawn = {"full": batch.image, "masked": batch.masked}, {"full": made.full, "masked": made.masked}
        terms["discriminators"] = self.discriminator_loss(real, drawn)
        self._step(discriminators, terms["discriminators"])
        if self.classifier is not None:
            terms["classifier"] = self.classifier(batch.image * is_face, batch.identity)  # Eq. 4
            self._step(classifiers[0], terms["classifier"])
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        self.iteration += 1
        self.trainer.should_stop = self.iteration >= self.iterations

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _optimizers(self) -> list[Any]:
        """All optimisers, at the learning rate of this iteration."""
        left = (self.iterations - self.iteration) / max(self.iterations - self.decay_from, 1)
        optimizers: Any = self.optimizers()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * max(min(1.0, left), 0.0)
        return list(optimizers)

    def configure_optimizers(self) -> Any:
        """One for the generators, one for the discriminators, one for C."""
        trained = [self.generators, self.discriminators, self.classifier]
        return [self.optimizer([*network.parameters()]) for network in trained if network is not None]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the pools of all ranks, and the scale at which faces were seen."""
        checkpoint["iamgan"] = {
            "iteration": self.iteration,
            "image_size": tuple(self.trainer.datamodule.image_size),  # type: ignore[attr-defined]
            "pools": {name: pool.state() for name, pool in self.pools.items()},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the pools of this rank; C, which only training needs, is left out elsewhere."""
        self.iteration = checkpoint["iamgan"]["iteration"]
        for name, state in checkpoint["iamgan"]["pools"].items():
            self.pools[name].load(state)
        if self.classifier is None:
            state = checkpoint["state_dict"]
            checkpoint["state_dict"] = {key: state[key] for key in state if not key.startswith("classifier.")}

    # How it goes, by networks of its own; `maskrec realism` measures by others.

    def validation_step(self, batch: UnpairedBatch, batch_idx: int) -> None:
        """Shares of faces with a mask, and of mask in them; mean |change| outside it, and there and back."""
        self._measure(batch, "val")

    def test_step(self, batch: UnpairedBatch, batch_idx: int) -> None:
        """The same."""
        self._measure(batch, "test/held_out/made")

    def _measure(self, batch: UnpairedBatch, key: str) -> None:
        masked, region = self(batch.image)
        is_face = (~region)[:, None].float()
        change = (masked - batch.image).abs().mean(dim=1) * ~region
        found = {
            "mask_found": region.flatten(1).float().mean(dim=1) > FEWEST,
            "mask_share": region.float(),
            "change_outside": change.flatten(1).sum(dim=1) / is_face.flatten(1).sum(dim=1).clamp_min(1),
            "change_cycled": (self.generators["masked_to_full"](masked) - batch.image).abs(),
        }
        metric: Any
        for name, metric in self.measures.items():
            metric.update(found[name])
            self.log(f"{key}/{name}", metric)

    def on_test_epoch_end(self) -> None:
        """Keep what was measured."""
        measures: dict[str, Any] = dict(self.measures)
        self.results = {"held_out/made": ProtocolResult({name: float(m.compute()) for name, m in measures.items()})}

    def predict_step(self, batch: UnpairedBatch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Full faces with masks, and where those are."""
        made: tuple[Tensor, Tensor] = self(batch.image)
        return made

    def samples(self, batch: UnpairedBatch) -> list[Tensor]:
        """Rows of a picture: full faces, masked, S's mask, full again; masked faces, full, masked again."""
        made = self.translate(batch)
        found = 1 - 2 * self.is_face(made.masked).expand(-1, 3, -1, -1)
        return [batch.image, made.masked, found, made.full_again, batch.masked, made.full, made.masked_again]
