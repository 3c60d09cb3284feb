"""The commands of README and docs/ run as a reader gives them, one after another, and show what the pages show."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.conftest import ROOT, heeded
from tests.pages import PAGES, README, Block, matches, read_blocks, split_ours

ELSEWHERE = {
    "autoload": "tests/test_completion.py types it into a real shell",
    "eval": "tests/test_completion.py types it into a real shell",
    "bikeml -sc": "tests/test_completion.py types it into a real shell",
    "scripts/run": "tests/test_cli.py calls what it calls",
    "scripts/test": ".ci/run calls it",
    "python -m bikeml ui": "tests/test_ui.py opens it in a browser",
    "export": "it names packages of the reader's",
}
"""Commands that run in other tests, by their first words."""
AZURE = ROOT / "docs" / "azure.md"
WALKED = [
    page
    for page in PAGES
    if page != AZURE and any(split_ours(command) for block in read_blocks(page) for command in block.commands)
]
"""The pages with commands of ours; tests/test_docs.py walks through docs/azure.md on a workspace of its own."""
ENVIRONMENT = {
    "COLUMNS": "130",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


@pytest.mark.long
def test_the_first_run_of_the_readme_shows_what_the_readme_shows(workdir: Path) -> None:
    blocks = read_blocks(README)
    number = next(i for i, block in enumerate(blocks) if any("model=gbr" in command for command in block.commands))
    said = run(blocks[number].commands[0])
    assert matches(blocks[number + 1].text, said), said


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", WALKED, ids=lambda page: page.stem)
def test_a_page_can_be_followed_from_top_to_bottom(page: Path, workdir: Path, request: pytest.FixtureRequest) -> None:
    if any("azure" in command for block in read_blocks(page) for command in block.commands):
        if missing() is not None:
            pytest.skip(str(missing()))
        name_workspace(request.getfixturevalue("azureml"))
    said = ""
    for block in read_blocks(page):
        if block.file:
            write_file(block)
        elif block.language == "text":
            assert matches(block.text, said), (block.text, said)
        elif block.language == "python":
            said = run_python(block.text)
        for command in block.commands:
            if not command.startswith(tuple(ELSEWHERE)):
                said = serve(command) if " serve " in command else run(command)


def name_workspace(_: LoopbackAzureML) -> None:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    Path("config.json").write_text(json.dumps(names))


def write_file(block: Block) -> None:
    file = Path(str(block.file))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")


def run(command: str) -> str:
    """Give a command to a shell, and return what it says; it must succeed."""
    done = subprocess.run(
        ["sh", "-c", command], env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return f"{done.stdout}\n{done.stderr}"


def run_python(text: str) -> str:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (text, done.stderr)
    return done.stdout


def serve(command: str) -> str:
    """Serve until the line to try is shown, then press Ctrl-C."""
    with heeded(signal.SIGINT):
        server = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if "curl " in line:
            break
    server.send_signal(signal.SIGINT)
    rest, _ = server.communicate(timeout=60)
    assert server.returncode == 130, lines
    return "".join([*lines, rest])
