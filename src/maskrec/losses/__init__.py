"""Losses, one a file: the paper's formula as a function, then a module that holds its constants."""

from maskrec.losses.arcface import ArcFace, arcface_logits
from maskrec.losses.cosface import CosFace, cosface_logits
from maskrec.losses.head import IdentityHead, IdentityLoss
from maskrec.losses.softmax import Softmax

__all__ = ["ArcFace", "CosFace", "IdentityHead", "IdentityLoss", "Softmax", "arcface_logits", "cosface_logits"]
