"""Evaluation: what is compared, how it is scored, and what is kept of it."""

from maskrec.evaluation.evaluator import Evaluator, ProtocolResults
from maskrec.evaluation.protocols import Evaluation, Verification
from maskrec.evaluation.store import EmbeddingStore

__all__ = ["EmbeddingStore", "Evaluation", "Evaluator", "ProtocolResults", "Verification"]
