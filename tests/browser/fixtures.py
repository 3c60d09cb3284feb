"""A browser, a page that is looked at in it, and the rules of axe-core."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
PHONE = {"width": 390, "height": 844}
WIDTHS = (390, 1200, 1920)
"""Of a phone, a laptop and a large screen, in pixels."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).map(each => each / 255)
    .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return (numbers(colour)[3] ?? 1) === 0 && element.parentElement ? behind(element.parentElement) : colour;
  };
  const texts = [...document.querySelectorAll("body *")].filter(each => each.tagName !== "SCRIPT" && each.checkVisibility()
    && [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  return texts.map(each => {
    const style = getComputedStyle(each);
    const pair = [light(each.namespaceURI.endsWith("svg") ? style.fill : style.color), light(behind(each))].sort((a, b) => b - a);
    return [(pair[0] + 0.05) / (pair[1] + 0.05), each.textContent.trim().slice(0, 40)];
  });
}"""
"""The contrast of each text with what is behind it, as WCAG 2.2 computes it, and the text."""


CUT = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
"""How many tables of a page are wider than their place."""


def find_browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium on the PATH; Debian's is the package chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        profile = tmp_path_factory.mktemp("profile")
        with driver.chromium.launch(
            executable_path=executable, args=[*FLAGS.split(), f"--crash-dumps-dir={profile}"]
        ) as opened:
            yield opened


@pytest.fixture
def look(browser):
    """Open a page, and at the end hold that it was silent and stayed by itself."""
    complaints, contexts = [], []

    def look_at(path, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield look_at
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe():
    """Return the function that finds what is not accessible in an open page: a line for each fault."""
    folder = Path(__file__).parent
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.is_file():
        npm = shutil.which("npm") or pytest.skip("no npm on the PATH, which installs axe-core")
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([npm, "ci", *options], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot install axe-core: {done.stderr.strip()[-300:]}")
    source = script.read_text(encoding="utf-8")

    def find_faults(page):
        page.evaluate(source)  # the page's own policy lets no script in
        found = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})")
        return [f"{each['id']}: {node['html'][:120]}" for each in found["violations"] for node in each["nodes"]]

    return find_faults
