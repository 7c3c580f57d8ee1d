"""A paper's table by one command."""

import csv
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from maskrec.cli import main
from maskrec.experiments import OVERLAYS, TABLES
from maskrec.jobs import Check, Job
from maskrec.tables import read_table

NAMES = sorted(path.parent.name for path in (ROOT / TABLES).glob("*/table.yaml"))
SMOKE = yaml.safe_load((ROOT / "tests" / "conf" / "smoke.yaml").read_text())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the project's experiments, and `tiny`, a setting of a few generated faces."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    network = {"backbone": "resnet10t", "embedding_dim": 16, "input_size": [32, 32]}
    data = {**SMOKE["data"]["init_args"], "image_size": [32, 32]}
    tiny = {**SMOKE, "model": {"init_args": network}, "data": {**SMOKE["data"], "init_args": data}}
    (tmp_path / TABLES / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("maskrec.jobs.launch", lambda command, locks: main(command[3:]))
    return tmp_path


def runs(table: str) -> list[str]:
    folder = Path("runs", "tables", "tiny", table)
    return sorted(path.name[:-5] for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_files_and_every_file_is_a_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    table = read_table(name)
    files = {path.stem for path in (TABLES / name).glob("*.yaml")} - set(OVERLAYS)
    assert {Path(row).name for row in table.rows if Path(row).parent.name == name} == files
    assert table.title.endswith((".", ")", ".)")) or "drawn" in table.title


def test_rows_run_once_and_stand_beside_the_papers_figures(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["table", "dcr_table4", "--data", "tiny", "--rows", "without_cross,dcr"]
    assert main(command) == 0
    assert "row 1 of 2: without_cross, seed 1\n" in capsys.readouterr().out
    # DCR itself is a row of Table 1: it lies there, and is not run for each.
    assert runs("dcr_table4") == ["without_cross-seed1"]
    assert runs("dcr_table1") == ["dcr-seed1"]
    (config,) = Path("runs", "tables", "tiny", "dcr_table1").glob("dcr-seed1-????/config.yaml")
    settings = yaml.safe_load(config.read_text())
    assert settings["trainer"]["logger"][1]["init_args"]["group"] == "tables/tiny/dcr_table1"
    with Path("runs", "tables", "tiny", "dcr_table4.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["without_cross", "dcr"]
    page = Path("runs", "tables", "tiny", "dcr_table4.html").read_text()
    assert "In the paper" in page
    assert "64.7" in page  # Table 4, rank 1 without L_c
    assert "| without_cross | 81.5 | 64.7 | 36.3 |" in Path("runs", "tables", "tiny", "dcr_table4.md").read_text()

    shutil.rmtree(next(Path("runs", "tables", "tiny", "dcr_table4").glob("without_cross-*")))
    shutil.rmtree(config.parent / "report")  # as a kill leaves it
    assert main([*command, "--seeds=2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("done before: runs/tables/tiny/dcr_table1/dcr-seed1-") == 1
    assert runs("dcr_table4") == ["without_cross-seed1", "without_cross-seed2"]
    assert runs("dcr_table1") == ["dcr-seed1", "dcr-seed2"]
    assert (config.parent / "report" / "index.html").is_file()


def test_a_papers_own_setting_comes_first_and_a_rows_before_it(place: Path) -> None:
    for stem, dim in (("dcr_tiny", 8), ("dcr_tiny_without_cross", 4)):
        own = {"extends": ["tiny"], "model": {"init_args": {"embedding_dim": dim}}}
        (TABLES / f"{stem}.yaml").write_text(yaml.safe_dump(own))
    assert main(["table", "dcr_table4", "--data", "tiny", "--rows", "without_cross,dcr"]) == 0
    for row, dim in (("dcr_table4/without_cross", 4), ("dcr_table1/dcr", 8)):
        (config,) = Path("runs", "tables", "tiny").glob(f"{row}-seed1-????/config.yaml")
        assert yaml.safe_load(config.read_text())["model"]["init_args"]["embedding_dim"] == dim


@pytest.mark.parametrize("name", [name for name in NAMES if name != "siamese_starts"])  # which is small itself
def test_a_table_is_accepted_in_the_small_setting(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    def check_and_run_none(jobs: list[Job], check: Check) -> list[None]:
        for job in (jobs[0], jobs[-1]):  # all take minutes
            check(job.command)
            checked.append(job)
        return [None] * len(jobs)

    monkeypatch.setattr("maskrec.tables.run_jobs", check_and_run_none)
    assert main(["table", name, "--data", "small"]) == 2
    assert len(checked) == 2


def test_a_row_that_fails_leaves_the_others(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = TABLES / "dcr_table4" / "without_single.yaml"
    file.write_text(file.read_text().replace("single_weight: 0", "single_weight: 0\n    weights: nowhere.pt"))
    assert main(["table", "dcr_table4", "--data=tiny", "--rows=without_cross,without_single"]) == 2
    printed = capsys.readouterr()
    assert "failed: without_single-seed1 (exit code 2)" in printed.out
    assert printed.err.endswith("error: 1 of 2 runs failed, as said above; the same command tries them again\n")
    assert Path("runs", "tables", "tiny", "dcr_table4.md").is_file()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no table is called ''; there are: "),
        (["nosuch"], "no table is called 'nosuch'"),
        (["dcr_table4", "--data", "big"], "--data big: there are: small, tiny, tuned; without it"),
        (["dcr_table4", "--seeds", "0"], "--seeds 0: expected how many, 1 or more"),
        (["dcr_table4", "--rows", "dcr,softmax"], "--rows softmax: dcr_table4 has without_cross, without_single, dcr"),
        (["dcr_table4", "--seed_everything=3"], "--seed_everything: the table itself sets it"),
        (["dcr_table4", "--data", "tiny", "--model.gama", "1"], "gama"),
    ],
)
def test_wrong_options(args: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", *args]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("runs").exists()


def test_a_table_without_rows_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (TABLES / "dcr_table4" / "table.yaml").write_text("rows: [dcr9]\n")
    assert main(["table", "dcr_table4"]) == 2
    assert "rows: there is no dcr9.yaml beside it" in capsys.readouterr().err
    (TABLES / "dcr_table4" / "table.yaml").write_text("# no rows\n")
    assert main(["table", "dcr_table4"]) == 2
    assert "expected `rows:`, a list of experiments beside it" in capsys.readouterr().err
