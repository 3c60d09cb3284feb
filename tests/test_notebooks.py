"""Notebooks: those of docs/ show what a kernel shows, progress and errors included."""

import re
from pathlib import Path

import pytest

from tests.pages import NUMBERS

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of jupyter_client
from docs.make.notebooks import NOTEBOOKS, execute  # noqa: E402  it needs them

FAST = "'evaluation.bootstrap_samples=100', 'evaluation.importance_repeats=1', 'split.folds=2', 'tracking=none'"
PLACES = {
    r"run [0-9a-f]{8,} ": "run ID ",
    r"(outputs|multirun)/[\d/-]+": "PLACE",
    r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?": "N",
}
"""What is another in each run, and the figures, whose last digits may be another on another machine."""


def run_cells(folder, *sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return execute(nbformat.v4.new_notebook(cells=cells), folder).cells


def read_texts(cell):
    """Return what a cell shows as plain text, sorted as workers end in any order; a progress line is empty at the end."""
    data = [output.get("data", {}).get("text/plain", output.get("text", "")) for output in cell.get("outputs", [])]
    return sorted(mask(text) for text in data if text.strip())


def mask(text):
    for pattern, word in {**NUMBERS, **PLACES}.items():
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.long
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_of_the_docs_shows_what_it_stores(file, workdir):
    stored, shown = (nbformat.read(file, as_version=4) for _ in range(2))
    execute(shown, workdir)
    for before, after in zip(stored.cells, shown.cells, strict=True):
        assert read_texts(after) == read_texts(before), after.source
        assert [output.output_type for output in after.get("outputs", []) if output.output_type == "error"] == [
            output.output_type for output in before.get("outputs", []) if output.output_type == "error"
        ]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_of_the_docs_names_no_place_of_its_author(file):
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"/(tmp|home|root|work|Users)/", text)


def test_a_run_in_a_notebook_shows_its_progress_and_its_card(workdir):
    (cell,) = run_cells(workdir, f"import bikeml\nresult = bikeml.run('model=linear', {FAST})\nresult")
    shown, said, card = cell.outputs
    assert said.data["text/plain"].startswith("bikeml: linear: test_r2 ")
    assert shown.output_type == "display_data"
    assert shown.data["text/plain"] == ""  # the line of the progress, at the end
    assert card.data["text/plain"].startswith("Result('linear', test_r2=")
    assert card.data["text/html"].startswith('<div class="bikeml-card"')


@pytest.mark.long
def test_the_progress_line_changes_while_a_cell_runs(workdir):
    watch = (
        "import bikeml\nfrom bikeml.terminal import notebook\nshown = []\nshow = notebook.NotebookLine.show\n"
        "notebook.NotebookLine.show = lambda line, text: (shown.append(text), show(line, text))\n"
    )
    sweep = f"board = bikeml.sweep('model=baseline,linear', {FAST})\nprint(len(board), shown[-2:])"
    _, cell = run_cells(workdir, watch, sweep)
    (said,) = [output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout"]
    assert re.search(r"2 \['2 done, 0 running, 0 failed, best .* 2/2', ''\]", said)


@pytest.mark.long
def test_a_mistake_in_a_notebook_is_one_message(workdir):
    (cell,) = run_cells(workdir, "import bikeml\nbikeml.run('model=nosuch')", tags=["raises-exception"])
    (error,) = [output for output in cell.outputs if output.output_type == "error"]
    assert error.ename == "ConfigError"
    assert error.traceback == [f"ConfigError: {error.evalue}"]
    assert error.evalue.startswith("model has no option 'nosuch'")


@pytest.mark.long
def test_a_sweep_in_worker_processes_does_not_run_the_notebook_again(workdir):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="the joblib extra is not installed")
    words = f"'model=baseline,linear', 'hydra/launcher=joblib', 'hydra.launcher.n_jobs=2', {FAST}"
    source = f"import bikeml\nopen('count', 'a').write('x')\nprint(bikeml.sweep({words}).failures)"
    (cell,) = run_cells(workdir, source)
    assert "{}" in [output.text.strip() for output in cell.outputs if output.get("name") == "stdout"]
    assert Path("count").read_text() == "x"
