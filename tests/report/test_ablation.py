"""Several runs in one table."""

import base64
import csv
import os
import re
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from made_runs import all_pairs, make_run, search, verification

from maskrec.cli import main
from maskrec.errors import UserError
from maskrec.evaluation.metrics import kfold_decisions
from maskrec.report.ablation import Column, compare
from maskrec.report.gallery import verdict
from maskrec.report.run import read_run
from maskrec.report.settings import group_runs, settings
from maskrec.report.tables import write_ablation


def masking(name: str | None, **init_args: Any) -> dict[str, Any]:
    value = None if name is None else {"class_path": f"maskrec.masking.{name}", "init_args": init_args}
    return {"class_path": "data_modules.FaceFolder", "init_args": {"masking": value, "seed": 3, "batch_size": 8}}


def writer(path: str, seed: int) -> dict[str, Any]:
    return {"callbacks": [{"class_path": "x.Y", "init_args": {"path": path, "seed": seed}}]}


def protocols(separation: float, noise_seed: int = 0, mean_rank: float = 1.5) -> dict[str, Any]:
    return {
        "lfw/unmasked_masked": verification(separation, noise_seed=noise_seed),
        "lfw/unmasked_masked_search": search(mean_rank),
        "lfw/unmasked_masked_all": all_pairs(),
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Masks are worth much with MG (two seeds), nearly as much with DE, and nothing is worth least."""
    root = tmp_path_factory.mktemp("runs")
    return [
        make_run(root / "plain" / "1", protocols(1.0, 1, 3.0), name="plain", data=masking(None)),
        make_run(root / "mg_1" / "1", protocols(3.0, 2), name="mg_1", data=masking("MG", p=0.5)),
        make_run(root / "mg_2" / "1", protocols(3.0, 3), name="mg_2", seed_everything=2, data=masking("MG", p=0.5)),
        make_run(root / "de" / "1", protocols(2.6, 4), name="de", data=masking("DE", p=0.5, share=0.4)),
    ]


def test_runs_that_differ_in_their_seed_are_one_group(folders: list[Path]) -> None:
    groups = group_runs([read_run(folder) for folder in folders])
    assert [group.label for group in groups] == ["masking none", "masking MG", "masking DE"]
    assert [[run.made_by["seed"] for run in group.runs] for group in groups] == [[1], [1, 2], [1]]


def test_seeds_that_start_from_their_own_are_one_group(tmp_path: Path) -> None:
    for seed in (1, 2):
        start = f"runs/tables/pre-seed{seed}-*/checkpoints/best.ckpt"
        make_run(tmp_path / str(seed), protocols(2.0), seed_everything=seed, model={"init_args": {"start_from": start}})
    assert len(group_runs([read_run(tmp_path / "1"), read_run(tmp_path / "2")])) == 1


def test_a_gallery_is_said_to_stay_only_where_both_kinds_of_probes_were_tried(tmp_path: Path) -> None:
    entry, arrays = verification(2.0)
    endings = {"": 0.04, "_old_gallery": 0.06, "_old": 0.1}
    masked = {f"x/unmasked_masked{end}": (entry | {"eer": eer}, arrays) for end, eer in endings.items()}
    bare = {f"x/unmasked_unmasked{end}": (entry | {"eer": 0.1}, arrays) for end in endings}
    for name, found, said in (
        ("masked", masked, "is open, for no unmasked probes were tested"),
        ("both", masked | bare, "The gallery can stay: "),
    ):
        make_run(tmp_path / name, found)
        assert said in verdict(read_run(tmp_path / name))


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        (({"trainer": {"max_epochs": 1}}, {"trainer": {"max_epochs": 2}}), ["max_epochs 1", "max_epochs 2"]),
        (({"data": masking("MG", p=0.1)}, {"data": masking("MG", p=0.5)}), ["p 0.1", "p 0.5"]),
        # The name in a logger's or a callback's arguments, and loggers at all, set nothing apart.
        (({"name": "a", "trainer": writer("runs/a", 1)}, {"name": "b", "trainer": writer("runs/b", 2)}), ["a"]),
        (({"trainer": {"logger": True}}, {"trainer": {"logger": False}}), ["tiny"]),
        # Where more differs than a label can hold, the experiments' names say it, if they can.
        (({"name": "a", "k": dict.fromkeys("abcde", 1)}, {"name": "b", "k": dict.fromkeys("abcde", 2)}), ["a", "b"]),
        (
            ({"k": dict.fromkeys("abcde", 1)}, {"k": dict.fromkeys("abcde", 2)}),
            ["a 1, b 1, c 1, d 1, and 1 more", "a 2, b 2, c 2, d 2, and 1 more"],
        ),
        # A class's own arguments set apart those that share it.
        (
            ({"data": masking("MG", p=0.1)}, {"data": masking("MG", p=0.5)}, {"data": masking(None)}),
            ["masking MG, p 0.1", "masking MG, p 0.5", "masking none"],
        ),
        (({"k": {"lr": 1}, "l": {"lr": 1}}, {"k": {"lr": 2}, "l": {"lr": 3}}), ["k.lr 1, l.lr 1", "k.lr 2, l.lr 3"]),
    ],
)
def test_labels(changes: tuple[dict[str, Any], ...], labels: list[str], tmp_path: Path) -> None:
    runs = [read_run(make_run(tmp_path / str(at), protocols(1.0), **change)) for at, change in enumerate(changes)]
    assert [group.label for group in group_runs(runs)] == labels


def test_other_weights_are_another_setting(tmp_path: Path) -> None:
    runs = [read_run(make_run(tmp_path / str(at), protocols(1.0))) for at in range(2)]
    assert "checkpoint" not in settings(runs[0])  # trained here
    runs[0].made_by["checkpoint"] = f"runs/{runs[0].path.name}/checkpoints/best.ckpt"
    assert "checkpoint" not in settings(runs[0])  # and moved since
    for at, run in enumerate(runs):
        run.made_by["checkpoint"] = f"weights/{at}.ckpt"
    assert [group.label for group in group_runs(runs)] == ["checkpoint weights/0.ckpt", "checkpoint weights/1.ckpt"]


def test_means_deviations_and_the_best(folders: list[Path]) -> None:
    ablation = compare([read_run(folder) for folder in folders])
    assert ablation.columns == [
        Column("lfw/unmasked_masked", "accuracy"),
        Column("lfw/unmasked_masked_search", "rank_1"),
        Column("lfw/unmasked_masked_search", "map"),
        Column("lfw/unmasked_masked_all", "fnmr_at_fmr_1e-3"),
    ]
    cells = [row[0] for _, row in ablation.rows]
    accuracies = [verification(3.0, noise_seed=seed)[0]["accuracy"] for seed in (2, 3)]
    assert cells[1].mean == pytest.approx(sum(accuracies) / 2)
    assert cells[1].deviation == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2**0.5)
    assert np.isnan(cells[0].deviation)
    assert [cell.is_best for cell in cells] == [False, True, False]
    assert [cell.mean for _, row in ablation.rows for cell in row[3:]] == [0.3] * 3
    assert all(row[3].is_best for _, row in ablation.rows)  # all the same


def test_differences_by_a_bootstrap_written_anew(folders: list[Path]) -> None:
    runs = [read_run(folder) for folder in folders]
    (_, plain), (_, mg), (_, de) = compare(runs).rows
    assert mg[0].difference is None
    assert plain[0].difference is not None
    assert de[0].difference is not None
    assert plain[0].difference.is_significant
    assert not de[0].difference.is_significant
    arrays = [run.arrays["lfw/unmasked_masked"] for run in runs]
    right = [
        kfold_decisions(*(torch.from_numpy(of_run[name]) for name in ("score", "is_genuine", "fold"))).double().numpy()
        for of_run in arrays
    ]
    apart = right[3] - (right[1] + right[2]) / 2
    assert de[0].difference.mean == pytest.approx(apart.mean())
    first, second = arrays[0]["reference_identity"], arrays[0]["probe_identity"]
    rng, means = np.random.default_rng(0), []
    for _ in range(2000):
        times = np.bincount(rng.integers(40, size=40), minlength=40)
        weight = np.where(first == second, times[first], times[first] * times[second])
        means.append((weight * apart).sum() / weight.sum())
    assert de[0].difference[1:3] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.004)
    assert statistics.fmean(means) == pytest.approx(apart.mean(), abs=0.004)


def test_differences_from_the_first(folders: list[Path]) -> None:
    runs = [read_run(folder) for folder in folders]
    (_, plain), (_, mg), _ = compare(runs, ["map"], "first").rows
    assert plain[0].difference is None
    assert mg[0].difference is not None
    assert mg[0].difference.mean == pytest.approx(search(1.5)[0]["map"] - search(3.0)[0]["map"])
    assert mg[0].is_best


def test_other_pairs_are_not_tested(tmp_path: Path) -> None:
    pairs = [verification(separation, seed=separation) for separation in (1, 3)]
    folders = [
        make_run(tmp_path / str(at), {"lfw/own": found}, trainer={"max_epochs": at}) for at, found in enumerate(pairs)
    ]
    (_, (first,)), (_, (second,)) = compare([read_run(folder) for folder in folders]).rows
    assert first.difference is None
    assert second.difference is None
    for folder in folders:  # nor runs that kept no scores
        (folder / "scores.npz").unlink()
    assert all(cell.difference is None for _, (cell,) in compare([read_run(folder) for folder in folders]).rows)


def told(accuracy: float) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"mask_accuracy": accuracy, "faces": 100}, {}


def test_what_only_some_rows_have_leaves_gaps(tmp_path: Path) -> None:
    """Of a set that all were tested on; a set that only some know is left out."""
    pairs = {"lfw/unmasked_masked": verification(1.0)}
    also = pairs | {"lfw/faces": told(0.97), "rmfd/faces": told(0.9)}
    changes = [(pairs, 0, 1), (also, 1, 1), (also, 1, 2), (also, 2, 1), (pairs, 2, 2)]  # one seed of the last has none
    folders = [
        make_run(tmp_path / str(at), found, trainer={"max_epochs": epochs}, seed_everything=seed)
        for at, (found, epochs, seed) in enumerate(changes)
    ]
    ablation = compare([read_run(folder) for folder in folders])
    assert ablation.columns == [Column("lfw/unmasked_masked", "accuracy"), Column("lfw/faces", "mask_accuracy")]
    without, both, one_seed = (cells[1] for _, cells in ablation.rows)
    assert without is None
    assert one_seed is None
    assert both is not None
    assert both.mean == pytest.approx(0.97)
    assert both.is_best
    write_ablation(folders, tmp_path / "out.html")
    lines = (tmp_path / "out.md").read_text().splitlines()
    assert lines[0].endswith("| lfw/faces Mask or no mask |")
    assert [line.rsplit("|", 2)[1].strip() for line in lines[2:5]] == ["-", "**97.00 ± 0.00**", "-"]
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = [row["lfw/faces/mask_accuracy/mean"] for row in csv.DictReader(file)]
    assert rows == ["", "0.97", ""]
    (_, (_, first, *_)), *_ = compare([read_run(folder) for folder in folders], against="first").rows
    assert first is None
    with pytest.raises(UserError, match="no comparison with mask_accuracy in common"):
        compare([read_run(folder) for folder in folders], ["mask_accuracy"])


def test_what_each_row_looks_at_stands_below_the_table(tmp_path: Path) -> None:
    made = []
    for at, name in enumerate((None, "MG")):
        folder = make_run(tmp_path / str(at), protocols(1.0), data=masking(name))
        made.append(folder)
        (folder / "pictures").mkdir()
        (folder / "pictures" / "lfw_saliency.png").write_bytes(f"picture {at}".encode())
    for step in (54, 108):
        (made[1] / "pictures" / f"latent_parts_{step:06d}.png").write_bytes(f"boxes {step}".encode())
    write_ablation(made, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    shown = re.findall(r'src="data:image/png;base64,(.*?)"></div><figcaption>(.*?)</figcaption>', page)
    assert [(base64.b64decode(data), label) for data, label in shown] == [
        (b"picture 0", "masking none"),
        (b"picture 1", "masking MG"),
    ]
    boxes = re.findall(r'base64,([^"]*)"><figcaption>(.*?)</figcaption>', page)
    assert [(base64.b64decode(data), label) for data, label in boxes] == [
        (b"boxes 54", "masking MG, step 54"),
        (b"boxes 108", "masking MG, step 108"),
    ]


def test_the_three_files(folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders[0] / "report").mkdir(exist_ok=True)
    (folders[0] / "report" / "index.html").touch()
    output = tmp_path / "out.html"
    names = [str(folder) for folder in [*folders, folders[0]]]
    assert main(["report", *names, "-o", str(output)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"table: {output.with_suffix(s)}" for s in (".html", ".md", ".csv")]

    page = output.read_text()
    assert not re.search(r"https?:|<script|<link", page)
    best = re.findall(r"<tr><td>masking MG</td><td><b>([\d.]+) ± ([\d.]+)</b></td>", page)
    (row,) = re.findall(r"<tr><td>masking DE</td><td><span>.*?</span><small>(.*?)</small>", page)
    assert row.startswith("≈ -")
    (link,) = re.findall(r'href="(.*?)"', page)
    assert (tmp_path / link).resolve() == (folders[0] / "report" / "index.html").resolve()

    lines = output.with_suffix(".md").read_text().splitlines()
    assert lines[0].startswith("|  | seeds | lfw/unmasked_masked Accuracy |")
    assert lines[3].startswith(f"| masking MG | 2 | **{best[0][0]} ± {best[0][1]}** |")

    with output.with_suffix(".csv").open(newline="") as file:
        plain, mg, _ = csv.DictReader(file)
    assert float(mg["lfw/unmasked_masked/accuracy/mean"]) == pytest.approx(float(best[0][0]) / 100, abs=1e-4)
    assert mg["seeds"] == "1 2"
    assert mg["lfw/unmasked_masked/accuracy/p"] == ""
    assert float(plain["lfw/unmasked_masked/accuracy/p"]) < 0.05


def test_labels_are_escaped(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{"note": "<b>|"}, {"note": "&"}]
    folders = [make_run(tmp_path / str(at), protocols(1.0), **change) for at, change in enumerate(changes)]
    write_ablation(folders, tmp_path / "out.html")
    assert "note &lt;b&gt;|" in (tmp_path / "out.html").read_text()
    assert "| note <b>\\| |" in (tmp_path / "out.md").read_text()


def test_one_run_and_bad_commands(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*args: object) -> str:
        assert main(["report", *map(str, args)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    monkeypatch.chdir(tmp_path)
    assert main(["report", os.path.relpath(folders[1])]) == 0
    assert "report: " in capsys.readouterr().out
    assert (folders[1] / "report" / "index.html").is_file()
    assert "none: no such run" in error("none")
    assert "-o FILE.html" in error(*folders)
    assert "expected an .html file" in error(*folders, "-o", "out.csv")
    assert "in a folder that exists" in error(*folders, "-o", "none/out.html")
    other = make_run(tmp_path / "other", {"rmfd/unmasked_masked": verification(1.0)})
    line = error(folders[0], other, "-o", "out.html")
    assert "no comparison in common" in line
    assert "rmfd/unmasked_masked" in line
    assert "no comparison with rank_7 in common" in error(*folders, "-o", "out.html", "--metrics", "rank_7")
    assert "against" in error(*folders, "-o", "out.html", "--against", "last")
    assert not list(tmp_path.glob("out.*"))


def test_the_papers_figures_are_part_of_an_experiment(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = {"paper": {"lfw/unmasked_masked/accuracy": 95.7}}
    (workplace / "extra.yaml").write_text(yaml.safe_dump(extra))
    options = ["--config", "experiments/quickstart.yaml", "--config", "extra.yaml", "--print_config"]
    with pytest.raises(SystemExit):
        main(["test", *options])
    assert yaml.safe_load(capsys.readouterr().out)["paper"] == extra["paper"]
    (workplace / "extra.yaml").write_text("paper: {lfw/unmasked_masked/accuracy: high}")
    assert main(["test", *options]) == 2
    assert "paper" in capsys.readouterr().err
