"""DCR: full and masked faces of a person closer to each other than to anybody else's.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Sec. 4.2. To the baseline it adds two centres an identity, of its full and of its masked faces, and two ranking losses
against them. Batches hold both kinds of every identity: `data.images_per_identity`, `data.masked_per_identity`.

Where the paper is silent: features have length 1 in the ranking losses, an identity's first sight sets its centre,
the loss is taken before the centres move, and centres not seen yet are no negatives. Beyond the paper: `delay`.
"""

from typing import Any, ClassVar

from torch import Tensor

from maskrec.losses import DCRLoss, DomainCenters, IdentityHead, IdentityLoss, Softmax
from maskrec.methods.classifier import FaceClassifier
from maskrec.types import FaceBatch


class DCR(FaceClassifier):
    """Softmax + L_DCR (Sec. 4.2), L_DCR = L_s + gamma L_c (Eq. 11).

    B: batch, D: embedding dim, K: training identities.

    Args:
        embedding_dim: D.
        num_identities: K, linked from the data when training; without it there are no head and no centres.
        loss: What the head is trained with, softmax in the paper.
        alpha_s: Margin within a domain, a distance (Sec. 5.2).
        alpha_c: Margin across domains, a distance (Sec. 5.2).
        gamma: Weight of L_c (Sec. 5.2); 0 leaves it out (Table 4).
        single_weight: Weight of L_s, 1 in Eq. 11; 0 leaves it out (Table 4).
        beta: Momentum of the centres (Sec. 5.2).
        normalize: Take L_DCR of features of length 1; the paper does not say.
        first_sight: An identity's first features in a domain set its centre there, else centres start at 0; the paper
            does not say.
        delay: Steps of the head's loss alone, while centres gather, before L_DCR joins it; 0 in the paper. From scratch
            and at a high learning rate the ranking losses pull all faces onto one point, which drifts away from
            centres of the past, before softmax has told any two apart.
        **kwargs: As for `FaceClassifier`.
    """

    training_only: ClassVar[tuple[str, ...]] = (*FaceClassifier.training_only, "ranking.")

    def __init__(
        self,
        embedding_dim: int = 512,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        alpha_s: float = 0.7,
        alpha_c: float = 0.5,
        gamma: float = 0.75,
        single_weight: float = 1.0,
        beta: float = 0.5,
        normalize: bool = True,
        first_sight: bool = True,
        delay: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(embedding_dim=embedding_dim, num_identities=num_identities, loss=loss or Softmax(), **kwargs)
        self.delay = delay
        self.ranking: DCRLoss | None = None
        if num_identities is not None:
            centers = DomainCenters(embedding_dim, num_identities, beta, first_sight)
            self.ranking = DCRLoss(centers, alpha_s, alpha_c, gamma, single_weight, normalize)

    def terms(self, head: IdentityHead, features: Tensor, batch: FaceBatch) -> dict[str, Tensor]:
        """The head's loss and L_DCR; L_s and L_c are logged as they are, without their weights."""
        assert self.ranking is not None
        ranking = self.ranking(features, batch.identity, batch.is_masked)
        self.log_dict({"train/DCR_single": ranking.single, "train/DCR_cross": ranking.cross})
        is_on = self.global_step >= self.delay
        return {**super().terms(head, features, batch), "DCR": ranking.total * is_on}
