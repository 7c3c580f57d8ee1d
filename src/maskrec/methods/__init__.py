"""Methods, one LightningModule a paper. What is exported here is covered by the contract test."""

from maskrec.methods.balanced import BalancedMatching
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.dcr import DCR
from maskrec.methods.ensemble import Ensemble
from maskrec.methods.iamgan import IAMGAN
from maskrec.methods.lpd import LPD
from maskrec.methods.man import MAN
from maskrec.methods.mask_segmenter import MaskSegmenter
from maskrec.methods.member_per_rank import MemberPerRank
from maskrec.methods.moco import MoCoV2
from maskrec.methods.siamese import ContrastiveSiamese
from maskrec.methods.template_distillation import TemplateDistillation

__all__ = [
    "DCR",
    "IAMGAN",
    "LPD",
    "MAN",
    "BalancedMatching",
    "ContrastiveSiamese",
    "CosineSimilarity",
    "Ensemble",
    "FaceClassifier",
    "FaceMethod",
    "MaskSegmenter",
    "MemberPerRank",
    "MoCoV2",
    "TemplateDistillation",
]
