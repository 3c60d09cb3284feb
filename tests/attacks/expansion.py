"""Let every reader of a file that is not ours have a few bytes that stand for very many: refused within seconds."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.attacks.bombs import COLUMNS, JSON, TABLES, YAML, Write
from tests.attacks.forked import Ending, call
from tests.attacks.session import Case, judge_ending

SECONDS = 3.0
"""Of the processor: a second is wanted, and others use the machine too."""
Read = Callable[[Path], object]


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Return every combination of a reader and a file of its kind; of a short form, without those of seconds."""
    import_all()
    kinds = (YAML_READERS, YAML), (JSON_READERS, JSON), (TABLE_READERS, TABLES), (COLUMN_READERS, COLUMNS)
    return [
        Case(name, reader, kind, partial(_run, name, write, read))
        for readers, bombs in kinds[: 2 if is_short else None]
        for reader, (name, read) in readers.items()
        for kind, write in bombs.items()
    ]


def import_all() -> None:
    """Import what the readers need, so that a forked child need not."""
    import openpyxl  # noqa: F401

    import bikeml.azure.endpoint.score
    import bikeml.azure.workspace.connection
    import bikeml.config.project
    import bikeml.experiment.model_folder
    import bikeml.records.run_folder
    import bikeml.records.sweep
    import bikeml.table.reading.table_file  # noqa: F401


def _run(name: str, write: Write, read: Read, rng: Random) -> tuple[str, Ending, str | None]:
    with TemporaryDirectory() as place:
        file = Path(place) / name
        content = write(rng)
        file.write_bytes(content)
        ending = call(lambda: _try(read, file), Path(place))
    slow = f"slow: {ending.seconds:.1f} s" if ending.seconds > SECONDS else None
    return f"{name} of {len(content):,} bytes", ending, judge_ending(ending) or slow


def _try(read: Read, file: Path) -> int:
    """Read as a command does: what is refused has status 1."""
    from bikeml.errors import BikemlError

    try:
        sys.stdout.write(f"{type(read(file)).__name__}\n")
    except BikemlError as error:
        sys.stderr.write(f"bikeml: {error}\n")
        return 1
    return 0


def _read_project(file: Path) -> object:
    from bikeml.config.project import read_project

    return read_project(file)


def _read_model(file: Path) -> object:
    from bikeml.experiment.model_file import read_description

    return read_description(file.parent)


def _read_config(file: Path) -> object:
    from bikeml.records.run_folder import parse_config

    return parse_config(file.read_bytes(), file.name)


def _read_example(file: Path) -> object:
    from bikeml.experiment.model_folder import read_example

    return read_example(file.parent)


def _read_result(file: Path) -> object:
    from bikeml.records.run_folder import RunFolder

    return RunFolder(file.parent).read()


def _read_request(file: Path) -> object:
    from bikeml.azure.endpoint.score import RequestError, _read_rows

    try:
        return _read_rows(file.read_text(encoding="utf-8", errors="replace"), ["a"])
    except RequestError:
        return None


def _read_answer(file: Path) -> object:
    from bikeml.azure.endpoint.endpoints import _said

    return _said(file.read_text(encoding="utf-8", errors="replace"), "reason")


def _read_workspace(file: Path) -> object:
    from bikeml.azure.workspace.connection import _read_json

    return _read_json(file)


def _read_table(file: Path) -> object:
    from bikeml.table.reading.table_file import read_table_file
    from tests.test_reading import data_of

    return read_table_file(data_of(file))


YAML_READERS: dict[str, tuple[str, Read]] = {
    "bikeml.yaml": ("bikeml.yaml", _read_project),
    "a model": ("MLmodel", _read_model),
    "a recorded config": ("config.yaml", _read_config),
}
JSON_READERS: dict[str, tuple[str, Read]] = {
    "an example": ("input_example.json", _read_example),
    "a result": ("result.json", _read_result),
    "a request": ("request.json", _read_request),
    "an endpoint's answer": ("answer.json", _read_answer),
    "a workspace": ("config.json", _read_workspace),
}
TABLE_READERS: dict[str, tuple[str, Read]] = {"a table": ("table.csv", _read_table)}
COLUMN_READERS: dict[str, tuple[str, Read]] = {"a table": ("table", _read_table)}
