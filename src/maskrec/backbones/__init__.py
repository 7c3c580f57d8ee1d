"""Backbones: one name space over IR-ResNets, MobileFaceNet and every timm model."""

from maskrec.backbones.base import Backbone
from maskrec.backbones.freezing import evaluating, freeze_first, keep_statistics
from maskrec.backbones.registry import create_backbone, list_backbones
from maskrec.backbones.rewrite import rewrite_weights
from maskrec.backbones.weights import load_weights, read_weights

__all__ = [
    "Backbone",
    "create_backbone",
    "evaluating",
    "freeze_first",
    "keep_statistics",
    "list_backbones",
    "load_weights",
    "read_weights",
    "rewrite_weights",
]
