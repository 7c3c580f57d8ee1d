"""The pages as a browser shows them, where one is found."""

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from made_runs import make_run
from test_page import full_run

from maskrec.report import write_ablation, write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What the page cannot say itself, having no script: its width, and how many of its pictures can be seen.
PROBE = """<script>addEventListener("load", () => parent.document.body.append("measured " + [
  document.documentElement.scrollWidth, innerWidth, document.images.length,
  [...document.images].filter(image => image.naturalWidth > 0 && image.clientWidth > 99).length,
  performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length]))</script>"""


def opened(page: Path, width: int, folder: Path) -> list[int]:
    """Width of the content, of the window, pictures, those to be seen, files loaded."""
    if BROWSER is None:
        pytest.skip("no chromium, chromium-browser or google-chrome: the page is not opened")
    probed = page.with_name("probed.html")
    content = escape(page.read_text().replace("</html>", f"{PROBE}</html>"))
    # A frame: windows have a least width, that of phones is less.
    probed.write_text(
        f"<body><iframe style='border:0;width:{width}px;height:900px' srcdoc='{content}'></iframe></body>"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    command = [BROWSER, *options, "--dump-dom", probed.resolve().as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    probed.unlink()
    (found,) = re.findall(r"measured ([\d,]+)", dumped.split("</iframe>")[-1])
    return [int(number) for number in found.split(",")]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_fits_the_window_and_shows_all_pictures(width: int, tmp_path: Path) -> None:
    run = full_run(tmp_path / "run")
    content, window, pictures, seen, loaded = opened(write_report(run), width, tmp_path / "profile")
    assert window == width
    assert content <= window
    assert seen == pictures == len(list(run.glob("*/*.png")))
    assert loaded == 0


def test_a_table_of_runs_fits_a_phone(tmp_path: Path) -> None:
    protocols = {f"lfw/comparison_number_{at}": ({"accuracy": at / 10, "pairs": 6000}, {}) for at in range(8)}
    runs = [make_run(tmp_path / str(at), protocols, setting=f"{at} {'word ' * 20}") for at in range(3)]
    page, *_ = write_ablation(runs, tmp_path / "out.html")
    content, window, *_ = opened(page, 390, tmp_path / "profile")
    assert content <= window == 390
