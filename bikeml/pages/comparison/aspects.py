"""What differs between runs apart from their figures: config, data, code and versions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bikeml.config.sections import names_not_in_result
from bikeml.pages.differences import find_differences
from bikeml.records.run import Environment, RunRecord
from bikeml.records.run_folder import DIFF

NONE = "–"
OF_TABLE = ("name", "path", "test_path", "target", "numeric", "categorical", "date", "text", "ignored", "group")
DIGITS = 12
"""Of a sha256 that is shown."""


@dataclass(frozen=True)
class Aspect:
    """A value that is not the same in all runs."""

    kind: str
    """config, data, code or versions."""
    key: str
    shown: Sequence[str]
    """One for each run."""


def find_aspects(runs: Sequence[tuple[RunRecord, Mapping[str, Any]]]) -> Iterator[Aspect]:
    """Yield what differs between runs, each a record and the sections of its config."""
    records = [record for record, _ in runs]
    yield from _find_in_configs([config for _, config in runs])
    yield from _tabulate("data", _describe_tables(records))
    yield from _tabulate("code", [_describe_code(record) for record in records])
    yield from _tabulate("versions", [_describe_versions(record.environment) for record in records])


def _find_in_configs(configs: Sequence[Mapping[str, Any]]) -> Iterator[Aspect]:
    first, *others = map(_without_table, configs)
    found = [{each.path: each for each in find_differences(first, other)} for other in others]
    left_out = names_not_in_result()
    for path in dict.fromkeys(path for each in found for path in each if path not in left_out):
        told = next(each[path] for each in found if path in each)
        yield Aspect("config", path, [told.best, *(each[path].here if path in each else told.best for each in found)])


def _without_table(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without what the record says of the table itself: where it lies, and the roles of its columns."""
    data = config.get("data")
    kept = {key: value for key, value in data.items() if key not in OF_TABLE} if isinstance(data, dict) else data
    return {**config, "data": kept}


def _tabulate(kind: str, found: Sequence[Mapping[str, str]]) -> Iterator[Aspect]:
    for key in dict.fromkeys(key for each in found for key in each):
        values = [each.get(key, NONE) for each in found]
        if len(set(values)) > 1:
            yield Aspect(kind, key, values)


def _describe_tables(records: Sequence[RunRecord]) -> list[dict[str, str]]:
    """Return what the tables are; where they lie, and their names, only if their content differs."""
    told = [_describe_data(record) for record in records]
    for sha256, places in (("sha256", ("table", "source")), ("test_sha256", ("test file",))):
        if len({getattr(record.dataset, sha256) for record in records}) == 1:
            told = [{key: value for key, value in each.items() if key not in places} for each in told]
    return told


def _describe_data(record: RunRecord) -> dict[str, str]:
    table = record.dataset
    roles = {f"column {name}": role for name, role in table.roles.items()}
    return {
        "table": table.name,
        "source": table.source,
        "sha256": table.sha256[:DIGITS],
        "target": str(table.target),
        "test file": table.test_source or NONE,
        "rows to train": f"{table.n_train:,}",
        "rows held out": f"{table.n_test:,}",
        "folds": f"{len(record.cv.n_fit)}, {record.cv.folds[:DIGITS]}",
        **roles,
    }


def _describe_code(record: RunRecord) -> dict[str, str]:
    identity, found = record.identity or {}, record.environment
    own, changes = identity.get("user_source"), record.files.get(DIFF)
    commits = (found.git_commit, found.project_commit) if found else (None, None)
    return {
        "commit": (commits[0] or NONE)[:DIGITS],
        "uncommitted changes": (changes or NONE)[:DIGITS],
        "the project's commit": (commits[1] or NONE)[:DIGITS],
        "code that can change a figure": str(identity.get("source", NONE))[:DIGITS],
        **({name: str(sha)[:DIGITS] for name, sha in own.items()} if isinstance(own, dict) else {}),
    }


def _describe_versions(environment: Environment | None) -> dict[str, str]:
    if environment is None:
        return {}
    blas = ", ".join(f"{each.get('internal_api')} {each.get('version')}" for each in environment.blas)
    place = {"python": environment.python, "platform": environment.platform, "cpu": environment.cpu, "BLAS": blas}
    return {**place, **environment.packages}
