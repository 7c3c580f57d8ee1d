"""How faces are read, drawn and batched; which faces is for `data_modules` to say."""

from maskrec.data.augmentation import RandomZoom
from maskrec.data.borders import without_borders
from maskrec.data.check import Broken, LabelledFaces, faces_by_name, labelled_faces, readable_faces, with_masked_copy
from maskrec.data.datasets import EvaluationFaces, FaceRows, TrainingFaces
from maskrec.data.evaluation_set import EvaluationModule, EvaluationSet, PictureSet
from maskrec.data.halves import Half, in_half, pictures_below
from maskrec.data.images import normalise
from maskrec.data.index import FaceIndex, expect_folder, find_pictures, index_faces
from maskrec.data.landmarks import FaceLandmarks, landmarks_for, read_landmarks
from maskrec.data.loading import LoaderModule
from maskrec.data.masked_pairs import MaskedPairs
from maskrec.data.module import FaceDataModule
from maskrec.data.pair_files import numbered_pictures, read_lfw_pairs, read_lines, read_numbered_pairs, read_pairs
from maskrec.data.pair_sampler import PairBatchSampler, PairDraw, StratifiedDraw, UniformDraw
from maskrec.data.pairs import PairList, Pairs, draw_one_of_n, draw_pairs, have_both_kinds, sample_pairs
from maskrec.data.real_masks import RealMasks, by_comparison, drawn_list, drawn_lists, list_identities
from maskrec.data.records import INDEX, RECORDS, record_faces
from maskrec.data.samplers import Draw, IdentityBatchSampler, ShuffledBatchSampler
from maskrec.data.segmentation import DrawnRegions, JoinedRegions, MaskSegmentation, SegmentationModule
from maskrec.data.unpaired import UnpairedFaces

__all__ = [
    "INDEX",
    "RECORDS",
    "Broken",
    "Draw",
    "DrawnRegions",
    "EvaluationFaces",
    "EvaluationModule",
    "EvaluationSet",
    "FaceDataModule",
    "FaceIndex",
    "FaceLandmarks",
    "FaceRows",
    "Half",
    "IdentityBatchSampler",
    "JoinedRegions",
    "LabelledFaces",
    "LoaderModule",
    "MaskSegmentation",
    "MaskedPairs",
    "PairBatchSampler",
    "PairDraw",
    "PairList",
    "Pairs",
    "PictureSet",
    "RandomZoom",
    "RealMasks",
    "SegmentationModule",
    "ShuffledBatchSampler",
    "StratifiedDraw",
    "TrainingFaces",
    "UniformDraw",
    "UnpairedFaces",
    "by_comparison",
    "draw_one_of_n",
    "draw_pairs",
    "drawn_list",
    "drawn_lists",
    "expect_folder",
    "faces_by_name",
    "find_pictures",
    "have_both_kinds",
    "in_half",
    "index_faces",
    "labelled_faces",
    "landmarks_for",
    "list_identities",
    "normalise",
    "numbered_pictures",
    "pictures_below",
    "read_landmarks",
    "read_lfw_pairs",
    "read_lines",
    "read_numbered_pairs",
    "read_pairs",
    "readable_faces",
    "record_faces",
    "sample_pairs",
    "with_masked_copy",
    "without_borders",
]
