"""What is done to the rows of a store's database that hold tags and params."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from tests.attacks.values import DEPTHS, LONG, Mutation

TABLES = ("tags", "params")
Value = str | bytes | float
Row = tuple[int, str, str, str]
"""Its number, key, value and run."""
SWAPPED = "swapped"
MISSING, EXTRA = "missing row", "extra row"

VALUES: dict[str, Callable[[Random], Value]] = {
    "empty value": lambda _: "",
    "other text": lambda rng: rng.choice(["text", "None", "-1", "true", "../..", "[]", "{}", "0" * 64, "'; --"]),
    "huge value": lambda rng: rng.choice(["x", "9", "ä\u2028", "\x1b[2J\n"]) * (LONG // 3),
    "deep value": lambda rng: "[" * rng.choice(DEPTHS),
    "no number": lambda rng: rng.choice(["NaN", "inf", "1e999"]),
    "not UTF-8": lambda rng: rng.choice([b"\xff\xfe", b"\x80abc", b""]),
    "another type": lambda rng: rng.choice([0.5, 1e308]),
}
"""What takes the place of a value; the database holds any type in any column."""
NAMES = (MISSING, EXTRA, SWAPPED, *VALUES)


def mutate_rows(store: Path, table: str, name: str, rng: Random) -> Mutation:
    """Do one of NAMES to a random row of a table, `tags` or `params`."""
    with closing(sqlite3.connect(store)) as database, database:
        select = f"SELECT rowid, key, value, run_uuid FROM {table} ORDER BY run_uuid, key"
        rows = database.execute(select).fetchall()
        row, key, value, run = rng.choice(rows)
        place = f"{key} of run {run[:7]}"
        if name == MISSING:
            database.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
            return Mutation(f"{place} is missing")
        if name == EXTRA:
            database.execute(f"INSERT INTO {table} (key, value, run_uuid) VALUES ('extra', ?, ?)", (value, run))
            return Mutation(f"an extra one of run {run[:7]}")
        if name == SWAPPED:
            return _swap(database, table, rng.choice([one for one in rows if _has_twin(one, rows)]), rows)
        after = VALUES[name](rng)
        _set(database, table, row, after)
        return Mutation(f"{place}: {str(value)[:40]!r} -> {str(after)[:40]!r}", is_plausible=isinstance(after, str))


def _has_twin(row: Row, rows: list[Row]) -> bool:
    return any(other[1] == row[1] and other[2] != row[2] for other in rows)


def _swap(database: sqlite3.Connection, table: str, row: Row, rows: list[Row]) -> Mutation:
    twin = next(other for other in rows if other[1] == row[1] and other[2] != row[2])
    _set(database, table, row[0], twin[2])
    _set(database, table, twin[0], row[2])
    return Mutation(f"{row[1]} of run {row[3][:7]} swapped with run {twin[3][:7]}")


def _set(database: sqlite3.Connection, table: str, row: int, value: Value) -> None:
    database.execute(f"UPDATE {table} SET value = ? WHERE rowid = ?", (value, row))
