"""
Run a recorded experiment again, and compare every figure to the last bit.

The config is the recorded one. The code is the recorded commit with the recorded changes, in a temporary git worktree;
for a run of an installed bikeml, it is the bikeml that is installed now. The table must have the recorded sha256. The
packages and the machine are the present ones. A figure can differ only because of what has changed among these.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from bikeml.config.fields import Name, Section
from bikeml.config.overrides import escape, override
from bikeml.config.schema import Config
from bikeml.config.sections import complete, move_elsewhere, names_not_in_result, take_known
from bikeml.errors import DataError, RecordError, ReproduceError
from bikeml.records.fingerprint import OF_AN_EARLIER_VERSION, is_comparable
from bikeml.records.provenance import find_changes
from bikeml.records.run import Environment, RunRecord
from bikeml.records.run_folder import CONFIG, DIFF, ENVIRONMENT, RunFolder
from bikeml.records.tags import TABLE, TEST_TABLE
from bikeml.system.processes import child
from bikeml.system.redaction import MASK, redact
from bikeml.tasks.worktree import restore
from bikeml.terminal.progress import Announce, progress

if TYPE_CHECKING:
    from bikeml.recorded.run import RecordedRun

GROUPS = ("data", "split", "preprocessing", "model", "target", "search")
"""The sections of a config that are chosen as one option each."""
LOG_LINES = 20


class Options(Section):
    """The keys of conf/task/reproduce.yaml."""

    run: Name
    table: Name | None
    test_table: Name | None = None


@dataclass(frozen=True)
class Figure:
    """One figure as it was recorded and as it is now; None if it is missing."""

    name: str
    recorded: float | None
    now: float | None

    @property
    def is_equal(self) -> bool:
        """Whether both are the same to the last bit."""
        return self.recorded == self.now


@dataclass(frozen=True)
class Reproduction:
    """The outcome of running an experiment again."""

    run_id: str
    title: str
    """The id and name of the run, its table, and how it was chosen."""
    figures: Sequence[Figure]
    table: str
    """Where the table of the recorded sha256 was found."""
    code: str
    """Which code ran."""
    has_same_fingerprint: bool
    """Whether config, code, table and the versions of numerical packages all equal the recorded ones."""
    notes: Sequence[str]
    """What could not be restored or compared."""
    changes: Sequence[str]
    """What has changed among code, table, packages and machine."""


def reproduce(config: Config, options: Options) -> None:
    """Run an experiment again, and show the figures that differ; raises ReproduceError if there are any."""
    from bikeml.terminal import tables

    with progress() as announce:
        done = run_again(config, options, announce)
    different = [figure for figure in done.figures if not figure.is_equal]
    if different:
        rows = [(figure.name, repr(figure.recorded), repr(figure.now)) for figure in different]
        tables.show_table(tables.build_table(("figure", "recorded", "now"), rows, "what differs"))
    tables.show_facts(
        {
            "run": done.title,
            "result": f"{len(done.figures) - len(different)} of {len(done.figures)} figures identical",
            "table": done.table,
            "code": done.code,
            "fingerprint": "the recorded one" if done.has_same_fingerprint else "another",
            **({"note": "; ".join(done.notes)} if done.notes else {}),
        }
    )
    if different:
        changes = "\n".join(done.changes) or _explain_nothing(done)
        raise ReproduceError(
            f"run {done.run_id} is not reproduced: {len(different)} of {len(done.figures)} figures differ: "
            f"{', '.join(figure.name for figure in different)}\n{changes}"
        )


def _explain_nothing(done: Reproduction) -> str:
    if done.has_same_fingerprint:
        return "nothing that bikeml records has changed: a source of chance is left, such as a random_state of null"
    return "packages and machine are the recorded ones, so the code is another; start this from the code of the run"


def run_again(config: Config, options: Options, announce: Announce) -> Reproduction:
    """
    Run the experiment of a recorded run again, and return which figures are equal and what has changed.

    Raises RunNotFoundError and TrackingError as for every recorded run, DataError if the table is not the recorded one,
    and ReproduceError if the code cannot be restored or the experiment fails.
    """
    from bikeml.tracking import lookup

    announce("looking for the run")
    run = lookup.find(config, options.run)
    temporary_folder = TemporaryDirectory(prefix="bikeml-", ignore_cleanup_errors=True)
    with run.named_in_errors(), temporary_folder as temporary:
        folder = Path(temporary)
        recorded = _fetch(run, folder)
        before, sections = recorded.require(), take_known(recorded.read_config())
        tables = dict(_find_tables(run, sections, config, options))
        sections["data"] |= tables
        announce("restoring the code")
        diff = recorded.read_file(DIFF).decode(errors="surrogateescape") if recorded.has(DIFF) else None
        with restore(run, _environment(before), diff, folder / "code") as code:
            announce("running the experiment")
            # The recorded code refuses keys that were added later; the present code requires them.
            after = _run(sections if code.place else complete(sections), code.place, folder)
    of_version = [] if code.place or is_comparable(run.tags) else [OF_AN_EARLIER_VERSION]
    return Reproduction(
        run_id=run.run_id,
        title=run.title,
        figures=list(_compare(before, after)),
        table=redact(sections["data"]["path"]),
        code=code.text,
        has_same_fingerprint=after.fingerprint == run.fingerprint,
        notes=[*code.notes, *of_version, *_note_method(before, after)],
        changes=list(find_changes(_environment(before), _environment(after))),
    )


def _fetch(run: "RecordedRun", folder: Path) -> RunFolder:
    """Download the files that describe the run."""
    held = [name for name in (ENVIRONMENT, DIFF) if run.holds(name)]
    return run.fetch_record(folder / "recorded", CONFIG, *held)


def _find_tables(
    run: "RecordedRun", sections: Mapping[str, Any], config: Config, options: Options
) -> Iterator[tuple[str, str]]:
    """Yield data.path, and data.test_path if the run has it, with a file of the recorded sha256."""
    # The recorded path may exist only on the node of a cluster; the present config may name the same table.
    yield "path", _find_table(run.tags[TABLE], "table", options.table, _read_path(sections, "path"), config.data.path)
    if TEST_TABLE in run.tags:
        named = options.test_table, _read_path(sections, "test_path"), config.data.test_path
        yield "test_path", _find_table(run.tags[TEST_TABLE], "test_table", *named)


def _read_path(sections: Mapping[str, Any], key: str) -> str:
    try:
        return str(sections["data"][key])
    except (KeyError, TypeError) as error:
        raise RecordError(f"{CONFIG} of the run has no data.{key}; name another run") from error


def _environment(record: RunRecord) -> Environment:
    if record.environment is None:
        raise RecordError("the run does not say on which code and packages it ran; name another run")
    return record.environment


def _find_table(expected: str, key: str, given: str | None, *others: str | None) -> str:
    """Return the first path with the `expected` sha256, only that which is `given` if any; raises DataError."""
    from bikeml.table.reading.source import read_bytes

    paths = list(filter(None, dict.fromkeys([given] if given else others)))
    reasons = [f"the secret in {path!r} is not recorded" for path in paths if MASK in path]
    for path in (each for each in paths if MASK not in each):
        try:
            found = hashlib.sha256(read_bytes(path)).hexdigest()
        except DataError as error:
            reasons.append(str(error).partition(";")[0])
            continue
        if found == expected:
            return path if "://" in path else str(Path(path).expanduser().absolute())
        reasons.append(f"the sha256 of {redact(path)!r} is {found}")
    raise DataError(
        f"the recorded table, of sha256 {expected}, is not there: {'; '.join(reasons)}; set {key}=FILE to where it is"
    )


def _run(sections: dict[str, Any], place: Path | None, folder: Path) -> RunRecord:
    """Run the experiment of resolved `sections` in a process of its own, and return its record."""
    options, out = folder / "options", folder / "run"
    overrides = [f"{group}=recorded" for group in _write_options(sections, options)]
    words = ["bikeml", "--config-dir", str(options), *overrides]
    words += ["tracking=none", override("hydra.run.dir", str(out))]
    # The worktree is the working folder and so comes first. This path adds the user's own estimators.
    here = os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])])
    log = folder / "log"
    with log.open("wb") as output, child(words, {"PYTHONPATH": here}, output, place) as process:
        status = process.wait()
    if status != 0:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LOG_LINES:]
        raise ReproduceError(f"the experiment fails here, with status {status}:\n{redact(chr(10).join(said))}")
    return RunFolder(out).require()


def _write_options(sections: dict[str, Any], folder: Path) -> list[str]:
    """Write an option "recorded" for each section, so that no default gets into it, and return the config groups."""
    sections = move_elsewhere(sections)
    left_out = {*GROUPS, *names_not_in_result()}
    rest = {name: section for name, section in sections.items() if name not in left_out}
    groups = [*(group for group in GROUPS if group in sections), "experiment"]  # an earlier commit may lack some
    for name in groups:
        (folder / name).mkdir(parents=True)
        text = yaml.safe_dump(escape(sections.get(name, rest)), sort_keys=False, allow_unicode=True)
        head = "# @package _global_\n" if name == "experiment" else ""
        (folder / name / "recorded.yaml").write_text(head + text, encoding="utf-8")
    return groups


def _compare(before: RunRecord, after: RunRecord) -> Iterator[Figure]:
    """Yield each recorded figure beside that of the present code, the ends of intervals if both are made alike."""
    now, ends = _figures(after), before.ends.keys() if _note_method(before, after) else ()
    yield from (Figure(name, value, now.get(name)) for name, value in _figures(before).items() if name not in ends)


def _note_method(before: RunRecord, after: RunRecord) -> list[str]:
    then, now = before.interval_method, after.interval_method
    return [] if then == now else [f"intervals are not compared: the run's are by {then}, and this code's by {now}"]


def _figures(record: RunRecord) -> dict[str, float | None]:
    scores = enumerate(record.cv.scores[record.rank], start=1)
    folds = {f"cv_{record.rank}_fold_{number}": value for number, value in scores}
    return {**record.metrics, **record.ends, **folds}
