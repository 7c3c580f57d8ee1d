"""How faces are read, drawn and batched; which faces is for `data_modules` to say."""

from maskrec.data.check import Broken, LabelledFaces, readable_faces
from maskrec.data.datasets import EvaluationFaces, TrainingFaces
from maskrec.data.evaluation_set import EvaluationSet, MaskedPairs
from maskrec.data.index import FaceIndex, index_faces
from maskrec.data.landmarks import FaceLandmarks, landmarks_for, read_landmarks
from maskrec.data.module import FaceDataModule
from maskrec.data.pairs import PairList, read_lfw_pairs, sample_pairs
from maskrec.data.samplers import Draw, IdentityBatchSampler, ShuffledBatchSampler

__all__ = [
    "Broken",
    "Draw",
    "EvaluationFaces",
    "EvaluationSet",
    "FaceDataModule",
    "FaceIndex",
    "FaceLandmarks",
    "IdentityBatchSampler",
    "LabelledFaces",
    "MaskedPairs",
    "PairList",
    "ShuffledBatchSampler",
    "TrainingFaces",
    "index_faces",
    "landmarks_for",
    "read_landmarks",
    "read_lfw_pairs",
    "readable_faces",
    "sample_pairs",
]
