"""Draw the pictures of README and docs/ from real runs: python -m docs.make.pictures (needs Chromium; some minutes)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMANDS = (
    ("model=gbr", "preprocessing=standard", "tracking=none", "hydra.run.dir=first"),
    ("experiment=tutorial_grid", "tracking=none", "hydra.run.dir=grid"),
    ("-m", "model=glob(*)", "preprocessing=none,standard", "tracking=none"),
    ("explore",),
)
COLORS = 256
"""Of the pictures' palette: with fewer a heat map has steps."""


def draw(folder: Path) -> None:
    """Run the commands in `folder`, and write the pictures."""
    for words in COMMANDS:
        subprocess.run([sys.executable, "-m", "bikeml", *words], cwd=folder, check=True)
    shutil.copy(folder / "first" / "evaluate.png", IMAGES / "evaluate.png")
    shutil.copy(folder / "grid" / "search.png", IMAGES / "search.png")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, BROWSERS))),
            args=["--no-sandbox"] if os.getuid() == 0 else [],  # Chromium refuses to run as root otherwise
        )
        pages = {"run": "first/report.html", "report": "multirun/*/*/report.html", "explore": "explore/explore.html"}
        for name, pattern in pages.items():
            (page,) = folder.glob(pattern)
            view = browser.new_page(viewport={"width": 1300, "height": 1130})
            view.goto(page.as_uri())
            view.screenshot(path=IMAGES / f"{name}.png")
        browser.close()
    for image in IMAGES.glob("*.png"):
        _make_small(image)


def _make_small(file: Path) -> None:
    with Image.open(file) as image:
        image.convert("RGB").quantize(COLORS, Image.Quantize.MAXCOVERAGE).save(file, optimize=True)


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        draw(Path(name))
