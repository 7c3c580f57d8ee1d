"""Networks that are no backbones."""

from maskrec.networks.cyclegan import PatchDiscriminator, ResNetGenerator
from maskrec.networks.latent_part import PartLocaliser, box_corners, resample_box
from maskrec.networks.mask_classifier import MaskClassifier
from maskrec.networks.stored import read_network
from maskrec.networks.unet import FEWEST, UNet

__all__ = [
    "FEWEST",
    "MaskClassifier",
    "PartLocaliser",
    "PatchDiscriminator",
    "ResNetGenerator",
    "UNet",
    "box_corners",
    "read_network",
    "resample_box",
]
