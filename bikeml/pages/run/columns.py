"""Say what was decided of each column of a run's table, and how much it counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from bikeml.records.run import RunRecord

MANY_COLUMNS = 500
MANY_CHARACTERS = 120  # of a name; the page of a table of 800 columns with long names stays small


@dataclass(frozen=True)
class Column:
    """What the page shows of a column."""

    name: str
    role: str
    kind: str
    """Its type in the table, such as float64; "" if it is not read."""
    unit: str
    n_gaps: int
    importance: float | None
    error: float | None


def list_columns(record: RunRecord, units: Mapping[str, str]) -> list[Column]:
    """Return the columns of a run's table: the target, then the most important ones, and what is left out last."""
    importance = record.importance
    importances = dict(zip(importance.columns, importance.mean, strict=True)) if importance else {}
    spreads = (importance.error or importance.std) if importance else ()
    errors = dict(zip(importance.columns, spreads, strict=True)) if importance else {}
    dataset = record.dataset
    columns = [
        Column(
            name if len(name) <= MANY_CHARACTERS else f"{name[:MANY_CHARACTERS]}…",
            role,
            dataset.columns.get(name, ""),
            units.get(name, ""),
            dataset.gaps.get(name, 0),
            importances.get(name),
            errors.get(name),
        )
        for name, role in dataset.roles.items()
    ]
    return sorted(columns, key=_place)


def _place(column: Column) -> tuple[int, float]:
    return {"target": 0, "ignored": 2}.get(column.role, 1), -(
        column.importance if column.importance is not None else float("-inf")
    )
