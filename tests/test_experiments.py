"""Every experiment takes a step; the list of them is what the files say."""

import functools
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
import yaml
from conftest import ROOT

from maskrec.cli import main
from maskrec.experiments import OVERLAYS, expand_extends, titles
from maskrec.methods import IAMGAN, MaskSegmenter

FILES = sorted(
    path
    for path in (ROOT / "experiments").rglob("*.yaml")
    if path.parent.name not in ("hardware", "sweeps", "evaluation", "tables")
)
EXPERIMENTS = [path for path in FILES if path.stem not in OVERLAYS]
DRAWING = ("maskrec.methods.IAMGAN", "maskrec.methods.MaskSegmenter")
FROM_NOTHING = {  # no weights, no earlier runs, a queue that takes the smoke test's batches, and few members
    "weights": "null",
    "start_from": "null",
    "queue_length": "24",
    "population": "2",
    "members": "[{class_path: maskrec.methods.FaceClassifier, init_args: {backbone: resnet10t, embedding_dim: 16}}]",
}
SMOKE = str(ROOT / "tests" / "conf" / "smoke.yaml")


@functools.cache
def contents(path: Path) -> list[dict[str, Any]]:
    """Of an experiment and all it extends."""
    options = expand_extends(["--config", str(path)])
    files = [option.removeprefix("--config=") for option in options if option.startswith("--config=")]
    return [yaml.safe_load(Path(file).read_text()) for file in files]


def last_value(path: Path, part: str, argument: str | None = None) -> Any:
    """What an experiment ends up with: the class of a part of it, or an argument of that; None where nothing says."""
    parts = [content.get(part, {}) for content in contents(path)]
    values = [of.get("init_args", {}).get(argument) if argument else of.get("class_path") for of in parts]
    return next((value for value in reversed(values) if value), None)


def varies_another(path: Path) -> bool:
    """Whether its parts take their step at full size where they come from: a row, or one that extends no setting."""
    parents = [path.parent / f"{parent}.yaml" for parent in contents(path)[-1].get("extends", [])]
    return path.parent.parent.name == "tables" or {*parents} <= {*EXPERIMENTS}


FACES = [path for path in EXPERIMENTS if last_value(path, "model") not in DRAWING]


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained one."""
    file = tmp_path_factory.mktemp("generator") / "last.ckpt"
    torch.save({"state_dict": IAMGAN(width=2, blocks=1, discriminator_width=2).state_dict()}, file)
    return file


@pytest.fixture
def generators(workplace: Path, generator: Path) -> None:
    """The same one where each of the experiments that make them would leave its own."""
    for path in EXPERIMENTS:
        if last_value(path, "model") == DRAWING[0]:
            checkpoints = workplace / "runs" / path.stem / "latest" / "checkpoints"
            checkpoints.mkdir(parents=True)
            (checkpoints / "last.ckpt").symlink_to(generator)


@pytest.mark.usefixtures("generators")
@pytest.mark.parametrize("path", FACES, ids=lambda path: path.stem)
def test_every_experiment_takes_a_step(
    path: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MASKREC_DATA", "no_data_here")
    name = str(path.relative_to(ROOT / "experiments").with_suffix(""))
    is_variant = varies_another(path)
    size = [32, 32] if is_variant else last_value(path, "data", "image_size")
    options = ["--config", SMOKE, f"--data.init_args.image_size={size}"]
    module, _, name_of_class = last_value(path, "model").rpartition(".")
    takes = {
        argument
        for base in getattr(importlib.import_module(module), name_of_class).__mro__
        for argument in inspect.signature(base.__init__).parameters
    }
    changes = FROM_NOTHING | ({"backbone": "resnet10t", "input_size": "[32, 32]"} if is_variant else {})
    options += [f"--model.init_args.{key}={value}" for key, value in changes.items() if key in takes]
    images = last_value(path, "data", "images_per_identity")
    options += [f"--data.init_args.batch_size={2 * images if images else 8}"]
    assert main(["exp", name, *options]) == 0
    run = workplace / "runs" / path.stem / "latest"
    results = json.loads((run / "results.json").read_text())
    assert results["experiment"] == path.stem
    assert 0 <= results["protocols"]["generated/masked_masked"]["accuracy"] <= 1
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert "masked_masked" in (run / "report" / "index.html").read_text()
    printed = capsys.readouterr().out
    for line in yaml.safe_load(path.read_text()).get("next_steps", []):
        assert line.replace("${run_dir}", str(run.resolve().relative_to(workplace))) in printed


@pytest.mark.parametrize("path", sorted({*EXPERIMENTS} - {*FACES}), ids=lambda path: path.stem)
def test_every_network_that_draws_takes_a_step(path: Path, workplace: Path, faces: Path) -> None:
    """On the same folder as full and as masked faces, or as pictures and labels."""
    segmenter = workplace / "s.ckpt"
    torch.save({"state_dict": MaskSegmenter(width=2).state_dict()}, segmenter)
    for folder, ending, kind in (("images", ".jpg", cv2.IMREAD_COLOR), ("labels", ".png", cv2.IMREAD_GRAYSCALE)):
        (workplace / folder).mkdir()
        for number, picture in enumerate(sorted(faces.rglob("*.jpg"))[:12]):  # the labels' levels are the picture's
            cv2.imwrite(str(workplace / folder / f"{number}{ending}"), cv2.imread(str(picture), kind))
    if last_value(path, "model") == DRAWING[0]:
        full = f"{{class_path: data_modules.FaceFolder, init_args: {{root: {faces}, held_out: 0.2}}}}"
        changes = {"model": {"segmenter": segmenter, "width": 4, "blocks": 1, "discriminator_width": 4}}
        changes["model"]["iterations"] = 2
        changes["data"] = {"full": full, "masked_root": faces, "batch_size": 2, "cut": "[48, 40]"}
    else:
        changes = {"model": {"width": 4}, "data": {"batch_size": 2}}
    sized = {"data": {"image_size": "[64, 64]", "num_workers": 0}}
    options = [
        f"--{part}.init_args.{key}={value}" for of in (changes, sized) for part in of for key, value in of[part].items()
    ]
    if path.stem == "mask_segmenter":
        options.append(f"--data.init_args.root={workplace}")
    elif path.stem == "mask_segmenter_small":
        labelled = f"{{class_path: maskrec.data.MaskSegmentation, init_args: {{root: {workplace}}}}}"
        options.append(f"--data.init_args.sets=[{labelled}]")
    steps = ["--trainer.max_epochs=1", "--trainer.val_check_interval=1", "--trainer.limit_train_batches=2"]
    assert main(["exp", path.stem, *options, *steps, "--trainer.limit_val_batches=1", "--trainer.accelerator=cpu"]) == 0
    run = workplace / "runs" / path.stem / "latest"
    ((_, numbers),) = json.loads((run / "results.json").read_text())["protocols"].items()
    assert all(0 <= number <= 2 for number in numbers.values())
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert len([*(run / "pictures").glob("samples_*.png")]) >= 2
    assert "Samples" in (run / "report" / "index.html").read_text()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_names_and_titles(path: Path, workplace: Path) -> None:
    content = yaml.safe_load(path.read_text())
    assert content["name"] == path.stem
    assert titles()[str(path.relative_to(ROOT / "experiments").with_suffix(""))].endswith((".", ")"))


@pytest.mark.parametrize("path", sorted((ROOT / "experiments" / "hardware").glob("*.yaml")), ids=lambda path: path.stem)
def test_hardware_overlays_are_accepted(path: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", "experiments/arcface_casia.yaml", "--config", str(path), "--print_config"]
    with pytest.raises(SystemExit) as stop:
        main(["fit", *options])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["trainer"].items() >= yaml.safe_load(path.read_text())["trainer"].items()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments" / "evaluation").glob("*.yaml")), ids=lambda path: path.stem
)
def test_evaluation_overlays_name_test_sets(path: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", "experiments/mobilefacenet_casia.yaml", "--config", str(path), "--print_config"]
    with pytest.raises(SystemExit) as stop:
        main(["test", *options])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]
    listed = yaml.safe_load(path.read_text())["data"]["init_args"]["test_sets"]
    assert [given["class_path"] for given in printed["test_sets"]] == [given["class_path"] for given in listed]
    assert printed["image_size"] == [112, 96]  # the method's


@pytest.mark.parametrize("given_as", ["file", "--KEY=LIST", "--KEY LIST"])
def test_a_list_takes_an_earlier_ones_place(
    given_as: str, workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three sets as of any other number, though the third of those before has another name and masks."""
    sets = [{"class_path": f"data_modules.{name}", "init_args": {"root": "faces"}} for name in ("LFW", "RMFD", "LFW")]
    sets[2]["init_args"]["name"] = "other"
    overlay = tmp_path / "sets.yaml"
    overlay.write_text(yaml.safe_dump({"data": {"init_args": {"test_sets": sets}}}))
    given = {"file": ["--config", str(overlay)], "--KEY LIST": ["--data.init_args.test_sets", json.dumps(sets)]}
    options = given.get(given_as, [f"--data.init_args.test_sets={json.dumps(sets)}"])
    with pytest.raises(SystemExit):
        main(["fit", "--config=experiments/arcface_mg_small.yaml", *options, "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]["test_sets"]
    assert [of["init_args"]["name"] for of in printed] == ["lfw", "rmfd", "other"]
    assert [of["init_args"].get("masking") for of in printed] == [None] * 3


def test_lists_of_another_class_are_left_alone(tmp_path: Path) -> None:
    """Between both lists stands a class that may have none: it cannot be emptied."""
    texts = {
        "one": "{model: {class_path: A, init_args: {parts: [{class_path: P}], sizes: [1]}}}",
        "same": "{model: {class_path: A, init_args: {parts: [{class_path: Q}], sizes: [2]}}}",
        "other": "{model: {class_path: B}}",
        "again": "{model: {init_args: {parts: [{class_path: P}]}}}",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    options = [f"--config={tmp_path / name}.yaml" for name in texts]
    emptied = "--model.init_args.parts=[]"
    assert expand_extends(options) == [options[0], emptied, *options[1:]]


def test_what_is_appended_empties_nothing(tmp_path: Path) -> None:
    """Neither in two files nor on the command line."""
    options = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("{trainer: {callbacks+: [{class_path: P}]}}")
        options.append(f"--config={tmp_path / name}.yaml")
    options += ['--trainer.callbacks+=[{"class_path": "P"}]', "--trainer.callbacks+", '[{"class_path": "P"}]']
    assert expand_extends(options) == options
