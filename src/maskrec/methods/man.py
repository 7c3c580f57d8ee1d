"""MAN: which loss suits masked faces is searched for, by a population whose members each train under one.

Wang et al., "Mask Aware Network for Masked Face Recognition in the Wild" (ICCV-MFR 2021), Sec. 3.3. To the baseline it
adds a pool of losses, each with a probability alpha. Every member trains for an epoch under a loss drawn by alpha; then
all are scored on held-out identities, losses that did well become likelier, and the best member's backbone is copied to
all. MAN's masks (Sec. 3.2) are `data.masking`: `maskrec.masking.MANMask`.

Where the paper is silent: how alpha moves (`maskrec.methods.loss_search`), that the head goes along with its backbone
while the optimiser's state stays the member's own, and that a score is the area under the ROC, which has few ties.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.errors import UserError
from maskrec.evaluation import ProtocolResults
from maskrec.losses import ArcFace, IdentityLoss
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.methods.identity_means import start_from_means
from maskrec.methods.loss_search import LossSearch, loss_names
from maskrec.methods.population import Checkpoint, MemberEmbedder, Population
from maskrec.methods.score_table import ScoreTable
from maskrec.types import Embedding, FaceBatch

MARGINS = (0.05, 0.15, 0.25, 0.35, 0.45)  # Sec. 4.2: "from 0.05 to 0.45"


class MAN(CosineSimilarity, FaceMethod):
    """A population of backbones of one structure, and a search for the loss they are best trained with.

    B: batch, N: members, L: losses, D: embedding dim, K: training identities.

    Args:
        backbone: Its name; see `maskrec backbones`.
        embedding_dim: D.
        num_identities: K, linked from the data when training; without it there are no heads.
        population: N.
        losses: The pool; default: ArcFace with each of `margins`, in radians, and `scale`.
        margins: Of the default pool; the paper does not give their step.
        scale: s of the default pool.
        layout: `stacked`: all members in one process, and in each of several that share the batch; `ranks`: one a
            process, which sees the whole batch, under the strategy `member_per_rank`.
        masked_weight: A member's score is this x the mean over comparisons with masked faces + (1 - this) x that over
            those without.
        metric: What is scored.
        update_every_n_steps: Validate and search every so many steps; default: whenever the trainer validates.
        search_rate: Learning rate of the search.
        inference: The `best` member, or the `ensemble`: the mean of all members' unit embeddings. Its members go on
            from the best one only as training goes on: a checkpoint holds them as they were scored.
        copy_optimizer: The best member's optimiser state goes to all, too.
        weights: A file every backbone starts from.
        input_size: (H, W); default: the size of the weights, or 112x112.
        mirror: As for `FaceClassifier`.
        start_from_means: As for `FaceClassifier`, of each head.
        **kwargs: As for `FaceMethod`.

    Raises:
        UserError: Population or pool are empty, the weight is not within [0, 1], or an ensemble lies over ranks.
    """

    def __init__(
        self,
        backbone: str = "iresnet50",
        embedding_dim: int = 512,
        num_identities: int | None = None,
        population: int = 4,
        losses: Sequence[IdentityLoss] | None = None,
        margins: Sequence[float] = MARGINS,
        scale: float = 64.0,
        layout: Literal["stacked", "ranks"] = "stacked",
        masked_weight: float = 0.5,
        metric: Literal["auc", "accuracy"] = "auc",
        update_every_n_steps: int | None = None,
        search_rate: float = 0.05,
        inference: Literal["best", "ensemble"] = "best",
        copy_optimizer: bool = False,
        weights: str | None = None,
        input_size: tuple[int, int] | None = None,
        mirror: bool = False,
        start_from_means: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pool = [ArcFace(margin, scale) for margin in margins] if losses is None else losses
        if population < 1 or not pool:
            raise UserError(f"model.population {population}, losses {len(pool)}: expected one at least of both")
        if not 0 <= masked_weight <= 1:
            raise UserError(f"model.masked_weight {masked_weight}: expected a share between 0 and 1")
        if layout == "ranks" and inference == "ensemble":
            raise UserError("model.inference ensemble: needs all members in one process; say layout stacked, or best")
        self.population = population
        self.layout = layout
        self.masked_weight = masked_weight
        self.metric = metric
        self.update_every_n_steps = update_every_n_steps
        self.inference = inference
        self.copy_optimizer = copy_optimizer
        self.start_from_means = start_from_means
        self.search = LossSearch(loss_names(pool), population, search_rate)
        network = {"backbone": backbone, "embedding_dim": embedding_dim, "num_identities": num_identities}
        network |= {"weights": weights, "input_size": input_size, "mirror": mirror}
        here = population if inference == "ensemble" or (layout == "stacked" and num_identities is not None) else 1
        self.members = Population(here, int(self.search.seed), pool, network, over_ranks=layout == "ranks")

    @property
    def tested(self) -> list[Any]:
        """The members that embed a face: all of an ensemble, else the best."""
        best = int(self.search.best) if len(self.members) > 1 else 0
        return [*self.members] if self.inference == "ensemble" else [self.members[best]]

    def networks(self) -> dict[str, nn.Module]:
        """Those of the members that embed a face."""
        return {f"backbone_{number}": member.backbone for number, member in enumerate(self.tested)}

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to unit rows, (B, D)."""
        return F.normalize(torch.stack([member.embed(images) for member in self.tested]).mean(dim=0), dim=1)

    def setup(self, stage: str) -> None:
        """Refuse what cannot be searched, and search as often as is said."""
        super().setup(stage)
        if stage != "fit":
            return
        self.members.begin(self.trainer.strategy, self.population)
        if not self.trainer.datamodule.evaluation_sets("val"):  # type: ignore[attr-defined]
            raise UserError("MAN searches by scores on held-out identities: give data.held_out more than 0")
        if self.update_every_n_steps is not None:
            # Lightning counts batches.
            self.trainer.val_check_interval = self.update_every_n_steps * self.trainer.accumulate_grad_batches
            self.trainer.check_val_every_n_epoch = None

    def on_fit_start(self) -> None:
        """Set the heads' weights, if asked to."""
        if self.start_from_means:
            start_from_means(self, self.members.heads, lambda images: self.members.embed_all(images).unbind(dim=1))

    def on_train_start(self) -> None:
        """Use the losses that are drawn, also where training goes on."""
        self.members.use(self.search.drawn)

    def on_train_batch_start(self, batch: FaceBatch, batch_idx: int) -> None:
        """An ensemble's members go on from the best one."""
        if self.inference == "ensemble" and not self.search.is_copied:
            self._copy_best()

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The sum of the members' losses, so that each has the gradients of its own; logged is their mean."""
        losses = self.members.losses(batch)
        self.log("train/loss", losses.detach().mean(), prog_bar=True)
        return losses.sum()

    @property
    def _is_searching(self) -> bool:
        return self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking

    def embed_labelled(self, batch: FaceBatch) -> Embedding:
        """While searching the embeddings of all members here, (B, N, D)."""
        return self.members.embed_all(batch.image) if self._is_searching else self.embed(batch.image)

    def scored(self, split: str) -> ProtocolResults:
        """While searching the best member's results: members are scored, and go on from it."""
        if not self._is_searching:
            return super().scored(split)
        members = [MemberEmbedder(number, self.members) for number in range(len(self.members))]
        table = ScoreTable.of([self._evaluator.compute(member) for member in members], self.device)
        if not table.columns:  # validation was cut short
            return {}
        table = table._replace(numbers=self.members.of_all(table.numbers))
        return table.results(self._learn(table.scores(self.metric, self.masked_weight)))

    def _learn(self, score: Tensor) -> int:
        """Search by the members' scores, (N,), and copy the best, whose number is returned."""
        best = self.search.update(score)
        self.log_dict({f"search/{name}": value for name, value in self.search.numbers().items()})
        self.search.draw()
        self.members.use(self.search.drawn)
        if self.inference == "best":
            self._copy_best()
        return best

    def _copy_best(self) -> None:
        self.members.copy_to_all(int(self.search.best), self.trainer.optimizers[0] if self.copy_optimizer else None)
        self.search.is_copied.fill_(True)

    def on_save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """A checkpoint holds all members, also those of other ranks."""
        if self.layout == "ranks":
            self.members.collect(checkpoint, self.device)

    def on_load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Leave those that are not here, and heads where there are none."""
        if len(self.members) < self.population:
            goes_on = self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING
            self.members.pick(checkpoint, None if goes_on else int(checkpoint["state_dict"]["search.best"]))
        own, state = self.state_dict(), checkpoint["state_dict"]
        checkpoint["state_dict"] = {key: value for key, value in state.items() if key in own or ".head." not in key}
