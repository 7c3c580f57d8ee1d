"""What happens around training: checkpoints, pictures, results."""

from maskrec.callbacks.checkpoints import BEST, LAST, AtomicCheckpointIO, BestCheckpoint, LastCheckpoint
from maskrec.callbacks.csv_log import CSVLog
from maskrec.callbacks.embeddings import WriteEmbeddings
from maskrec.callbacks.freeze import FreezeBackbone
from maskrec.callbacks.pictures import PictureGrid
from maskrec.callbacks.results import WriteResults
from maskrec.callbacks.step_seed import StepSeed

__all__ = [
    "BEST",
    "LAST",
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "CSVLog",
    "FreezeBackbone",
    "LastCheckpoint",
    "PictureGrid",
    "StepSeed",
    "WriteEmbeddings",
    "WriteResults",
]
