"""What happens around training: checkpoints, pictures, results."""

from maskrec.callbacks.checkpoints import (
    BEST,
    LAST,
    AtomicCheckpointIO,
    BestCheckpoint,
    GoodCheckpoints,
    LastCheckpoint,
)
from maskrec.callbacks.csv_log import CSVLog
from maskrec.callbacks.embeddings import WriteEmbeddings
from maskrec.callbacks.evaluation_pictures import EvaluationPictures
from maskrec.callbacks.freeze import FreezeBackbone
from maskrec.callbacks.latent_parts import LatentParts
from maskrec.callbacks.pictures import PictureGrid, log_picture
from maskrec.callbacks.results import WriteResults
from maskrec.callbacks.samples import Samples
from maskrec.callbacks.step_seed import StepSeed

__all__ = [
    "BEST",
    "LAST",
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "CSVLog",
    "EvaluationPictures",
    "FreezeBackbone",
    "GoodCheckpoints",
    "LastCheckpoint",
    "LatentParts",
    "PictureGrid",
    "Samples",
    "StepSeed",
    "WriteEmbeddings",
    "WriteResults",
    "log_picture",
]
