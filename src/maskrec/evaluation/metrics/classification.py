"""Whether a network that tells masked faces from unmasked ones is right."""

from torch import Tensor


def mask_accuracy(probability: Tensor, is_masked: Tensor, threshold: float = 0.5) -> float:
    """The share of faces whose mask is judged rightly.

    Args:
        probability: (N,) that the face wears a mask.
        is_masked: (N,) bool.
        threshold: The least probability that says masked.
    """
    return float(((probability >= threshold) == is_masked).double().mean())
