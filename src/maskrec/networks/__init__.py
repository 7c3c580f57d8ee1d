"""Networks that are no backbones."""

from maskrec.networks.latent_part import PartLocaliser, box_corners, resample_box
from maskrec.networks.mask_classifier import MaskClassifier

__all__ = ["MaskClassifier", "PartLocaliser", "box_corners", "resample_box"]
