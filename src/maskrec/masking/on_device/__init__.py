"""Masks in batches on the device: workers sample them, and they are drawn where the batch is."""

from maskrec.masking.on_device.parameters import NUM_PARAMETERS, encode
from maskrec.masking.on_device.render import BatchedMG
from maskrec.masking.on_device.sampling import PARAMETERS, SampleMask

__all__ = ["NUM_PARAMETERS", "PARAMETERS", "BatchedMG", "SampleMask", "encode"]
