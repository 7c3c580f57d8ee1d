"""Networks that are no backbones."""

from maskrec.networks.latent_part import PartLocaliser, box_corners, resample_box

__all__ = ["PartLocaliser", "box_corners", "resample_box"]
