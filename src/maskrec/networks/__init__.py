"""Networks that are no backbones."""

from maskrec.networks.mask_classifier import MaskClassifier

__all__ = ["MaskClassifier"]
