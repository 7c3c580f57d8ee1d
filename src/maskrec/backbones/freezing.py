"""Leaving a part of a network as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_first(network: nn.Module, fraction: float) -> None:
    """Freeze the first share of a network's parameters, counted from the input.

    Whole layers are frozen: one that would pass the share stays trainable.

    Args:
        network: Its layers lie in the order they are used.
        fraction: The share, 0 to 1.
    """
    budget = fraction * sum(parameter.numel() for parameter in network.parameters())
    for layer in (module for module in network.modules() if not any(module.children())):
        budget -= sum(parameter.numel() for parameter in layer.parameters())
        if budget < 0:
            break
        layer.requires_grad_(False)


def keep_statistics(network: nn.Module, of_trained: bool = False) -> None:
    """Put batch-norms that are frozen in evaluation mode, where they keep their statistics.

    Args:
        network: What they are in.
        of_trained: Those of batch-norms that train on, too.
    """
    for layer in network.modules():
        if isinstance(layer, _BatchNorm) and (of_trained or not _is_trained(layer)):
            layer.eval()


def _is_trained(layer: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in layer.parameters())


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; then each layer is in its own mode again, frozen ones, too."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
