"""The members of MAN's population: how they begin, train, go on from the best one, and lie in a checkpoint.

A checkpoint holds all members, whatever the layout. A process that has only one takes its own, to go on
training, or the best, to test.
"""

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor, distributed, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_flatten, tree_unflatten

from maskrec.distributed import rank_and_ranks
from maskrec.errors import UserError
from maskrec.losses import DrawnLoss, IdentityHead, IdentityLoss
from maskrec.methods.base import NO_HEAD, CosineSimilarity
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.member_per_rank import MemberPerRank
from maskrec.types import FaceBatch

Checkpoint = dict[str, Any]
MEMBERS = "members."  # what a method calls its population: its members' keys in a checkpoint begin so
HERE = f"{MEMBERS}0."  # the only member of a process that has one


class Population(nn.ModuleList):
    """Classifiers of one structure; the parameters of each are at first a function of the seed and its number.

    B: batch, N: members here, D: embedding dim.

    Args:
        size: Members here; 1 where each of several ranks has one.
        seed: Where they begin.
        pool: The losses one is drawn from for each.
        network: Further arguments of `FaceClassifier`.
        over_ranks: The members are one a rank; else all are here.
    """

    def __init__(
        self, size: int, seed: int, pool: Sequence[IdentityLoss], network: dict[str, Any], over_ranks: bool
    ) -> None:
        self.seed = seed
        self.pool = pool
        self.network = network
        self.over_ranks = over_ranks
        super().__init__(map(self._new, range(size)))

    def _new(self, number: int) -> FaceClassifier:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + number)
            return FaceClassifier(loss=DrawnLoss(self.pool), **self.network)

    @property
    def first(self) -> int:
        """The number of the first member here."""
        return rank_and_ranks()[0] if self.over_ranks else 0

    @property
    def members(self) -> list[Any]:
        """Those that are here."""
        return [*self]

    @property
    def heads(self) -> list[IdentityHead]:
        """Theirs, in training."""
        return [member.head for member in self.members]

    def begin(self, strategy: Strategy, size: int) -> None:
        """Before training: of members one a rank, start this rank's, which was made before ranks were known.

        Args:
            strategy: The trainer's.
            size: Members in all.

        Raises:
            UserError: The strategy is not that of the layout, or has another number of ranks.
        """
        if isinstance(strategy, MemberPerRank) != self.over_ranks or (self.over_ranks and rank_and_ranks()[1] != size):
            raise UserError(
                "model.layout: `ranks` needs trainer.strategy member_per_rank and as many processes as"
                f" members, {size}; `stacked` needs another strategy"
            )
        if self.first:
            self[0].load_state_dict(self._new(self.first).state_dict())

    def use(self, drawn: Tensor) -> None:
        """Train each under the loss drawn for it, numbers of losses of all members."""
        for number, member in enumerate(self.members, start=self.first):
            member.head.loss.drawn = int(drawn[number])

    def embed_all(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to the unit embeddings of each, (B, N, D)."""
        return torch.stack([member.embed(images) for member in self.members], dim=1)

    def losses(self, batch: FaceBatch) -> Tensor:
        """(N,) the loss of each."""
        if any(member.head is None for member in self.members):
            raise UserError(NO_HEAD)
        # One after another: `torch.func.vmap` over members took 1.6 times as long on a CPU (ResNet-10, 48x48).
        return torch.stack([member.head(member.backbone(batch.image), batch.identity) for member in self.members])

    def of_all(self, rows: Tensor) -> Tensor:
        """A row of numbers of each member here, (N, M), to those of all members."""
        if not self.over_ranks:
            return rows
        parts = [torch.empty_like(rows) for _ in range(rank_and_ranks()[1])]
        distributed.all_gather(parts, rows)
        return torch.cat(parts)

    @torch.no_grad()
    def copy_to_all(self, best: int, optimizer: Optimizer | None = None) -> None:
        """Overwrite every member by the best one, to the bit, and, of an optimiser, its state of their parameters."""
        if self.over_ranks:
            device = next(self[0].parameters()).device
            for tensor in _tensors(self[0], optimizer):
                sent = tensor.to(device).contiguous()  # Adam counts its steps on the CPU, which NCCL does not reach
                distributed.broadcast(sent, best)
                tensor.copy_(sent)
            return
        source = _tensors(self[best], optimizer)
        for number in set(range(len(self))) - {best}:
            for own, given in zip(_tensors(self[number], optimizer), source, strict=True):
                own.copy_(given)

    def collect(self, checkpoint: Checkpoint, device: torch.device) -> None:
        """Put the members of all ranks, and their optimisers' states, into rank 0's checkpoint.

        Args:
            checkpoint: Of this rank.
            device: Where tensors are sent from.
        """
        state = checkpoint["state_dict"]
        mine = {key.removeprefix(HERE): state.pop(key) for key in list(state) if key.startswith(HERE)}
        members = _gather((mine, checkpoint.get("optimizer_states")), device)
        for number, (member, _) in enumerate(members):
            state.update({f"{MEMBERS}{number}.{key}": value for key, value in member.items()})
        checkpoint["optimizer_states_of_members"] = [optimizers for _, optimizers in members]

    def pick(self, checkpoint: Checkpoint, number: int | None) -> None:
        """Leave one of all members in a checkpoint, as the only one here; None: this rank's, to go on training."""
        kept = f"{MEMBERS}{self.first if number is None else number}."
        checkpoint["state_dict"] = {
            HERE + key.removeprefix(kept) if key.startswith(kept) else key: value
            for key, value in checkpoint["state_dict"].items()
            if key.startswith(kept) or not key.startswith(MEMBERS)
        }
        if number is None:
            checkpoint["optimizer_states"] = checkpoint["optimizer_states_of_members"][self.first]


def _tensors(member: nn.Module, optimizer: Optimizer | None) -> list[Tensor]:
    """What a member is: parameters, statistics and counts; and an optimiser's state of the parameters."""
    tensors = list(member.state_dict().values())
    if optimizer is not None:
        states = (optimizer.state.get(parameter, {}) for parameter in member.parameters())
        tensors += [value for state in states for value in state.values() if isinstance(value, Tensor)]
    return tensors


class MemberEmbedder(CosineSimilarity):
    """Compares the embeddings of one of N members, which lie side by side, (B, N, D).

    Args:
        number: Which.
        population: Who embeds.
    """

    def __init__(self, number: int, population: Population) -> None:
        self.number = number
        self.embed = population.embed_all

    def similarity(self, probe: Tensor, gallery: Tensor) -> Tensor:
        """(P, N, D), (G, N, D) to (P, G)."""
        return super().similarity(probe[:, self.number], gallery[:, self.number])

    def pairwise_similarity(self, first: Tensor, second: Tensor) -> Tensor:
        """(n, N, D), (n, N, D) to (n,)."""
        return super().pairwise_similarity(first[:, self.number], second[:, self.number])


def _gather(tree: Any, device: torch.device) -> list[Any]:
    """A nest of tensors and plain values, which has one form on all ranks, of each rank: on rank 0; elsewhere none."""
    rank, ranks = rank_and_ranks()
    leaves, spec = tree_flatten(tree)
    columns = []
    for leaf in leaves:
        column = [leaf] * ranks  # a plain value is the same on all
        if isinstance(leaf, Tensor):
            sent = leaf.to(device).contiguous()
            parts = [torch.empty_like(sent) for _ in range(ranks)] if rank == 0 else None
            distributed.gather(sent, parts)
            column = [part.cpu() for part in parts or []]
        columns.append(column)
    return [] if rank else [tree_unflatten([column[of] for column in columns], spec) for of in range(ranks)]
