"""Worn masks, one kind a file, each an albumentations transform."""

from maskrec.masking.base import KEYPOINTS, MaskTransform
from maskrec.masking.erase import DE

__all__ = ["DE", "KEYPOINTS", "MaskTransform"]
