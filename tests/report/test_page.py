"""The page of a run."""

import json
from pathlib import Path

from maskrec.report import write_report


def test_the_page_holds_the_numbers_curves_and_pictures(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(
        json.dumps(
            {
                "experiment": "a<b",
                "method": "FaceClassifier",
                "seed": 1,
                "git": "0123456789abcdef",
                "hardware": "2 CPU cores",
                "versions": {"torch": "2.7"},
                "protocols": {
                    "lfw/unmasked_unmasked": {"accuracy": 0.98765, "tar_at_far_1e-2": 0.5, "pairs": 6000},
                    "lfw/masked_masked": {"accuracy": 0.9, "pairs": 6000},
                },
            }
        )
    )
    (tmp_path / "config.yaml").write_text("name: a<b\n")
    # A resumed run repeats steps: step 2 was logged before the kill and again after it.
    (tmp_path / "metrics.csv").write_text("step,train/loss,val/auc\n1,3.0,\n2,9.0,\n2,2.0,\n3,,0.7\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "training_batch.png").touch()
    page = write_report(tmp_path).read_text()
    assert "<td>unmasked_unmasked</td><td>0.9877</td><td>0.5000</td><td>6,000</td>" in page
    assert "<td>masked_masked</td><td>0.9000</td><td>-</td><td>6,000</td>" in page
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert "../pictures/training_batch.png" in page
    assert (tmp_path / "report" / "curves.png").read_bytes().startswith(b"\x89PNG")
