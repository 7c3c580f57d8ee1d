"""Template-level distillation: a recogniser learns masks from what it made of the same faces without them.

Huber et al., "Mask-invariant Face Recognition through Template-level Knowledge Distillation" (MaskInv, FG 2021). To
the baseline it adds a teacher that never changes and sees faces without masks; the student, which sees them with
masks or without, is held to the teacher's templates. Boutros et al., "Self-restrained Triplet Loss for Accurate Masked
Face Recognition" (2022), belong to the same family; here the term beside the head is a distance alone.

Deviations: the student starts as the teacher, whose templates so stay comparable with its own; the distance is taken of
templates of length 1, as they are compared; without identities the head is left out. A face has one template, of the
picture as it is: the teacher looks at each once, and all later epochs cost what they do without a teacher.
"""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maskrec.errors import UserError
from maskrec.losses import CosFace, DCRLoss, DomainCenters, IdentityLoss, template_distances
from maskrec.masking import DE
from maskrec.methods.classifier import FaceClassifier
from maskrec.methods.identity_means import set_to_means
from maskrec.methods.teacher_templates import teacher_templates
from maskrec.types import Embedder, FaceBatch

OLD, ACROSS = "_old", "_old_gallery"


class Templates(NamedTuple):
    """Both networks' templates of the same faces, in a test; B: faces, D: embedding dim."""

    new: Tensor
    """(B, D), the student's."""
    old: Tensor
    """(B, D), the teacher's."""


class TemplateDistillation(FaceClassifier):
    """L = 1/B sum of w(y) |s - t|^2 + w_head L_head + w_DCR L_DCR; s: student's, t: teacher's template, of length 1.

    `embedding_losses` are added as they are.

    w(y) is one weight for faces y with a mask and one for those without. It is the weight of compatibility: the higher,
    the less a gallery that the teacher enrolled has to be made again. A test says what comes of that: results end in
    `_old` where both faces are the teacher's, in `_old_gallery` where only the reference or gallery is.

    B: batch, D: embedding dim, K: training identities.

    Args:
        embedding_dim: D.
        num_identities: K, linked from the data when training; without it, as of faces without labels, there is no head.
        loss: What the head is trained with; default: CosFace.
        masked_weight: w of faces with a mask.
        unmasked_weight: w of faces without.
        head_weight: w_head; 0: no head.
        dcr_weight: w_DCR, of `DCRLoss`; 0 leaves it out.
        start_from_means: Before training, set the head's weights to the teacher's mean template of each identity.
        **kwargs: As for `FaceClassifier`; `weights` are those of student and teacher.

    Raises:
        UserError: A weight is negative, or there is nothing to learn.
    """

    training_only: ClassVar[tuple[str, ...]] = (*FaceClassifier.training_only, "teacher.", "ranking.")
    batches: ClassVar[Mapping[str, Any]] = {"masking": DE(p=0.5)}

    def __init__(
        self,
        embedding_dim: int = 512,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        masked_weight: float = 10.0,
        unmasked_weight: float = 10.0,
        head_weight: float = 1.0,
        dcr_weight: float = 0.0,
        start_from_means: bool = True,
        **kwargs: Any,
    ) -> None:
        weights = masked_weight, unmasked_weight, head_weight, dcr_weight
        if min(weights) < 0 or not any(weights):
            raise UserError(f"model: expected weights of at least 0, and one above; got {weights}")
        super().__init__(
            embedding_dim=embedding_dim,
            num_identities=num_identities,
            loss=loss or CosFace(),
            start_from_means=start_from_means,
            **kwargs,
        )
        if not head_weight:
            self.head = None
        self.masked_weight = masked_weight
        self.unmasked_weight = unmasked_weight
        self.head_weight = head_weight
        self.dcr_weight = dcr_weight
        self.teacher = copy.deepcopy(self.backbone).eval().requires_grad_(False)
        self.ranking: DCRLoss | None = None
        if num_identities is not None and dcr_weight:
            self.ranking = DCRLoss(DomainCenters(embedding_dim, num_identities))
        needs_identities = {"dcr_weight": dcr_weight, "embedding_losses": kwargs.get("embedding_losses")}
        self._without_identities = [] if num_identities else [name for name, of in needs_identities.items() if of]
        self._templates: npt.NDArray[np.float32] = np.empty((0, embedding_dim), dtype=np.float32)

    def train(self, mode: bool = True) -> "TemplateDistillation":
        """All but the teacher."""
        super().train(mode)
        self.teacher.eval()
        return self

    def setup(self, stage: str) -> None:
        """Refuse what faces without identities cannot be trained with."""
        super().setup(stage)
        if stage == "fit" and self._without_identities:
            raise UserError(f"model.{self._without_identities[0]}: these faces have no identities; leave it out")

    def on_fit_start(self) -> None:
        """Let the teacher look at each face once, and set the head's weights, if asked to."""
        self._templates = teacher_templates(
            self, self.teacher, self._of_teacher, self.backbone.embedding_dim, how=f"mirror {self.mirror}"
        )
        if self.start_from_means and self.head is not None and not self.trainer.ckpt_path:
            faces = self.trainer.datamodule.training_faces()  # type: ignore[attr-defined]
            set_to_means(self.head, *(torch.from_numpy(of).to(self.device) for of in (self._templates, faces.labels)))

    def _of_teacher(self, images: Tensor) -> Tensor:
        return self.template(self.teacher, images)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The sum of the terms there are, each of which is logged with its weight."""
        features = self.backbone(batch.image)
        templates = torch.from_numpy(self._templates[batch.row.cpu().numpy()]).to(features.device)
        distances = template_distances(features, templates)
        terms = {
            "masked": self.masked_weight * (distances * batch.is_masked).mean(),
            "unmasked": self.unmasked_weight * (distances * ~batch.is_masked).mean(),
        }
        if self.head is not None:
            terms[type(self.head.loss).__name__] = self.head_weight * self.head(features, batch.identity)
        terms |= {name: term(features, batch.identity) for name, term in self.embedding_losses.items()}
        if self.ranking is not None:
            terms["DCR"] = self.dcr_weight * self.ranking(features, batch.identity, batch.is_masked).total
        return self.log_loss(terms)

    def test_step(self, batch: FaceBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Embed a batch by both networks."""
        both = Templates(self.embed(batch.image), self._of_teacher(batch.image))
        self._evaluator.update(dataloader_idx, both, batch.row)

    def embedders(self, stage: str) -> Mapping[str, Embedder]:
        """In a test, also the teacher, and the student's probes against what the teacher enrolled."""
        if stage != "test":
            return super().embedders(stage)
        return {
            "": Compared(self, "new", "new"),
            ACROSS: Compared(self, "new", "old"),
            OLD: Compared(self, "old", "old"),
        }


class Compared:
    """`TemplateDistillation` with templates of one network each as probes and as gallery or references.

    Args:
        method: What embeds.
        probe: `new` or `old`.
        gallery: `new` or `old`.
    """

    def __init__(self, method: TemplateDistillation, probe: str, gallery: str) -> None:
        self.embed = method.embed
        self.probe = probe
        self.gallery = gallery

    def similarity(self, probe: Templates, gallery: Templates) -> Tensor:
        """All pairs, (P, G)."""
        scores: Tensor = getattr(probe, self.probe) @ getattr(gallery, self.gallery).T
        return scores

    def pairwise_similarity(self, first: Templates, second: Templates) -> Tensor:
        """N pairs row by row, (N,): references, then probes."""
        scores: Tensor = (getattr(first, self.gallery) * getattr(second, self.probe)).sum(dim=1)
        return scores
