"""Worn masks, one kind a file, each an albumentations transform."""

from maskrec.masking.base import KEYPOINTS, MaskTransform
from maskrec.masking.black import Black
from maskrec.masking.erase import DE
from maskrec.masking.eye import Eye
from maskrec.masking.gan import IAMGANMask
from maskrec.masking.kp_cvx import KPCVX
from maskrec.masking.kp_syn import KPSYN
from maskrec.masking.man import MANMask
from maskrec.masking.mg import MG
from maskrec.masking.nist import NIST
from maskrec.masking.one_of import OneOf
from maskrec.masking.styles import STYLES

KINDS: dict[str, type[MaskTransform]] = {
    "de": DE,
    "black": Black,
    "eye": Eye,
    "kp_cvx": KPCVX,
    "kp_syn": KPSYN,
    "nist": NIST,
    "man": MANMask,
    "mg": MG,
    "iamgan": IAMGANMask,
}
"""Every kind, by its name on the command line; `iamgan` needs weights."""

__all__ = [
    "DE",
    "KEYPOINTS",
    "KINDS",
    "KPCVX",
    "KPSYN",
    "MG",
    "NIST",
    "STYLES",
    "Black",
    "Eye",
    "IAMGANMask",
    "MANMask",
    "MaskTransform",
    "OneOf",
]
