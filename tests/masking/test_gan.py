"""IAMGAN as a kind of mask: online, offline, and in an `A.Compose`."""

import json
import pickle
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from data_modules import FaceFolder
from maskrec.cli import main
from maskrec.data.images import read_image
from maskrec.errors import UserError
from maskrec.masking import IAMGANMask
from maskrec.masking.base import Face
from maskrec.masking.gan import BatchedIAMGAN
from maskrec.methods import IAMGAN
from maskrec.networks import UNet
from maskrec.types import FaceBatch


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint of a small IAMGAN that has learnt nothing."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("generator") / "g.ckpt"
    torch.save({"state_dict": IAMGAN(width=4, blocks=1, discriminator_width=2).state_dict()}, file)
    return str(file)


def test_the_picture_is_what_the_generator_makes_of_it(generator: str, portrait: Face) -> None:
    method = IAMGAN(width=4, blocks=1, discriminator_width=2).eval()
    method.load_state_dict(torch.load(generator, weights_only=True)["state_dict"])
    image = portrait[0][:, :96]
    with torch.no_grad():
        expected, region = method(torch.from_numpy(image.transpose(2, 0, 1).copy())[None] / 127.5 - 1)
    masking = IAMGANMask(generator)
    before = image.copy()
    drawn, found = masking.render(image, portrait[1], masking.sample(np.random.default_rng(0)))
    np.testing.assert_array_equal(image, before)
    levels = ((expected[0] + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(drawn - levels).max() <= 0.51
    np.testing.assert_array_equal(found, region[0].numpy())
    assert drawn.dtype == np.uint8
    again = pickle.loads(pickle.dumps(masking)).render(image, portrait[1], ())
    np.testing.assert_array_equal(again[0], drawn)


def test_any_size_and_a_batch(generator: str) -> None:
    batched = BatchedIAMGAN(IAMGANMask(generator))
    images = torch.randint(0, 256, (3, 3, 30, 37), dtype=torch.uint8)
    drawn, regions = batched(images)
    assert drawn.shape == images.shape
    assert regions.shape == (3, 30, 37)
    assert (drawn[1].int() - batched(images[1:2])[0][0].int()).abs().max() <= 1
    with pytest.raises(UserError, match=r"uint8 \(B, 3, H, W\); got torch\.float32"):
        batched(images.float())


def test_faces_are_drawn_on_at_the_scale_the_generator_knows(
    generator: str, tmp_path: Path, portrait: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lower_half(_: UNet, drawn: torch.Tensor) -> torch.Tensor:
        return torch.linspace(-1, 1, drawn.shape[2])[:, None].expand(len(drawn), *drawn.shape[2:])

    monkeypatch.setattr(UNet, "forward", lower_half)
    content = torch.load(generator, weights_only=True)
    torch.save({**content, "iamgan": {"image_size": (64, 48)}}, tmp_path / "g.ckpt")
    known, own = BatchedIAMGAN(IAMGANMask(str(tmp_path / "g.ckpt"))), BatchedIAMGAN(IAMGANMask(generator))
    large = torch.from_numpy(portrait[0].transpose(2, 0, 1).copy())[None]
    fitting = F.interpolate(large.float(), [64, 48], mode="bilinear", antialias=True)
    small = F.interpolate(fitting, [32, 24], mode="bilinear", antialias=True).round().to(torch.uint8)
    drawn, _ = own(fitting.round().to(torch.uint8))
    # A large face: mask and region come back, the rest stays as it was.
    found, found_in = known(large)
    expected = F.interpolate(drawn.float(), [112, 112], mode="bilinear", antialias=True)
    inside = found_in[:, None].expand_as(large)
    assert found_in[:, 56:].all()
    assert not found_in[:, :56].any()
    assert (found - expected)[inside].abs().mean() < 2
    assert torch.equal(found[~inside], large[~inside])
    # A small one is drawn anew as a whole.
    enlarged = F.interpolate(small.float(), [64, 48], mode="bilinear", antialias=True)
    expected = F.interpolate(
        own(enlarged.round().to(torch.uint8))[0].float(), [32, 24], mode="bilinear", antialias=True
    )
    assert (known(small)[0] - expected).abs().mean() < 2


def test_it_stands_in_a_compose_without_landmarks(generator: str, portrait: Face) -> None:
    masking = IAMGANMask(generator, p=1)
    seen = A.Compose([masking], seed=0)(image=portrait[0], mask=np.zeros((112, 112), np.uint8))
    drawn, region = masking.render(*portrait, ())
    np.testing.assert_array_equal(seen["image"], drawn)
    np.testing.assert_array_equal(seen["mask"] > 0, region)


def module(faces: Path, generator: str, **changes: Any) -> FaceFolder:
    options = {"masking": IAMGANMask(generator, p=0.5), "held_out": 0.0, "batch_size": 12, "num_workers": 0}
    return FaceFolder(str(faces), image_size=(32, 32), **(options | changes))


def test_training_draws_it_on_the_device(generator: str, faces: Path) -> None:
    data = module(faces, generator)
    batch = next(iter(data.train_dataloader()))
    assert not batch.is_masked.any()  # workers only say who gets one
    worn = batch.mask_parameters.isfinite().all(dim=1)
    assert 0 < worn.sum() < 12
    shown = data.on_after_batch_transfer(batch, 0)
    assert torch.equal(shown.is_masked, worn)
    assert not shown.image.is_inference()  # a method may take gradients through it
    plain = batch.image / 127.5 - 1
    torch.testing.assert_close(shown.image[~worn], plain[~worn])
    drawn, _ = BatchedIAMGAN(IAMGANMask(generator))(batch.image[worn])
    torch.testing.assert_close(shown.image[worn], drawn / 127.5 - 1)


def test_training_does_not_wait_for_the_segmenter(
    generator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: UNet, drawn: torch.Tensor) -> torch.Tensor:
        raise AssertionError("S was asked")

    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    row, unmasked, worn = torch.arange(2), torch.zeros(2, dtype=torch.bool), torch.tensor([[1.0], [float("nan")]])
    batch = FaceBatch(images, row, unmasked, row, torch.empty(0), worn)
    batched = BatchedIAMGAN(IAMGANMask(generator))
    expected, _ = batched(images)
    monkeypatch.setattr(UNet, "forward", fail)
    shown = batched.wear(batch)
    assert torch.equal(shown.image, torch.stack([expected[0], images[1]]))
    assert shown.is_masked.tolist() == [True, False]
    # Of a larger face S says what stays.
    content = torch.load(generator, weights_only=True)
    torch.save({**content, "iamgan": {"image_size": (16, 16)}}, tmp_path / "g.ckpt")
    with pytest.raises(AssertionError, match="S was asked"):
        BatchedIAMGAN(IAMGANMask(str(tmp_path / "g.ckpt"))).wear(batch)


def test_pairs_and_shares_of_an_identity(generator: str, faces: Path) -> None:
    everyone = IAMGANMask(generator)
    data = module(faces, generator, masking=everyone, paired=True, batch_size=4)
    shown = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert shown.is_masked.tolist() == [False] * 4 + [True] * 4
    data = module(faces, generator, masking=everyone, images_per_identity=4, masked_per_identity=1, batch_size=8)
    shown = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert shown.is_masked.sum() == 2


def test_validation_is_masked_by_workers(generator: str, faces: Path) -> None:
    data = module(faces, generator, held_out=0.5, val_pairs=10, val_masking=IAMGANMask(generator))
    (loader,) = data.val_dataloader()
    shown = data.on_after_batch_transfer(next(iter(loader)), 0)
    assert shown.is_masked.any()
    assert not shown.is_masked.all()


def test_a_masked_copy(generator: str, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["mask", str(faces), str(tmp_path / "copy"), "--kind", "iamgan"]
    assert main([*command, "--weights", generator]) == 0
    assert "24 pictures masked" in capsys.readouterr().out
    header, first, *_ = (tmp_path / "copy" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(header)["weights"] == generator
    name = json.loads(first)["image"]
    expected, _ = IAMGANMask(generator).render(read_image(faces / name), np.zeros((96, 2), np.float32), ())
    assert np.abs(read_image(tmp_path / "copy" / name).astype(int) - expected).mean() < 12  # JPEG
    assert main([*command, "--weights", generator]) == 0  # nothing is left to do


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--kind", "iamgan"], "--kind iamgan: needs weights, a checkpoint of IAMGAN"),
        (["--kind", "mg", "--weights", "g.ckpt"], "--kind mg: takes no weights, got g.ckpt"),
        (["--kind", "iamgan", "--weights", "nowhere.ckpt"], "weights nowhere.ckpt: no such file"),
        (
            ["--kind", "iamgan", "--weights", "g.ckpt", "--style", "n95"],
            "--style n95: masks of kind iamgan have no styles",
        ),
    ],
)
def test_what_is_wrong_is_said(options: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mask", "here", "there", *options]) == 2
    assert expected in capsys.readouterr().err


def test_weights_of_something_else(tmp_path: Path, portrait: Face) -> None:
    other = tmp_path / "other.ckpt"
    torch.save({"state_dict": {"backbone.weight": torch.zeros(1)}}, other)
    with pytest.raises(UserError, match=r"other\.ckpt: expected a checkpoint of IAMGAN, with a ResNetGenerator"):
        IAMGANMask(str(other)).render(*portrait, ())
