"""maskrec: masked-face recognition, five papers in one experiment suite."""

import cv2

from maskrec.backbones import create_backbone
from maskrec.errors import UserError

__all__ = ["UserError", "create_backbone"]

# OpenCV's threads gain nothing on pictures as small as faces; and a process forked from one that has started them, such
# as a loader's, waits for them for ever.
cv2.setNumThreads(0)
