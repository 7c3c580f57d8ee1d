"""Methods, one LightningModule a paper. What is exported here is covered by the contract test."""

from maskrec.methods.balanced import BalancedMatching
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.dcr import DCR

__all__ = ["DCR", "BalancedMatching", "CosineSimilarity", "FaceClassifier", "FaceMethod"]
