"""Sweeps: which points a file means, what is refused, and that the real command goes on after a kill."""

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args, load_sweep_config

from maskrec.cli import check_experiment, main
from maskrec.errors import UserError
from maskrec.experiments import titles
from maskrec.jobs import alone, launch
from maskrec.sweeps import Sweep, read_sweep
from maskrec.sweeps.file import search
from maskrec.sweeps.run import point_id
from maskrec.sweeps.table import Row, read_numbers, write_table

FILES = sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))
MARGIN, BATCH = "model.init_args.loss.init_args.margin", "data.init_args.batch_size"
TINY: dict[str, Any] = {  # two points of a small network on generated faces
    "program": "maskrec",
    "command": [
        *("maskrec", "exp", "arcface_casia", "--config", str(ROOT / "tests" / "conf" / "smoke.yaml")),
        *("--model.init_args.backbone=resnet10t", "--model.init_args.embedding_dim=16"),
        *("--data.init_args.image_size=[32,32]", "--trainer.max_steps=-1", "${args}"),
    ],
    "method": "grid",
    "metric": {"name": "val/auc", "goal": "maximize"},
    "parameters": {MARGIN: {"values": [0.1, 0.2]}, BATCH: {"value": 12}},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the project's experiments and one sweep, `tiny`."""
    (tmp_path / "experiments" / "sweeps").mkdir(parents=True)
    for path in (ROOT / "experiments").iterdir():
        if path.name != "sweeps":
            (tmp_path / "experiments" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    save(TINY)
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process: a new one takes seconds to import everything."""
    monkeypatch.setattr("maskrec.jobs.launch", lambda command, lock: main(command[3:]))


def save(content: object) -> None:
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    Path("experiments", "sweeps", "tiny.yaml").write_text(text)


def table() -> list[dict[str, str]]:
    with Path("runs", "sweeps", "tiny", "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def runs() -> list[Path]:
    """The folders of runs, without `latest`."""
    folder = Path("runs", "sweeps", "tiny")
    return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]


def test_a_grid_is_the_product_of_its_values() -> None:
    parameters = {"a.x": {"values": [0.1, 0.2, 0.1]}, "b": {"value": "c"}, "y": {"values": [16, 32]}}
    expected = [{"a.x": x, "b": "c", "y": y} for x, y in itertools.product([0.1, 0.2], [16, 32])]
    assert search("grid", parameters) == expected
    assert search("grid", parameters, 3) == expected[:3]


def test_a_random_search_is_the_same_each_time_and_within_bounds() -> None:
    parameters = {
        "whole": {"min": 3, "max": 5},
        "real": {"min": 0.05, "max": 0.4},
        "named": {"distribution": "uniform", "min": 0, "max": 1},
        "log": {"distribution": "log_uniform_values", "min": 1.0e-5, "max": 0.1},
        "choice": {"values": ["a", "b"]},
        "one": {"value": 7},
    }
    points = search("random", parameters, 200)
    assert points == search("random", parameters, 200)
    assert points[:50] == search("random", parameters, 50)
    assert {point["whole"] for point in points} == {3, 4, 5}
    assert {point["choice"] for point in points} == {"a", "b"}
    assert all(0.05 <= point["real"] <= 0.4 and 0 <= point["named"] <= 1 and point["one"] == 7 for point in points)
    assert all(1e-5 <= point["log"] <= 0.1 and len(f"{point['log']:e}".rstrip("0")) <= 12 for point in points)
    assert 60 < sum(point["log"] < 1e-3 for point in points) < 140  # half of the decades
    assert len(search("random", {"choice": {"values": [1, 2]}}, 50)) == 2  # none twice


def test_ids_are_readable_and_tell_points_apart() -> None:
    assert point_id({MARGIN: 0.1, "model.init_args.loss.init_args.scale": 16}) == "margin-0.1_scale-16"
    assert point_id({"a.lr": 1e-05, "b.lr": 2}) == "a.lr-1e-05_b.lr-2"
    odd = ["a/b", "a:b", "é", "x" * 200, "x" * 201, [1, 2], -1, 1]
    ids = [point_id({"a": value}) for value in odd]
    assert len(set(ids)) == len(odd)
    assert not set("".join(ids)) & set(":;,#?/'[]* ")  # what W&B and glob take amiss
    assert max(map(len, ids)) < 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "expected `key: value` lines"),
        ({"method": "bayes"}, "method: bayes needs a server: `wandb sweep`"),
        ({"method": "gird"}, "method: 'gird' is neither grid nor random"),
        ({"method": "random"}, "run_cap: expected the number of runs, not None"),
        ({"metric": None}, "metric: expected a name and a goal"),
        ({"metric": {"name": "val/auc", "goal": "more"}}, "metric: goal 'more' is neither"),
        ({"metric": {"name": "val/auc", "target": 1}}, "metric: expected a name and a goal"),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate: not known without a server"),
        ({"command": ["maskrec", "exp", "arcface_casia"]}, "command: expected a list in which `exp`"),
        ({"command": ["maskrec", "exp", "nosuch", "${args}"]}, "no experiment is called 'nosuch'"),
        ({"parameters": {}}, "parameters: expected at least one"),
        ({"parameters": {"lr": 3}}, "parameters: lr: 3 is not known"),
        ({"parameters": {"lr": {"values": []}}}, "parameters: lr: {'values': []} is not known"),
        ({"parameters": {"lr": {"distribution": "beta"}}}, "parameters: lr: {'distribution': 'beta'} is not known"),
        ({"parameters": {"lr": {"min": 1, "max": 2.5}}}, "parameters: lr: {'min': 1, 'max': 2.5} is not known"),
        ({"parameters": {"lr": {"min": "1e-5", "max": 0.1}}}, "parameters: lr: {'min': '1e-5'"),
        ({"parameters": {"lr": {"min": 0.1, "max": 0.2}}}, "parameters: lr: a grid needs a value or values"),
        ({"parameters": {"lr": {"parameters": {"a": {"value": 1}}}}}, "parameters: lr: {'parameters'"),
        ({"parameters": {MARGIN + "s": {"value": 1}}}, "Option 'margins' is not accepted"),
        ({"parameters": {MARGIN: {"values": [0.1, "wide"]}}}, "margin: Expected a <class 'float'>. Got value: wide"),
        ({"parameters": {"modle.x": {"value": 1}}}, "unrecognized arguments: --modle.x=1"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_run(
    changes: dict[str, Any] | str, message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(changes if isinstance(changes, str) else {**TINY, **changes})
    assert message in refused(capsys, "sweep", "tiny")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no sweep is called ''; there are: tiny"),
        (["nosuch"], "no sweep is called 'nosuch'; there are: tiny"),
        (["tiny", "--hardware", "abacus"], "no hardware is called 'abacus'"),
        (["tiny", "--run_id=x"], "--run_id: the sweep itself sets it"),
        (["tiny", f"--{MARGIN}", "0.3"], f"--{MARGIN}: the sweep itself sets it"),
    ],
)
def test_wrong_options(args: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, "sweep", *args)


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The one line a wrong command ends in; it must leave nothing behind."""
    assert main(list(args)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not Path("runs").exists()
    return line


def test_failed_points_are_marked_and_the_others_run(
    place: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    save({**TINY, "parameters": {BATCH: {"values": [500, 12]}}})
    assert main(["sweep", "tiny"]) == 2
    printed = capsys.readouterr()
    assert "error: data.batch_size 500 is more than the 72 training faces" in printed.err
    assert printed.err.endswith("error: 1 of 2 points failed, as said above; the same command tries them again\n")
    assert "point 1 of 2: batch_size 500\n" in printed.out
    done, failed = table()
    assert 0 <= float(done["val/auc"]) <= 1
    assert failed == {**dict.fromkeys(done, ""), "run": "failed", BATCH: "500"}

    # A metric that no run logs is said after the first run, not after the last.
    save({**TINY, "parameters": {BATCH: {"values": [12, 8]}}, "metric": {"name": "val/acu"}})
    assert main(["sweep", "tiny"]) == 2
    assert "metric: val/acu is no column of runs/sweeps/tiny/batch_size-12" in capsys.readouterr().err
    assert len(runs()) == 1


def test_a_killed_sweep_goes_on(place: Path, quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    save({**TINY, "parameters": {MARGIN: {"values": [0.1]}, BATCH: {"value": 12}}})
    assert main(["sweep", "tiny"]) == 0
    (first,) = runs()
    written = (first / "results.json").stat().st_mtime_ns

    save(TINY)  # one point more: its run begins, and outlives the sweep
    killed = subprocess.Popen([sys.executable, "-m", "maskrec", "sweep", "tiny"], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert any(line.startswith("point 2 of 2") for line in killed.stdout)
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert runs() == [first]

    capsys.readouterr()
    assert main(["sweep", "tiny"]) == 0
    printed = capsys.readouterr().out
    assert "waiting for the process that is at work there" in printed
    assert printed.count("done before: ") == 2
    assert (first / "results.json").stat().st_mtime_ns == written
    rows = table()
    assert sorted(row[MARGIN] for row in rows) == ["0.1", "0.2"]
    assert {row["run"] for row in rows} == {run.name for run in runs()}
    assert {"val/auc", "test/generated/masked_masked/accuracy"} < set(rows[0])
    config = yaml.safe_load((first / "config.yaml").read_text())
    assert config["trainer"]["logger"][1]["init_args"]["group"] == "sweeps/tiny"

    # Of two runs that are there, one goes on and one begins anew: to the same numbers.
    resumed, anew = (first.parent / row["run"] for row in rows)
    (resumed / "results.json").unlink()
    (anew / "results.json").unlink()
    (anew / "checkpoints" / "last.ckpt").unlink()
    assert main(["sweep", "tiny"]) == 0
    assert f"goes on: {resumed}\n" in capsys.readouterr().out
    assert not anew.exists()
    assert [{**row, "run": ""} for row in table()] == [{**row, "run": ""} for row in rows]

    assert main(["sweep", "tiny", "--trainer.max_epochs=2"]) == 2
    line = capsys.readouterr().err
    assert "has another configuration; remove it to run it anew: trainer.max_epochs is 2, but the run" in line


def test_a_second_start_waits_for_a_run_of_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    with alone(tmp_path) as lock:
        run = subprocess.Popen(["sleep", "1"], pass_fds=[lock])
    with alone(tmp_path):
        assert time.monotonic() - start >= 1
    assert run.wait() == 0
    assert "waiting for the process" in capsys.readouterr().out


def test_a_run_ends_when_its_sweep_is_told_to(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    start = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with alone(tmp_path) as lock, pytest.raises(SystemExit) as stop:
        launch(["sleep", "60"], [lock])
    signal.signal(signal.SIGTERM, before)
    assert stop.value.code == 128 + signal.SIGTERM
    assert time.monotonic() - start < 30  # `launch` waits for the run to end


@pytest.mark.parametrize(("is_maximised", "order"), [(True, ["b", "a", "c", "d"]), (False, ["a", "b", "c", "d"])])
def test_the_table_is_sorted_by_the_best_of_each_run(
    is_maximised: bool, order: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = Sweep("tiny", [], [], "val/auc", is_maximised)
    rows = [Row({"m.name": "d"}, None, {})]
    for name, logged in {"c": ["nan", ""], "a": ["0.1", "0.3", "nan"], "b": ["", "0.5", "0.2"]}.items():
        run = tmp_path / name
        run.mkdir()
        (run / "metrics.csv").write_text("step,val/auc\n" + "".join(f"0,{value}\n" for value in logged))
        (run / "results.json").write_text(json.dumps({"protocols": {"lfw/masked_masked": {"accuracy": 0.75}}}))
        rows.append(Row({"m.name": name}, run, read_numbers(run, sweep)))
    rows[-1].numbers["test/lfw/unmasked_masked/accuracy"] = 0.5  # tested on more than the others
    write_table(tmp_path / "results.csv", rows, sweep)
    content = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [row["m.name"] for row in content] == order
    best = {"a": "0.3", "b": "0.5"} if is_maximised else {"a": "0.1", "b": "0.2"}
    assert {row["m.name"]: row["val/auc"] for row in content} == {**best, "c": "nan", "d": ""}
    assert content[0]["test/lfw/masked_masked/accuracy"] == "0.75"
    assert "failed" in capsys.readouterr().out
    with pytest.raises(UserError, match="metric: val/x is no column of"):
        read_numbers(tmp_path / "a", Sweep("tiny", [], [], "val/x", is_maximised))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_each_sweep_of_the_project_is_wandbs_too(file: Path, workplace: Path) -> None:
    content = load_sweep_config(str(file))
    documented = {"program", "entity", "project", "description", "name", "method", "metric", "parameters"}
    assert set(content) <= documented | {"early_terminate", "command", "run_cap"}
    assert {"program", "method", "metric", "parameters", "command"} <= set(content)
    assert set(content["metric"]) == {"name", "goal"}

    # What W&B's agent puts for ${args}, and what is run here.
    sweep = read_sweep(file.stem)
    for point in sweep.points:
        agents = create_sweep_command_args({"args": {name: {"value": value} for name, value in point.items()}})["args"]
        assert [word for word in sweep.arguments(point) if word not in sweep.command] == agents
        check_experiment(sweep.arguments(point))
    assert not any(name.startswith("sweeps/") for name in titles())


def test_what_an_agent_starts_reports_to_its_server(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_SWEEP_ID", "abcd1234")
    check_experiment(["arcface_casia"])
    assert os.environ["WANDB_MODE"] == "online"
