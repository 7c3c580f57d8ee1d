"""Methods, one LightningModule a paper. What is exported here is covered by the contract test."""

from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.dcr import DCR
from maskrec.methods.moco import MoCoV2

__all__ = ["DCR", "CosineSimilarity", "FaceClassifier", "FaceMethod", "MoCoV2"]
