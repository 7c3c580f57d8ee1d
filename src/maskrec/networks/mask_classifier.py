"""The mask classifier of Balanced Feature Matching (Huang et al., Table I)."""

from torch import Tensor, nn

CHANNELS, PATCH, WIDTH = 16, 4, 512  # Table I


class MaskClassifier(nn.Sequential):
    """Whether a face wears a mask, from (B, 3, H, W) in [-1, 1] to logits (B, 2): unmasked, masked (Table I).

    Args:
        input_size: (H, W) in pixels; 112 x 112 in the paper.
    """

    def __init__(self, input_size: tuple[int, int] = (112, 112)) -> None:
        height, width = (side // PATCH for side in input_size)
        super().__init__(
            nn.Conv2d(3, CHANNELS, PATCH, stride=PATCH),
            nn.BatchNorm2d(CHANNELS),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(CHANNELS * height * width, WIDTH),
            nn.BatchNorm1d(WIDTH),
            nn.Linear(WIDTH, 2),
        )

    def probability(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to the probability that each face wears a mask, (B,) float32."""
        logits: Tensor = self(images)
        return logits.float().softmax(dim=1)[:, 1]
