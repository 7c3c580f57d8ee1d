"""Protocols: what is compared with what."""

from maskrec.evaluation.protocols.all_pairs import AllPairs
from maskrec.evaluation.protocols.base import Evaluation, ProtocolResult, ProtocolResults, ProtocolRun
from maskrec.evaluation.protocols.identification import Identification
from maskrec.evaluation.protocols.mask_classification import MaskClassification
from maskrec.evaluation.protocols.one_of_n import OneOfN
from maskrec.evaluation.protocols.verification import Verification

__all__ = [
    "AllPairs",
    "Evaluation",
    "Identification",
    "MaskClassification",
    "OneOfN",
    "ProtocolResult",
    "ProtocolResults",
    "ProtocolRun",
    "Verification",
]
