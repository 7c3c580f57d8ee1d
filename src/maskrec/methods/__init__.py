"""Methods, one LightningModule a paper. What is exported here is covered by the contract test."""

from maskrec.methods.balanced import BalancedMatching
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.dcr import DCR
from maskrec.methods.lpd import LPD

__all__ = ["DCR", "LPD", "BalancedMatching", "CosineSimilarity", "FaceClassifier", "FaceMethod"]
