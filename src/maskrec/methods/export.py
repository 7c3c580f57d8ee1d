"""A method's whole test-time graph, from pictures to embeddings, for whatever runs it elsewhere."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_leaves

from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.methods.base import FaceMethod
from maskrec.types import Embedding

TOLERANCE = 1e-4


class TestTimeGraph(nn.Module):
    """`embed` as a network's `forward`."""

    def __init__(self, method: FaceMethod) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> Embedding:
        """(B, 3, H, W) in [-1, 1] to an embedding of B rows."""
        return self.method.embed(images)


def export_graph(method: FaceMethod, input_size: tuple[int, int]) -> ExportedProgram:
    """`embed` as one graph for pictures (B, 3, H, W) in [-1, 1], B free; the method is left in evaluation mode.

    Args:
        method: What embeds, on the CPU.
        input_size: (H, W).
    """
    images = torch.zeros(2, 3, *input_size)
    with torch.no_grad():
        return torch.export.export(TestTimeGraph(method.eval()), (images,), dynamic_shapes=({0: Dim("faces")},))


def write_onnx(method: FaceMethod, input_size: tuple[int, int], file: Path) -> None:
    """Write that graph as ONNX, input `images`, outputs in the order of the embedding's tensors; weights inside.

    Args:
        method: What embeds, on the CPU.
        input_size: (H, W).
        file: Ends in .onnx.

    Raises:
        UserError: What is written embeds three pictures otherwise than the method, by more than 1e-4; or the packages
            for it are not installed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # what torch writes with
    except ImportError as error:
        raise UserError(f"ONNX needs packages that are not installed: pip install 'maskrec[onnx]' ({error})") from error
    if file.suffix != ".onnx" or not file.parent.is_dir():
        raise UserError(f"{file}: expected a .onnx file in a folder that exists")
    graph = export_graph(method, input_size)
    written = torch.onnx.export(graph, input_names=["images"], dynamo=True, verbose=False)
    assert written is not None
    images = torch.rand(3, 3, *input_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with replacing(file) as partial:
        written.save(partial, external_data=False)
        found = onnxruntime.InferenceSession(partial, providers=["CPUExecutionProvider"]).run(
            None, {"images": images.numpy()}
        )
        with torch.no_grad():
            expected = tree_leaves(method.embed(images))
        worst = max(
            float((torch.from_numpy(one) - other).abs().max()) for one, other in zip(found, expected, strict=True)
        )
        if worst > TOLERANCE:
            raise UserError(f"{file}: not written, for ONNX embeds otherwise than torch by {worst:.1e}")
