"""Evaluation: what is compared, how it is scored, and what is kept of it."""

from maskrec.evaluation.evaluator import Evaluator
from maskrec.evaluation.protocols import (
    AllPairs,
    Evaluation,
    Identification,
    MaskClassification,
    OneOfN,
    ProtocolResult,
    ProtocolResults,
    ProtocolRun,
    Verification,
)
from maskrec.evaluation.store import EmbeddingStore

__all__ = [
    "AllPairs",
    "EmbeddingStore",
    "Evaluation",
    "Evaluator",
    "Identification",
    "MaskClassification",
    "OneOfN",
    "ProtocolResult",
    "ProtocolResults",
    "ProtocolRun",
    "Verification",
]
