"""The real command line: what it prints, writes, refuses, and how a killed run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT

from maskrec.checkpoints import checkpoint_of
from maskrec.cli import main
from maskrec.data.images import fit_image, normalise, read_image, to_tensor

SMOKE = str(ROOT / "tests" / "conf" / "smoke.yaml")
TINY = [  # a small network on generated faces, 2 epochs of 9 steps
    *("--config", "experiments/arcface_casia.yaml", "--config", SMOKE, "--name", "tiny"),
    *("--data.init_args.image_size=[32,32]", "--data.init_args.batch_size=8"),
    *("--model.init_args.backbone=resnet10t", "--model.init_args.embedding_dim=16"),
    *("--trainer.max_steps=-1", "--trainer.max_epochs=2", "--seed_everything=4"),
]


def maskrec(*args: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "maskrec", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment())


def environment(**changes: str) -> dict[str, str]:
    """This process's, with the tests' helpers importable."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "tests"), **changes}


def fail(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The one line a wrong command ends in; it must leave nothing behind."""
    before = set(Path.cwd().rglob("*"))
    assert main(list(args)) == 2
    printed = capsys.readouterr().err
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert set(Path.cwd().rglob("*")) == before
    return line


def test_fit_test_and_predict(workplace: Path, faces: Path) -> None:
    fitted = maskrec("fit", *TINY)
    assert fitted.returncode == 0, fitted.stderr
    run = workplace / "runs" / "tiny" / "latest"
    assert {path.name for path in run.iterdir()} >= {"config.yaml", "checkpoints", "metrics.csv", "pictures"}
    fit_run = run.resolve()
    best = str(fit_run / "checkpoints" / "best.ckpt")

    assert (run / "config.yaml").read_text().startswith("# git: ")

    # The saved configuration is enough to run again, in a folder of its own.
    tested = maskrec("test", "--config", str(fit_run / "config.yaml"), "--ckpt_path", best)
    assert tested.returncode == 0, tested.stderr
    assert "generated/unmasked_masked" in tested.stdout
    assert run.resolve() == fit_run  # what others start from: the latest that was trained
    (test_run,) = {path.resolve() for path in run.parent.iterdir()} - {fit_run}
    results = json.loads((test_run / "results.json").read_text())
    assert checkpoint_of(test_run) == Path(best)
    assert results["checkpoint"] == best
    assert set(results["protocols"]) == {
        f"generated/{c}" for c in ("unmasked_unmasked", "unmasked_masked", "masked_masked")
    }
    assert set(results) >= {"experiment", "method", "seed", "git", "versions"}

    predicted = maskrec(
        "predict",
        "--config",
        str(fit_run / "config.yaml"),
        "--ckpt_path",
        best,
        "--images",
        str(faces),
        "--output",
        "e.npz",
    )
    assert predicted.returncode == 0, predicted.stderr
    with np.load("e.npz") as content:
        paths, embedding = content["path"], content["embedding"]
    assert len(list((workplace / "runs" / "tiny").iterdir())) == 3  # fit's, test's, and latest: predict makes no run
    assert embedding.shape == (24, 16)
    assert embedding.dtype == np.float32
    check_embedding(best, str(paths[5]), embedding[5])


def check_embedding(checkpoint: str, path: str, expected: "np.ndarray") -> None:
    """The embedding of one picture, by plain torch."""
    from maskrec import create_backbone

    backbone = create_backbone("resnet10t", 16, checkpoint, input_size=(32, 32)).eval()
    image = normalise(to_tensor(fit_image(read_image(path), (32, 32))).unsqueeze(0))
    with torch.inference_mode():
        feature = backbone(image) + backbone(image.flip(-1))
    np.testing.assert_allclose((feature / feature.norm()).numpy()[0], expected, atol=1e-5)


def test_a_killed_run_goes_on_where_it_was(workplace: Path) -> None:
    (workplace / "extra.yaml").write_text(EXTRA)
    options = ["exp", "arcface_casia", *TINY[2:], "--config", "extra.yaml"]
    whole = maskrec(*options, "--run_id=whole")
    assert whole.returncode == 0, whole.stderr

    killed = subprocess.Popen(
        [sys.executable, "-m", "maskrec", *options, "--run_id=killed"],
        env=environment(SECONDS_A_STEP="0.3"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    last = workplace / "runs" / "tiny" / "killed" / "checkpoints" / "last.ckpt"
    wait_for(lambda: last.is_file() and steps_of(last) >= 4, seconds=120)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 4 <= steps_of(last) < 9, "the kill was meant to come within the first epoch"

    resumed = maskrec(*options, "--resume", "runs/tiny/killed")
    assert resumed.returncode == 0, resumed.stderr
    finals = [workplace / "runs" / "tiny" / run / "checkpoints" / "last.ckpt" for run in ("whole", "killed")]
    states = [torch.load(path, weights_only=True) for path in finals]
    assert states[0]["global_step"] == states[1]["global_step"] == 18
    for name, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][name]), name
    results = [json.loads((path.parents[1] / "results.json").read_text())["protocols"] for path in finals]
    assert results[0] == results[1]
    metrics = (workplace / "runs" / "tiny" / "killed" / "metrics.csv").read_text().splitlines()
    assert len(metrics) > 3  # what was logged before the kill is still there

    changed = maskrec(*options, "--resume", "runs/tiny/killed", "--model.init_args.embedding_dim=8")
    assert changed.returncode == 2
    assert "model.init_args.embedding_dim is 8, but the run began with 16" in changed.stderr


EXTRA = """
trainer:
  log_every_n_steps: 1
  logger: {class_path: maskrec.callbacks.CSVLog, init_args: {save_dir: "${run_dir}"}}
  callbacks:
    - class_path: helpers.SlowSteps
    - class_path: maskrec.callbacks.WriteResults
      init_args: {path: "${run_dir}/results.json", experiment: "${name}", seed: 4}
    - class_path: maskrec.callbacks.BestCheckpoint
      init_args: {dirpath: "${run_dir}/checkpoints"}
    - class_path: maskrec.callbacks.LastCheckpoint
      init_args: {dirpath: "${run_dir}/checkpoints", every_n_steps: 2}
model:
  init_args:
    lr_scheduler:
      class_path: torch.optim.lr_scheduler.OneCycleLR
      init_args: {max_lr: 0.1, total_steps: 18}
    lr_interval: step
data:
  init_args:
    masking: {class_path: maskrec.masking.DE, init_args: {p: 0.5}}
"""


def test_two_processes_share_one_run(workplace: Path) -> None:
    done = maskrec("exp", "arcface_casia", *TINY[2:], "--trainer.devices=2", "--trainer.strategy=ddp")
    assert done.returncode == 0, done.stderr
    runs = [path for path in (workplace / "runs" / "tiny").iterdir() if not path.is_symlink()]
    (run,) = runs
    assert json.loads((run / "results.json").read_text())["protocols"]["generated/masked_masked"]["pairs"] == 40
    # A global batch of 8 on two processes: as many steps as one process takes.
    assert steps_of(run / "checkpoints" / "last.ckpt") == 18


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def steps_of(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["global_step"])


def test_an_unknown_experiment_lists_them_all(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exp", "nosuch"]) == 2
    out = capsys.readouterr()
    assert out.err == "error: no experiment is called 'nosuch'\n"
    assert "arcface_small" in out.out
    assert len(out.out.splitlines()) >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trainer.max_epoch=3"], "max_epoch"),
        (["--model.init_args.margn=3"], "margn"),
        (["--model.init_args.loss.init_args.margin=wide"], "margin"),
        (["--data.init_args.batch_size=many"], "batch_size"),
        (["--config", "nowhere.yaml"], "--config nowhere.yaml: No such file or directory"),
        (["--model.init_args.backbone=resnet19"], "no backbone is called 'resnet19'; did you mean"),
        (["--model.init_args.weights=none.pt"], "weights none.pt: no such file"),
        (["--data.init_args.batch_size=500"], "data.batch_size 500 is more than the 72 training faces"),
        (["--resume", "runs/tiny/x"], "holds no config.yaml"),
        (["--resume=runs/tiny/x"], "holds no config.yaml"),
        (["--ckpt_path", "none.ckpt"], "--ckpt_path none.ckpt: no such file"),
        (["--ckpt_path", "weights.ckpt"], "--ckpt_path weights.ckpt: is no checkpoint of a run"),
        (["--ckpt_path", "other.ckpt"], "--ckpt_path other.ckpt: is of another network: "),
        (["--data=data_modules.FaceFolder", "--data.root=no_faces"], "data root no_faces: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], message: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"backbone.weight": torch.zeros(1)}
    torch.save(state, "weights.ckpt")
    torch.save({"state_dict": state, "pytorch-lightning_version": "2.6.0"}, "other.ckpt")
    assert message in fail(capsys, "test" if "--ckpt_path" in options else "fit", *TINY, *options)
    assert not Path("runs").exists()


def test_a_run_of_a_short_name_can_be_run_again(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *TINY, "--run_id=1", "--trainer.max_epochs=1"]) == 0
    content = yaml.safe_load(Path("runs/tiny/1/config.yaml").read_text())
    assert content["model"]["init_args"]["backbone"] == "resnet10t"
    assert content["trainer"]["default_root_dir"] == "${run_dir}"
    assert main(["test", "--config", "runs/tiny/1/config.yaml"]) == 0


@pytest.mark.parametrize("verb", [["list"], ["exp", "quickstart"], ["table", "dcr_table1"], ["rescue"]])
def test_from_elsewhere(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"experiments/: not in {tmp_path}; run maskrec in the project's folder" in fail(capsys, *verb)


def test_a_broken_picture_is_one_line_too(workplace: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        *TINY,
        "--data=data_modules.FaceFolder",
        f"--data.root={faces}",
        "--data.held_out=0.0",
        "--data.num_workers=1",
    ]
    (faces / "0000002" / "0001.jpg").write_bytes(b"no picture")
    assert "1 of 24 pictures cannot be read, the first" in fail(capsys, "fit", *options)


def test_a_picture_that_breaks_later_is_one_line_too(
    workplace: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = [
        "--data=data_modules.FaceFolder",
        f"--data.root={faces}",
        "--data.held_out=0.0",
        "--data.num_workers=1",
        "--data.image_size=[32,32]",
        "--data.batch_size=8",
    ]
    assert main(["fit", *TINY, *folder, "--name=whole", "--trainer.max_epochs=1"]) == 0
    assert not (workplace / "runs" / "whole" / "latest" / "checkpoints" / "best.ckpt").exists()  # nothing is held out
    for picture in faces.rglob("*.jpg"):
        picture.write_bytes(b"no picture")
    monkeypatch.setattr("data_modules.face_folder.readable_faces", lambda found, broken: found)  # it was whole before
    line = fail(capsys, "fit", *TINY, *folder)
    assert line.startswith(f"error: image {faces}")
    assert line.endswith("broken, or not a picture")


@pytest.mark.parametrize(
    "args", [[], ["--help"], ["table", "--help"], ["exp", "-h"], ["list"], ["backbones", "iresnet"]]
)
def test_plain_verbs(args: list[str], workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert "no command is called 'train'" in capsys.readouterr().err


def test_config_is_complete(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", *TINY, "--print_config"])
    content = yaml.safe_load(capsys.readouterr().out)
    assert content["model"]["init_args"]["optimizer"]["class_path"] == "torch.optim.SGD"
