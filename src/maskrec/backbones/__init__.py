"""Backbones: one name space over IR-ResNets, MobileFaceNet and every timm model."""

from maskrec.backbones.base import Backbone
from maskrec.backbones.registry import create_backbone, list_backbones
from maskrec.backbones.weights import load_weights, read_weights

__all__ = ["Backbone", "create_backbone", "list_backbones", "load_weights", "read_weights"]
