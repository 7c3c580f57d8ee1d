"""Networks whose shape their weights tell, from a part of a checkpoint."""

from typing import TypeVar

from maskrec.errors import UserError
from maskrec.networks.cyclegan import ResNetGenerator
from maskrec.networks.unet import UNet
from maskrec.weight_files import find_weights, read_file

Network = TypeVar("Network", UNet, ResNetGenerator)


def read_network(kind: type[Network], path: str, prefix: str, holder: str) -> Network:
    """A network in evaluation mode; nothing else of the file is read.

    Args:
        kind: Which.
        path: The checkpoint; see `find_weights`.
        prefix: What its weights' names begin with there.
        holder: Whose checkpoint it should be, for the error.

    Raises:
        UserError: The file cannot be read, or holds no such network.
    """
    file = find_weights(path)
    content = read_file(file, mmap=file.suffix != ".safetensors")
    weights = content.get("state_dict", content) if isinstance(content, dict) else {}
    state = {str(key).removeprefix(prefix): value for key, value in weights.items() if str(key).startswith(prefix)}
    try:
        network = kind.shaped_as(state)
        network.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"weights {file}: expected a checkpoint of {holder}, with a {kind.__name__}") from error
    return network.eval()
