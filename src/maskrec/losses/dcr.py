"""Domain Constrained Ranking: full and masked faces of an identity closer than other identities.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Eqs. 8 to 11. Each term is the mean over the faces that have it. B: batch of all ranks, D: embedding dim.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from maskrec.distributed import gather_ranks
from maskrec.losses.domain_centers import DomainCenters
from maskrec.losses.head import lift_precision
from maskrec.losses.mining import distance, farthest, mean_of, nearest


class DCRTerms(NamedTuple):
    """L_DCR and what it is made of, each a scalar."""

    total: Tensor
    single: Tensor
    cross: Tensor


def single_domain_loss(features: Tensor, centers: Tensor, identity: Tensor, is_masked: Tensor, margin: float) -> Tensor:
    """Mean of max(|C - x| + alpha_s - min |C - x'|, 0), C the own centre in the own domain (Eq. 8).

    x' are the batch's faces of the same domain and another identity; a face without any is left out.

    Args:
        features: (B, D).
        centers: (2, B, D), those of each face's identity: [0] of its full faces, [1] of its masked ones.
        identity: (B,).
        is_masked: (B,) bool.
        margin: alpha_s, a distance.
    """
    own = torch.where(is_masked.unsqueeze(1), centers[1], centers[0]).to(features)
    is_negative = (identity.unsqueeze(1) != identity) & (is_masked.unsqueeze(1) == is_masked)
    gap = distance(own, features) - nearest(own, features, is_negative)
    return mean_of((gap + margin).clamp(min=0), is_negative.any(dim=1))


def cross_domain_loss(
    features: Tensor, centers: Tensor, is_seen: Tensor, identity: Tensor, is_masked: Tensor, margin: float
) -> Tensor:
    """Mean of max(max |x - y| + alpha_c - min |x - C'|, 0), y the own faces of the other domain (Eqs. 9 and 10).

    C' are the centres, in the domain of x, of the other identities in the batch that were seen in it; a face without
    any, or without its like in the other domain, is left out.

    Args:
        features: (B, D).
        centers: (2, B, D), as in `single_domain_loss`.
        is_seen: (2, B) bool, which centres are set.
        identity: (B,).
        is_masked: (B,) bool.
        margin: alpha_c, a distance.
    """
    is_other = identity.unsqueeze(1) != identity
    is_positive = ~is_other & (is_masked.unsqueeze(1) != is_masked)
    in_domain = torch.stack([~is_masked, is_masked], dim=1)
    is_negative = (is_other.unsqueeze(1) & is_seen & in_domain.unsqueeze(2)).flatten(1)  # a face, a domain's centre
    gap = farthest(features, features, is_positive) - nearest(features, centers.flatten(0, 1).to(features), is_negative)
    return mean_of((gap + margin).clamp(min=0), is_positive.any(dim=1) & is_negative.any(dim=1))


class DCRLoss(nn.Module):
    """L_s + gamma L_c over the batch of all ranks (Eq. 11), and the centres it is taken against.

    Args:
        centers: The centre banks.
        alpha_s: Margin within a domain, a distance (Sec. 5.2).
        alpha_c: Margin across domains, a distance (Sec. 5.2).
        gamma: Weight of L_c (Sec. 5.2); 0 leaves it out (Table 4).
        single_weight: Weight of L_s, 1 in Eq. 11; 0 leaves it out (Table 4).
        normalize: Scale features to length 1; the paper does not say.
    """

    def __init__(
        self, centers: DomainCenters, alpha_s: float = 0.7, alpha_c: float = 0.5,
        gamma: float = 0.75, single_weight: float = 1.0, normalize: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.centers = centers
        self.alpha_s = alpha_s
        self.alpha_c = alpha_c
        self.gamma = gamma
        self.single_weight = single_weight
        self.normalize = normalize

    def forward(self, features: Tensor, identity: Tensor, is_masked: Tensor) -> DCRTerms:
        """This rank's (b, D), (b,), (b,) to the loss of the batch of all ranks; the same on each."""
        with torch.autocast(features.device.type, enabled=False):
            features, identity, is_masked = map(gather_ranks, (lift_precision(features), identity, is_masked))
            features = nn.functional.normalize(features, dim=1) if self.normalize else features
            centers, is_seen = self.centers(features, identity, is_masked)
            single = single_domain_loss(features, centers, identity, is_masked, self.alpha_s)
            cross = cross_domain_loss(features, centers, is_seen, identity, is_masked, self.alpha_c)
            return DCRTerms(self.single_weight * single + self.gamma * cross, single, cross)
