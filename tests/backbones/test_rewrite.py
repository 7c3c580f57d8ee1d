"""A weight file written anew: format, wrappers, keys, order, shapes and types of the old one, numbers of the new."""

import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maskrec.backbones import Backbone, create_backbone, read_weights, rewrite_weights
from maskrec.errors import UserError

NUMBERED = {"expand.conv": "0", "expand.bn": "1", "expand.prelu": "2", "depthwise.conv": "3", "depthwise.bn": "4"}
NUMBERED |= {"depthwise.prelu": "5", "project.conv": "6", "project.bn": "7"}


def tiny() -> Backbone:
    return create_backbone("mobilefacenet", 8, input_size=(32, 32))


def public_state() -> "OrderedDict[str, Tensor]":
    """As public code names it: bottlenecks are numbered Sequentials."""
    state: OrderedDict[str, Tensor] = OrderedDict()
    for key, value in tiny().state_dict().items():
        for ours, number in NUMBERED.items():
            key = key.replace(f".{ours}.", f".conv.{number}.") if key.startswith("blocks") else key
        state[key] = value
    return state


def contents() -> dict[str, Any]:
    state = public_state()
    prefixed = OrderedDict((f"module.{key}", value) for key, value in reversed(state.items()))
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    head = {"module.head.weight": torch.ones(5, 8)}
    return {
        "bare": state,
        "wrapped": {"epoch": 68, "net_state_dict": state},
        "prefixed": {"state_dict": prefixed, "optimizer": {"lr": 0.1, "momentum": [torch.ones(2)]}},
        "half": half,
        "with_head": {"model": OrderedDict([*prefixed.items(), *head.items()])},
    }


def described(content: Any) -> Any:
    """All but the numbers in tensors."""
    if isinstance(content, dict):
        return type(content), [(key, described(value)) for key, value in content.items()]
    return (content.dtype, content.shape) if isinstance(content, Tensor) else content


@pytest.mark.parametrize("kind", contents())
@pytest.mark.parametrize("is_zip", [True, False])
def test_the_file_is_as_it_was_but_for_the_numbers(kind: str, is_zip: bool, tmp_path: Path) -> None:
    content = contents()[kind]
    source, target = tmp_path / "old.pth", tmp_path / "new.pth"
    torch.save(content, source, _use_new_zipfile_serialization=is_zip)
    before = source.read_bytes()
    trained = create_backbone("mobilefacenet", 8, source)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1)
    copied = rewrite_weights(source, trained, target)
    assert source.read_bytes() == before
    assert zipfile.is_zipfile(target) == is_zip
    old, new = (torch.load(file, weights_only=True) for file in (source, target))
    if kind == "prefixed":
        assert torch.equal(new["optimizer"]["momentum"].pop(), old["optimizer"]["momentum"].pop())
    assert described(new) == described(old)
    assert copied == (["module.head.weight"] if kind == "with_head" else [])
    again = create_backbone("mobilefacenet", 8, target)
    for name, value in again.state_dict().items():
        expected = trained.state_dict()[name]
        torch.testing.assert_close(
            value, expected.half().float() if kind == "half" and value.is_floating_point() else expected
        )
    numbers = {key: value for key, value in read_weights(target).items() if key.endswith("conv.weight")}
    assert all(not torch.equal(value, read_weights(source)[key]) for key, value in numbers.items())


def test_safetensors_stay_so(tmp_path: Path) -> None:
    source, target = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    safetensors.torch.save_file(public_state(), source, {"licence": "none"})
    trained = create_backbone("mobilefacenet", 8, source)
    torch.nn.init.ones_(trained.linear1[0].weight)
    rewrite_weights(source, trained, target)
    with safetensors.safe_open(source, "pt") as old, safetensors.safe_open(target, "pt") as new:
        assert list(old.keys()) == list(new.keys())
        assert old.metadata() == new.metadata()
        assert (new.get_tensor("linear1.conv.weight") == 1).all()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "old.pth"
    torch.save(public_state(), source)
    with pytest.raises(UserError, match=r"ends in \.pth"):
        rewrite_weights(source, tiny(), tmp_path / "new.pt")
    with pytest.raises(UserError, match=r"is \(8, 512, 1, 1\), the backbone's is \(4, 512, 1, 1\)"):
        rewrite_weights(source, create_backbone("mobilefacenet", 4, input_size=(32, 32)), tmp_path / "new.pth")
    assert not (tmp_path / "new.pth").exists()
