"""The page of a run."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_runs import all_pairs, make_run, search, verification

from maskrec.errors import UserError
from maskrec.report import write_report

PAPER = {"lfw/unmasked_masked/accuracy": 95.7, "lfw/unmasked_masked/eer": 0.05, "mfi/unmasked_masked_search/map": 49.08}


def full_run(folder: Path) -> Path:
    """One with everything a page can show."""
    protocols = {
        "lfw/unmasked_unmasked": verification(4.0),
        "lfw/unmasked_masked": verification(2.0),
        "lfw/unmasked_masked_search": search(1.5),
        "lfw/unmasked_masked_all": all_pairs(),
        "rmfd/unmasked_masked": verification(1.0),
    }
    run = make_run(folder, protocols, name="a<b", paper=PAPER)
    # A resumed run repeats steps: step 2 was logged before the kill and again after it.
    (run / "metrics.csv").write_text("step,train/loss,val/auc\n1,3.0,\n2,9.0,\n2,2.0,\n3,,0.7\n")
    (run / "pictures").mkdir()
    for name in ("training_batch", "lfw_saliency", "lfw_unmasked_masked_search_best"):
        cv2.imwrite(str(run / "pictures" / f"{name}.png"), np.full((40, 900, 3), 99, dtype=np.uint8))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = full_run(tmp_path_factory.mktemp("runs") / "a<b" / "one")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "report" / "index.html").read_text()


class Reader(HTMLParser):
    """Every tag's attributes that name something to load, and the tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_needs_no_other_file(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    assert all(source.startswith("data:image/png;base64,") for source in reader.loaded)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert "url(" not in page
    assert "@import" not in page


def test_numbers_intervals_notes_and_the_papers_figure(page: str) -> None:
    entry, _ = verification(2.0)
    accuracy = entry["accuracy"]
    (row,) = re.findall(r"<tr><td>Accuracy</td>.*?</tr>", page.split("<h3>rmfd</h3>")[0])
    cells = re.findall(r"<td>(.*?)</td>", row)
    assert cells[2] == (
        f"<span>{100 * accuracy:.2f}</span><small>{100 * accuracy - 2:.2f} to {100 * accuracy + 2:.2f}</small>"
        f"<small>paper 95.70 ({100 * accuracy - 95.7:+.2f})</small>"
    )
    assert cells[3:] == ["", ""]  # neither searches nor all pairs have an accuracy
    assert f"paper 5.00 ({100 * entry['eer'] - 5:+.2f})" in page  # a share in the paper
    assert "<tr><td>Pairs</td><td><span>400</span></td>" in page
    assert "<tr><td>FNMR at FMR 1e-6</td><td>-</td><td>-</td><td></td><td><span>60.00</span></td></tr>" in page
    why = "<li>No FNMR at FMR 1e-6: 200 impostor pairs, 1e-6 needs &lt;10,000,000&gt;.</li>"
    assert page.count(why) == 2  # once for each set
    assert "The paper also reports, with no number here: mfi/unmasked_masked_search/map 49.08." in page


def test_the_headline_is_about_masked_faces(page: str) -> None:
    (said,) = re.findall(r'<p class="headline">(.*?)</p>', page)
    accuracy, plain = (100 * verification(separation)[0]["accuracy"] for separation in (2.0, 4.0))
    assert said == (
        f"LPD tells the same person from another in {accuracy:.2f} % of the pairs of lfw, masked against unmasked "
        f"faces (95 % interval {accuracy - 2:.2f} to {accuracy + 2:.2f}); without masks it is {plain:.2f} %; "
        "the paper says 95.70 %."
    )


def test_pictures(run: Path, page: str) -> None:
    charts = {path.stem for path in (run / "report").glob("*.png")}
    assert charts >= {"lfw_roc", "lfw_det", "lfw_cmc", "rmfd_unmasked_masked_rates", "train_loss", "val_auc"}
    assert "lfw_unmasked_masked_search_rates" not in charts
    assert page.count("<img") == len(charts) + 3
    assert page.count('<img class="wide"') == 2
    assert "lfw, masked against unmasked faces. Probes (grey)" in page
    (run / "report" / "stale.png").touch()
    write_report(run)
    assert not (run / "report" / "stale.png").exists()


def test_everything_is_escaped(page: str) -> None:
    assert "a&lt;b" in page
    assert "a<b" not in page


def test_how_to_run_it_again(run: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parents[1])
    again = write_report(run).read_text()
    (commands,) = re.findall(r"<pre>(git.*?)</pre>", again, re.DOTALL)
    assert commands.splitlines() == [
        "git checkout 0123456789abcdef  # and changes that were not committed",
        "maskrec fit --config &#x27;a&lt;b/one/config.yaml&#x27;",
        "maskrec test --config &#x27;a&lt;b/one/config.yaml&#x27;"
        " --ckpt_path &#x27;runs/a&lt;b/latest/checkpoints/best.ckpt&#x27;",
    ]
    content = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(content | {"checkpoint": "weights/other.ckpt", "git": "12"}))
    again = write_report(run).read_text()
    assert "maskrec fit" not in again
    assert "git checkout 12\n" in again
    assert "--ckpt_path weights/other.ckpt" in again


def test_an_older_run_without_scores_notes_and_intervals(tmp_path: Path) -> None:
    protocols = {"lfw/unmasked_unmasked": ({"accuracy": 0.98765, "pairs": 6000}, {})}
    run = make_run(tmp_path / "old", protocols)
    (run / "scores.npz").unlink()
    page = write_report(run).read_text()
    assert "<tr><td>Accuracy</td><td><span>98.77</span></td></tr>" in page
    assert "LPD tells the same person from another in 98.77 % of the pairs of lfw, unmasked faces." in page
    assert "<img" not in page


@pytest.mark.parametrize(
    ("protocols", "said"),
    [
        ({}, "LPD was tested on nothing."),
        ({"lfw/own": ({"eer": 0.25}, {})}, "LPD: EER 25.00 on lfw/own."),
        (
            {"lfw/own_search": search(1.5)},
            "LPD finds the right person first for 61.00 % of the probes of lfw, own_search.",
        ),
    ],
)
def test_headlines_of_other_runs(protocols: dict, said: str, tmp_path: Path) -> None:
    assert said in write_report(make_run(tmp_path / "run", protocols)).read_text()


def test_bad_runs(tmp_path: Path) -> None:
    def error(folder: Path) -> str:
        with pytest.raises(UserError) as raised:
            write_report(folder)
        assert not (folder / "report").exists()
        return str(raised.value)

    assert error(tmp_path / "none").endswith("none: no such run")
    assert "holds no results.json; `maskrec test` writes them" in error(tmp_path)
    run = make_run(tmp_path / "run", {"lfw/unmasked_masked": verification(2.0)})
    assert f"did you mean {run}?" in error(tmp_path)
    (run / "scores.npz").write_bytes(b"torn")
    assert "scores.npz: broken" in error(run)
    (run / "results.json").write_text('{"experiment": 1}')
    assert "results.json or config.yaml is not that of a run" in error(run)
    (run / "results.json").write_text("{")
    assert "results.json or config.yaml is not that of a run" in error(run)


def test_several_sets_are_drawn_together_comparison_by_comparison(tmp_path: Path) -> None:
    shared = {f"{name}/unmasked_masked": verification(2, seed=seed) for seed, name in enumerate(("lfw", "fei"))}
    run = make_run(tmp_path / "run", shared | {"fei/unmasked_masked_output": verification(1)})
    page = write_report(run).read_text()
    charts = {path.stem for path in (run / "report").glob("all_*.png")}
    assert charts == {"all_unmasked_masked_rates", "all_unmasked_masked_roc"}  # one set alone has no company
    assert page.index("Pictures: all test sets") < page.index("Pictures: lfw")


def test_a_search_for_a_loss_is_drawn(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "man" / "one", {"lfw/unmasked_masked": verification(2.0)}, name="man")
    names = ["best", "alpha/ArcFace_0.05", "alpha/ArcFace_0.45", "score/member_0", "score/member_1"]
    header = ",".join(["step", "train/loss", *(f"search/{name}" for name in names)])
    rows = ("4,2.0,,,,,", "9,,1,.5,.5,.7,.8", "19,,0,.9,.1,.8,.7", "19,,0,.4,.6,.8,.7")  # one repeated by a resume
    (folder / "metrics.csv").write_text("\n".join([header, *rows]) + "\n")
    page = write_report(folder).read_text()
    for name, said in (("search_alpha", "How likely each loss is"), ("search_scores", "Score of each member")):
        assert (folder / "report" / f"{name}.png").is_file()
        assert said in page
