"""Losses, one a file: the paper's formula as a function, then a module that holds its constants."""

from maskrec.losses.arcface import ArcFace, arcface_logits
from maskrec.losses.balanced import guided_perceptual_loss, mask_loss
from maskrec.losses.center import CenterLoss, center_loss
from maskrec.losses.cosface import CosFace, cosface_logits
from maskrec.losses.dcr import DCRLoss, DCRTerms, cross_domain_loss, single_domain_loss
from maskrec.losses.domain_centers import DomainCenters
from maskrec.losses.drawn import DrawnLoss
from maskrec.losses.embedding import EmbeddingLoss
from maskrec.losses.head import IdentityHead, IdentityLoss
from maskrec.losses.iamgan import Adversarial, adversarial_loss, cycle_loss, reconstruction_loss
from maskrec.losses.info_nce import InfoNCE, info_nce
from maskrec.losses.key_queue import KeyQueue
from maskrec.losses.latent_part import Prior, latent_part_loss
from maskrec.losses.softmax import Softmax
from maskrec.losses.sphereface import SphereFace, sphereface_logits
from maskrec.losses.template import template_distances
from maskrec.losses.triplet import BatchHardTriplet, batch_hard_triplet_loss

__all__ = [
    "Adversarial",
    "ArcFace",
    "BatchHardTriplet",
    "CenterLoss",
    "CosFace",
    "DCRLoss",
    "DCRTerms",
    "DomainCenters",
    "DrawnLoss",
    "EmbeddingLoss",
    "IdentityHead",
    "IdentityLoss",
    "InfoNCE",
    "KeyQueue",
    "Prior",
    "Softmax",
    "SphereFace",
    "adversarial_loss",
    "arcface_logits",
    "batch_hard_triplet_loss",
    "center_loss",
    "cosface_logits",
    "cross_domain_loss",
    "cycle_loss",
    "guided_perceptual_loss",
    "info_nce",
    "latent_part_loss",
    "mask_loss",
    "reconstruction_loss",
    "single_domain_loss",
    "sphereface_logits",
    "template_distances",
]
