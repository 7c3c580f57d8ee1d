"""Which faces: one file a named data set."""

from data_modules.casia_webface import CASIAWebFace
from data_modules.celeba import CelebA
from data_modules.drawn_masks import DrawnMasks
from data_modules.face_collection import FaceCollection
from data_modules.face_folder import FaceFolder
from data_modules.flat_folder import FlatFolder
from data_modules.full_and_masked import FullAndMasked
from data_modules.generated import GeneratedFaces
from data_modules.glint360k import Glint360K
from data_modules.holdout import Holdout
from data_modules.lfw import LFW, SLFW
from data_modules.masked_unmasked import MaskedUnmasked
from data_modules.mfr2 import MFR2
from data_modules.mfsr_rec import MFSRREC
from data_modules.mfsr_seg import MFSRSEG
from data_modules.mfv_mfi import MFI, MFV
from data_modules.mixed_folder import MixedFolder
from data_modules.rmfd import RMFD
from data_modules.segmentation_collection import SegmentationCollection
from data_modules.small_sets import FEI, FEIFrontal, GeorgiaTech, SoF
from data_modules.vggface2 import VGGFace2
from data_modules.webface42m import WebFace42M
from data_modules.youtube_faces import YouTubeFaces

__all__ = [
    "FEI",
    "LFW",
    "MFI",
    "MFR2",
    "MFSRREC",
    "MFSRSEG",
    "MFV",
    "RMFD",
    "SLFW",
    "CASIAWebFace",
    "CelebA",
    "DrawnMasks",
    "FEIFrontal",
    "FaceCollection",
    "FaceFolder",
    "FlatFolder",
    "FullAndMasked",
    "GeneratedFaces",
    "GeorgiaTech",
    "Glint360K",
    "Holdout",
    "MaskedUnmasked",
    "MixedFolder",
    "SegmentationCollection",
    "SoF",
    "VGGFace2",
    "WebFace42M",
    "YouTubeFaces",
]
