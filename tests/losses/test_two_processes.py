"""Two processes with half the batch each against one with the whole batch."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.losses import BatchHardTriplet, CenterLoss, DCRLoss, DomainCenters

STEPS = 3
IDENTITY = torch.tensor([[0, 1, 2, 0, 1, 2, 0, 3], [1, 1, 0, 0, 2, 4, 2, 4], [0, 1, 0, 1, 2, 3, 3, 2]])
IS_MASKED = torch.tensor([[0, 0, 1, 1, 1, 0, 0, 1], [0, 1, 0, 1, 0, 0, 1, 1], [1, 0, 0, 1, 1, 0, 1, 0]]).bool()


class Network(nn.Module):
    """A linear network and the three losses that look at the whole batch, a term each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(6, 4)
        self.triplet, self.center, self.dcr = BatchHardTriplet(0.3), CenterLoss(), DCRLoss(DomainCenters(4, 5))
        self.center.allocate(4, 5)

    def forward(self, x: Tensor, identity: Tensor, is_masked: Tensor) -> Tensor:
        features = self.linear(x)
        dcr = self.dcr(features, identity, is_masked).total
        return torch.stack([self.triplet(features, identity), self.center(features, identity), dcr])


def train(network: nn.Module, rows: slice) -> dict[str, Any]:
    """Values and gradients of each loss in the first batch, then some steps of all three."""
    x = torch.randn(STEPS, 8, 6, generator=torch.Generator().manual_seed(1))
    optimizer, outcome = torch.optim.SGD(network.parameters(), lr=0.1), {}
    for step in range(STEPS):
        optimizer.zero_grad()
        terms = network(x[step, rows], IDENTITY[step, rows], IS_MASKED[step, rows])
        terms.sum().backward()
        outcome[f"terms{step}"] = terms.detach()
        for number, parameter in enumerate(network.parameters()):
            outcome[f"gradient{step}.{number}"] = parameter.grad.clone()  # type: ignore[union-attr]
        optimizer.step()
    return outcome | {name: buffer.clone() for name, buffer in network.named_buffers()}


def run_rank(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=2)
    network: Any = Network()
    network._ddp_params_and_buffers_to_ignore = [name for name, _ in network.named_buffers()]
    ranks = DistributedDataParallel(network)
    assert not ranks.modules_buffers
    outcome = train(ranks, slice(4 * rank, 4 * rank + 4))
    torch.save({name.removeprefix("module."): value for name, value in outcome.items()}, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_gradients_and_centres_are_those_of_one_process(tmp_path: Path) -> None:
    multiprocessing.start_processes(run_rank, (tmp_path,), nprocs=2, start_method="fork")  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    whole = train(Network(), slice(None))
    assert whole["center.centers"].any()
    assert whole["dcr.centers.is_seen"].sum() > 5
    assert first.keys() == second.keys() == whole.keys()
    for name, expected in whole.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], expected, rtol=1e-5, atol=1e-6, msg=lambda text, n=name: f"{n}: {text}")
