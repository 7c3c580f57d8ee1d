"""maskrec: masked-face recognition, five papers in one experiment suite."""

from maskrec.backbones import create_backbone
from maskrec.errors import UserError

__all__ = ["UserError", "create_backbone"]
