"""Which faces: one file a named data set."""

from data_modules.face_folder import FaceFolder
from data_modules.generated import GeneratedFaces
from data_modules.lfw import LFW

__all__ = ["LFW", "FaceFolder", "GeneratedFaces"]
