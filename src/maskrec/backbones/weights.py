"""Weights of face recognisers, with the wrappings of public code taken off."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from maskrec.backbones.base import Backbone, State
from maskrec.errors import UserError
from maskrec.weight_files import find_weights, read_file

WRAPPERS = ("net_state_dict", "state_dict", "model_state_dict", "model", "backbone")
PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.")  # the last of torch.compile
# Parts of a recogniser that are no backbone: classification layers, which only training needs.
HEAD_PREFIXES = ("head.", "margin.")


def read_weights(path: str | Path) -> State:
    """Read the tensors of a backbone, without unpickling anything but tensors and plain values.

    Wrapper keys (`net_state_dict`, `state_dict`, ...) and name prefixes (`module.`, `backbone.`, ...) are stripped.

    Args:
        path: The file; see `find_weights`.

    Raises:
        UserError: The file is missing, of another kind, unsafe to read, or holds no tensors.
    """
    path = find_weights(path)
    state = _strip_prefixes(_tensors(innermost(read_file(path))))
    if not state:
        raise UserError(f"weights {path}: holds no tensors")
    return state


def innermost(content: Any) -> Any:
    """The mapping that holds a file's tensors, without the wrappers around it."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    return content


def backbone_keys(content: Any, backbone: Backbone) -> dict[str, str]:
    """What a backbone calls those of a file's tensors that are its own, by their names in the file.

    Args:
        content: As `innermost` returns it.
        backbone: Its state is loaded from such a file.
    """
    tensors = _tensors(content)
    names = {id(value): name for name, value in backbone.adapt_state(_strip_prefixes(tensors)).items()}
    expected = backbone.state_dict()
    return {key: names[id(value)] for key, value in tensors.items() if names.get(id(value)) in expected}


def _tensors(content: Any) -> State:
    if not isinstance(content, Mapping):
        return {}
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _strip_prefixes(state: State) -> State:
    """Take off wrapping prefixes, keeping only the backbone where other parts lie beside it."""
    while True:
        prefix = next((p for p in PREFIXES if any(key.startswith(p) for key in state)), None)
        if prefix is None:
            return state
        state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def trained_input_size(state: State) -> tuple[int, int] | None:
    """(height, width) the weights were trained at, where a global depthwise kernel tells, else None."""
    kernel = next((state[key] for key in ("linear7.conv.weight",) if key in state), None)
    return (kernel.shape[2] * 16, kernel.shape[3] * 16) if kernel is not None else None


def load_weights(backbone: Backbone, state: State, source: str) -> None:
    """Load a state into a backbone, all of it or nothing.

    A classification layer beside the backbone, and counters that some files leave out, may be missing on either side;
    an embedding where the backbone was built without one.

    Args:
        backbone: Where to load.
        state: Tensors by name, as `read_weights` returns them.
        source: What to call the weights in an error.

    Raises:
        UserError: Keys are missing, unexpected or of another shape; the first of each kind is named.
    """
    expected = backbone.state_dict()
    state = backbone.adapt_state(state)
    left_out = HEAD_PREFIXES if backbone.pool is None else (*HEAD_PREFIXES, *backbone.embedding_layers)
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in expected and not key.startswith(left_out)]
    reshaped = [key for key in expected if key in state and state[key].shape != expected[key].shape]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing, the first '{missing[0]}'")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected, the first '{unexpected[0]}'")
    if reshaped:
        found, wanted = tuple(state[reshaped[0]].shape), tuple(expected[reshaped[0]].shape)
        problems.append(f"{len(reshaped)} of another shape, the first '{reshaped[0]}': {found}, expected {wanted}")
    if problems:
        raise UserError(f"weights {source} do not fit {type(backbone).__name__}: " + "; ".join(problems))
    backbone.load_state_dict(state, strict=False)
