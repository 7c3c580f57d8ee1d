"""What the networks of a method cost, for one face."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from maskrec.checkpoints import build_method
from maskrec.methods import FaceMethod


class Cost(NamedTuple):
    """Of one network."""

    parameters: int
    multiply_adds: int
    """In convolutions and linear layers; batch-norm, activations, biases and pooling are not counted."""


@torch.no_grad()
def network_costs(method: FaceMethod, image_size: Sequence[int]) -> dict[str, Cost]:
    """What each network that looks at pictures costs.

    Args:
        method: Whose networks.
        image_size: (height, width) in pixels.
    """
    costs, image = {}, torch.zeros(1, 3, *image_size)
    for name, network in method.eval().networks().items():
        with FlopCounterMode(display=False) as counter:
            network(image)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        costs[name] = Cost(parameters, counter.get_total_flops() // 2)  # a product and a sum count two there
    return costs


def cost_lines(model: Any, image_size: Sequence[int]) -> list[str]:
    """The same of a configuration's `model`, as lines to print."""
    method = build_method(model)
    size = " x ".join(map(str, image_size))
    lines = [f"one face of {size}; multiply-adds in convolutions and linear layers, each two FLOPs"]
    for name, cost in network_costs(method, image_size).items():
        lines.append(f"{name:24} {cost.parameters:>13,} parameters {cost.multiply_adds:>16,} multiply-adds")
    return lines
