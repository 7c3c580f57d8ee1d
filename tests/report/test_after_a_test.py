"""What `maskrec test` leaves, by the real command line."""

from pathlib import Path

import pytest
from conftest import ROOT

from maskrec.cli import main

TINY = [
    *("--config", "experiments/arcface_casia.yaml", "--config", str(ROOT / "tests" / "conf" / "smoke.yaml")),
    *("--data.init_args.image_size=[32,32]", "--name=tiny", "--run_id=one"),
    *("--model.init_args.backbone=resnet10t", "--model.init_args.embedding_dim=16"),
]


def test_the_page_and_its_pictures(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "paper.yaml").write_text("paper: {generated/unmasked_masked/accuracy: 95.70}")
    assert main(["test", *TINY, "--config", "paper.yaml"]) == 0
    run = workplace / "runs" / "tiny" / "one"
    assert "report: runs/tiny/one/report/index.html" in capsys.readouterr().out
    page = (run / "report" / "index.html").read_text()
    assert "paper 95.70" in page
    assert "maskrec test --config runs/tiny/one/config.yaml</pre>" in page
    assert "maskrec fit" not in page
    assert (run / "pictures" / "generated_saliency.png").is_file()
    charts = {path.stem for path in (run / "report").glob("*.png")}
    assert charts >= {"generated_roc", "generated_det", "generated_masked_masked_scores"}
