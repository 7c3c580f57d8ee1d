"""Backbones by name, and their weights from files."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch.utils.flop_counter import FlopCounterMode

from maskrec import UserError, create_backbone
from maskrec.backbones import list_backbones, read_weights


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("iresnet18", (112, 112)),
        ("iresnet34", (64, 48)),
        ("mobilefacenet", (112, 96)),
        ("mobilefacenet", (128, 128)),
        ("resnet18", (112, 112)),
        ("vit_tiny_patch16_224", (112, 112)),
        ("convnext_atto", (96, 96)),
    ],
)
def test_every_family_embeds_at_its_size(name: str, size: tuple[int, int]) -> None:
    backbone = create_backbone(name, 32, input_size=size).eval()
    with torch.inference_mode():
        image = torch.rand(2, 3, *size)
        assert backbone(image).shape == (2, 32)
        assert backbone.feature_map(image).shape[0] == 2
    assert backbone.embedding_dim == 32
    assert backbone.input_size == size


def test_iresnets_keep_7x7_positions_and_their_published_cost() -> None:
    with torch.device("meta"):
        backbone = create_backbone("iresnet50", 512)
        image = torch.empty(1, 3, 112, 112)
    with FlopCounterMode(display=False) as counter:
        backbone.eval()(image)
    assert backbone.feature_map(image).shape == (1, 512, 7, 7)
    assert counter.get_total_flops() / 2 == pytest.approx(6.3e9, rel=0.01)  # multiply-adds; InsightFace's table
    # Two convolutions a unit, as InsightFace counts them.
    for name, units in {"iresnet18": 8, "iresnet34": 16, "iresnet100": 49, "iresnet200": 98}.items():
        with torch.device("meta"):
            net = create_backbone(name, 8)
        assert sum(type(module).__name__ == "IRUnit" for module in net.modules()) == units


def test_mobilefacenet_has_the_papers_size() -> None:
    backbone = create_backbone("mobilefacenet", 128)
    parameters = sum(p.numel() for p in backbone.parameters())
    assert parameters == pytest.approx(0.99e6, rel=0.05)  # Chen et al. 2018, Table 2


def test_one_name_space() -> None:
    names = list_backbones()
    assert names[0] == "mobilefacenet"
    assert {"iresnet18", "iresnet200", "resnet50"} <= set(names)
    assert len(names) == len(set(names))
    with pytest.raises(UserError, match=r"no backbone is called 'iresnet5'; did you mean .*iresnet50"):
        create_backbone("iresnet5", 512)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return create_backbone("iresnet18", 16, input_size=(32, 32)).state_dict()


def load(path: Path) -> dict[str, torch.Tensor]:
    return create_backbone("iresnet18", 16, path, input_size=(32, 32)).state_dict()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".safetensors"])
def test_every_file_format(tmp_path: Path, state: dict[str, torch.Tensor], suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    assert all(torch.equal(value, state[key]) for key, value in load(path).items())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"net_state_dict": s, "epoch": 68},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: {"state_dict": {f"backbone.{k}": v for k, v in s.items()} | {"head.weight": torch.zeros(9, 16)}},
        lambda s: {"state_dict": {f"_orig_mod.{k}": v for k, v in s.items()}},
        lambda s: {f"module.backbone.{k}": v for k, v in s.items()} | {"module.fc.weight": torch.zeros(9, 16)},
        lambda s: {k: v for k, v in s.items() if not k.endswith("num_batches_tracked")},
    ],
    ids=["net_state_dict", "module", "lightning", "compiled", "module.backbone", "old"],
)
def test_wrappings_come_off(tmp_path: Path, state: dict[str, torch.Tensor], wrap: Any) -> None:
    torch.save(wrap(state), tmp_path / "weights.pt")
    assert all(torch.equal(value, state[key]) for key, value in load(tmp_path / "weights.pt").items())


def test_a_timm_file_fills_the_trunk(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(2)
    state = timm.create_model("resnet18", num_classes=1000).state_dict()
    torch.save(state, tmp_path / "imagenet.pth")
    loaded = create_backbone("resnet18", 16, tmp_path / "imagenet.pth").state_dict()
    assert torch.equal(loaded["trunk.layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    assert loaded["embedding.0.weight"].shape == (16, 512)
    torch.save(loaded, tmp_path / "ours.pth")
    again = create_backbone("resnet18", 16, tmp_path / "ours.pth").state_dict()
    assert torch.equal(again["embedding.0.weight"], loaded["embedding.0.weight"])


def test_another_architecture_is_refused_naming_the_first_keys(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    state["fc.weight"] = torch.zeros(16, 3)
    state["layer9.weight"] = torch.zeros(1)
    del state["conv1.weight"]
    torch.save(state, tmp_path / "weights.pt")
    message = (
        r"weights.pt do not fit IResNet: 1 missing, the first 'conv1.weight'; 1 unexpected, the first 'layer9.weight';"
        r" 1 of another shape, the first 'fc.weight': \(16, 3\), expected \(16, 2048\)"
    )
    with pytest.raises(UserError, match=message):
        load(tmp_path / "weights.pt")


def test_a_refused_file_changes_nothing(state: dict[str, torch.Tensor]) -> None:
    from maskrec.backbones import load_weights

    backbone = create_backbone("iresnet18", 16, input_size=(32, 32))
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    state.pop("conv1.weight")
    with pytest.raises(UserError, match=r"x.pt do not fit"):
        load_weights(backbone, state, "x.pt")
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("evil_was_here"),))


def test_files_are_never_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "extra": Evil()}, "evil.pt")
    with pytest.raises(UserError, match=r"evil.pt: holds more than tensors"):
        read_weights("evil.pt")
    assert not Path("evil_was_here").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.pt", None, "no such file"),
        ("weights.onnx", b"", r"expected a file ending in .pt"),
        ("cut.pt", b"PK\x03\x04", "cannot be read as .pt"),
        ("cut.safetensors", b"abc", "cannot be read as .safetensors"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: {message}"):
        read_weights(tmp_path / name)


def test_the_public_mobilefacenet_loads_at_its_own_size(real_data: Path) -> None:
    weights = real_data / "weights" / "mobilefacenet_casia.ckpt"
    backbone = create_backbone("mobilefacenet", 128, weights)
    assert backbone.input_size == (112, 96)
    source = torch.load(weights, map_location="cpu", weights_only=True)["net_state_dict"]
    state = backbone.state_dict()
    assert torch.equal(state["blocks.3.depthwise.conv.weight"], source["blocks.3.conv.3.weight"])
    assert torch.equal(state["blocks.3.project.bn.running_var"], source["blocks.3.conv.7.running_var"])


@pytest.mark.parametrize("name", ["iresnet18", "mobilefacenet", "resnet18", "resnet10t", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_without_an_embedding_the_last_map_is_pooled(name: str, pool: Any) -> None:
    backbone = create_backbone(name, None, input_size=(64, 64), pool=pool).eval()
    with torch.inference_mode():
        image = torch.rand(2, 3, 64, 64)
        features, found = backbone.feature_map(image), backbone(image)
    if name.startswith("vit"):  # tokens, the first of which stands for no place
        features = features[:, 1:].mT.unsqueeze(3)
    expected = features.mean(dim=(2, 3)) if pool == "avg" else features.flatten(2).max(dim=2).values
    torch.testing.assert_close(found, expected)
    assert backbone.embedding_dim == features.shape[1]
    assert not [key for key in backbone.state_dict() if key.startswith(backbone.embedding_layers)]


@pytest.mark.parametrize("name", ["resnet50", "resnet10t", "iresnet18"])
def test_the_last_stage_keeps_its_resolution(name: str) -> None:
    sizes = []
    for last_stride in (2, 1):
        backbone = create_backbone(name, None, input_size=(64, 64), last_stride=last_stride).eval()
        with torch.inference_mode():
            sizes.append(backbone.feature_map(torch.rand(1, 3, 64, 64)).shape[-1])
    assert sizes[1] == 2 * sizes[0]


def test_the_last_stride_is_of_pooled_resnets() -> None:
    for name, embedding_dim in (("mobilefacenet", None), ("iresnet18", 16)):
        with pytest.raises(UserError, match=f"last_stride 1: .*not for '{name}'"):
            create_backbone(name, embedding_dim, last_stride=1)


def test_weights_with_an_embedding_fit_a_backbone_without(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, tmp_path / "with.pth")
    backbone = create_backbone("iresnet18", None, tmp_path / "with.pth", input_size=(32, 32))
    torch.testing.assert_close(backbone.state_dict()["layer4.0.conv1.weight"], state["layer4.0.conv1.weight"])
