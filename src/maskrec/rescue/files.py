"""What a rescue leaves: the weights as a drop-in, the same as ONNX, and a card that says what they are worth."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from maskrec.backbones import create_backbone, read_weights, rewrite_weights
from maskrec.checkpoints import method_of_run
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.methods import FaceClassifier, TemplateDistillation
from maskrec.methods.export import TOLERANCE, write_onnx
from maskrec.rescue.card import Files, model_card
from maskrec.rescue.inputs import Recogniser

CARD = "model_card.md"
HALF_TOLERANCE = 1e-2


def write_files(run: Path, recogniser: Recogniser, faces: Path, folders: Sequence[Path]) -> Iterator[str]:
    """Write them into the run's folder.

    Args:
        run: Its folder.
        recogniser: What was rescued.
        faces: What it learnt from.
        folders: What it was tested on; none: held-out identities.

    Yields:
        A line for each file, once it is written.

    Raises:
        UserError: A file cannot be written, or does not give the run's templates when it is read again.
    """
    method = method_of_run(run)
    assert isinstance(method, TemplateDistillation)
    weights = run / f"{recogniser.weights.stem}_rescued{recogniser.weights.suffix}"
    copied = rewrite_weights(recogniser.weights, method.backbone, weights)
    again = _from_file(recogniser, weights, method.mirror)
    _expect_equal(method, again, recogniser, weights)
    yield f"weights: {weights}"
    onnx: Path | str = weights.with_suffix(".onnx")
    try:
        write_onnx(again, recogniser.input_size, weights.with_suffix(".onnx"))
        yield f"ONNX: {onnx}"
    except UserError as error:
        onnx = str(error)
        yield f"no ONNX: {error}"
    card = run / CARD
    with replacing(card) as partial:
        partial.write_text(model_card(run, recogniser, faces, folders, Files(weights, onnx, copied)))
    yield f"model card: {card}"


def _from_file(recogniser: Recogniser, weights: Path, mirror: bool) -> FaceClassifier:
    """What the written file is read as."""
    size, dim = recogniser.input_size, recogniser.embedding_dim
    method = FaceClassifier(recogniser.backbone, dim, input_size=size, mirror=mirror)
    method.backbone = create_backbone(recogniser.backbone, dim, weights, size)
    return method.eval()


@torch.inference_mode()
def _expect_equal(method: FaceClassifier, again: FaceClassifier, recogniser: Recogniser, weights: Path) -> None:
    """Within 1e-4, or what the file's own half precision allows."""
    images = torch.rand(3, 3, *recogniser.input_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    worst = float((method.embed(images) - again.embed(images)).abs().max())
    is_half = any(value.dtype in (torch.float16, torch.bfloat16) for value in read_weights(weights).values())
    if worst > (HALF_TOLERANCE if is_half else TOLERANCE):
        raise UserError(f"weights {weights}: give other templates than the run's, by {worst:.1e}")
