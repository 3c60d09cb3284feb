"""Compare recorded runs: their figures on the same held-out rows, and what else differs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from bikeml.config.fields import ColumnName, Name, Section
from bikeml.config.schema import Config
from bikeml.errors import ConfigError
from bikeml.pages.comparison.comparison import LETTERS, ComparedRun, Comparison, compare
from bikeml.pages.comparison.page import write_page
from bikeml.pages.differences import read_config
from bikeml.records.judgement import read_predictions
from bikeml.records.run_folder import CONFIG, ENVIRONMENT, PREDICTIONS
from bikeml.terminal.browser import open_page
from bikeml.terminal.progress import Announce, progress, silent
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

if TYPE_CHECKING:
    from rich.table import Table

    from bikeml.pages.comparison.comparison import ComparedFigure

FEWEST = 2


class Options(Section):
    """The keys of conf/task/compare.yaml."""

    runs: Annotated[list[ColumnName], Field(max_length=len(LETTERS))]
    output: Name | None

    @field_validator("output")
    @classmethod
    def _is_a_page(cls, output: str | None) -> str | None:
        if output is not None and not output.lower().endswith((".html", ".htm")):  # it would replace a table, say
            raise ValueError("should end in .html, as a page does")
        return output


def show_comparison(config: Config, options: Options) -> None:
    """Compare runs, and print their figures and what differs; see :func:`compare_runs`."""
    with progress() as announce:
        comparison = compare_runs(config, options, announce)
    letters = list(comparison.runs)
    show_table(_build_table(comparison), wide=True)
    for letter, reason in comparison.refused.items():
        show_notice(f"{letter} cannot be compared with A on the held-out rows: {reason}")
    for note in comparison.notes:
        show_notice(note)
    if comparison.aspects:
        rows = [(each.kind, each.key, *each.shown) for each in comparison.aspects]
        show_table(build_table(("in", "value", *letters), rows, "What differs", folded=letters), wide=True)
    facts = {letter: run.title for letter, run in comparison.runs.items()}
    same = {} if comparison.aspects else {"same": "config, data, code and versions"}
    show_facts({**facts, **same, **({"page": str(comparison.page)} if comparison.page else {})})
    if config.open and comparison.page:
        open_page(comparison.page)


def compare_runs(config: Config, options: Options, announce: Announce = silent) -> Comparison:
    """
    Compare the runs of the options with the first of them, and write the page unless options.output is None.

    If the runs were judged on other rows, the comparison says why, and has what can be compared. Raises ConfigError for
    fewer than two runs, RunFolderError if the page cannot be written, and what :func:`bikeml.tracking.lookup.find`
    raises.
    """
    if len(options.runs) < FEWEST:
        raise ConfigError(f"compare takes two to {len(LETTERS)} runs, such as: compare best latest; got {options.runs}")
    announce("looking for the runs")
    runs = list(_fetch(config, options.runs, announce))
    _refuse_same(options.runs, runs)
    comparison = compare(runs)
    if options.output is None:
        return comparison
    announce("drawing the page")
    return write_page(comparison, Path(options.output))


def _fetch(config: Config, names: list[str], announce: Announce) -> Iterator[ComparedRun]:
    """Yield the runs with what a comparison needs of their files."""
    from bikeml.tracking import lookup  # mlflow's import takes seconds

    for name in names:
        run = lookup.find(config, name)
        announce(f"reading {run.name}")
        with TemporaryDirectory(prefix="bikeml-") as place:
            held = [ENVIRONMENT] if run.holds(ENVIRONMENT) else []  # of a run of form 1
            folder = run.fetch_record(Path(place), CONFIG, PREDICTIONS, *held)
            predictions = read_predictions(folder, PREDICTIONS)
            yield ComparedRun(run.title, run.run_id, folder.require(), read_config(folder), predictions)


def _refuse_same(names: Sequence[str], runs: Sequence[ComparedRun]) -> None:
    known: dict[str, str] = {}
    for name, run in zip(names, runs, strict=True):
        earlier = known.setdefault(run.record.id or run.run_id, name)
        if earlier != name or names.count(name) > 1:
            raise ConfigError(f"{earlier} and {name} are the same run, {run.title}; name another one")


def _build_table(comparison: Comparison) -> "Table":
    """Return the figures; of two runs, the second has a column of its own."""
    rows = [_show_figure(each) for each in comparison.figures]
    is_pair = len(comparison.runs) == FEWEST
    headings = ["figure", *([] if is_pair else ["run"]), "A", "B" if is_pair else "of the run", "difference"]
    shown = [[row[0], *row[2:]] for row in rows] if is_pair else rows
    return build_table([*headings, "95% interval", "verdict"], shown, "Differences to A", right=headings[-3:])


def _show_figure(each: "ComparedFigure") -> list[str]:
    show, difference = each.metric.show, each.difference
    has_interval = each.verdict not in ("", "equal")
    return [
        each.name,
        each.run,
        show(each.first),
        show(each.value),
        show(difference.value) if difference else "",
        f"{show(difference.low)} to {show(difference.high)}" if difference and has_interval else "",
        each.verdict or each.note,
    ]
