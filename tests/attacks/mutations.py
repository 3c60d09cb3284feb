"""What is done to a file that is read back; a seed does the same again."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import yaml

from tests.attacks.values import TREE, Mutation, mutate_tree

TREE_SUFFIXES = (".json", ".yaml", "")  # MLmodel has no suffix
SWAPPED = "swapped"
IN_THE_WAY = ("folder", "loop", "missing")
"""What can be done to a file whose content is not read."""


def names_for(file: Path, twins: Sequence[Path]) -> list[str]:
    """Return the mutations that a file of this name can have; `twins` are files of its name in other folders."""
    names = [*BYTES, *([SWAPPED] if twins else [])]
    if file.suffix in TREE_SUFFIXES:
        return [*names, *TREE]
    return [*names, *TABLE] if file.suffix == ".csv" else names


def mutate_file(file: Path, name: str, rng: Random, twins: Sequence[Path]) -> Mutation:
    """Do one of :func:`names_for` to a file, which is first made after one of its twins where it is not there."""
    planted = "" if file.exists() else _plant(file, rng, twins)
    if name == SWAPPED:
        return _swap(file, rng.choice(twins))
    if name in BYTES:
        done = BYTES[name](file, rng)
    elif name in TREE:
        done = _mutate_in_tree(file, name, rng)
    else:
        done = _mutate_in_table(file, name, rng)
    return Mutation(planted + done.text, done.is_plausible)


def _plant(file: Path, rng: Random, twins: Sequence[Path]) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    if twins:
        shutil.copy(rng.choice(twins), file)
    else:
        file.write_text('{"a": 1}', encoding="utf-8")
    return "planted; "


def _swap(file: Path, twin: Path) -> Mutation:
    ours, theirs = file.read_bytes(), twin.read_bytes()
    file.write_bytes(theirs)
    twin.write_bytes(ours)
    return Mutation(f"swapped with {twin.parent}")


def _missing(file: Path, _: Random) -> Mutation:
    file.unlink()
    return Mutation("missing")


def _empty(file: Path, _: Random) -> Mutation:
    file.write_bytes(b"")
    return Mutation("empty")


def _truncated(file: Path, rng: Random) -> Mutation:
    content = file.read_bytes()
    kept = rng.randrange(max(1, len(content)))
    file.write_bytes(content[:kept])
    return Mutation(f"truncated to {kept} bytes")


def _not_utf8(file: Path, rng: Random) -> Mutation:
    content = file.read_bytes()
    place, bad = rng.randrange(len(content) + 1), rng.choice([b"\xff\xfe", b"\x80", b"\xc3(", b"\x00", b"\xed\xa0\x80"])
    file.write_bytes(content[:place] + bad + content[place:])
    return Mutation(f"{bad!r} at byte {place}")


def _folder(file: Path, _: Random) -> Mutation:
    file.unlink()
    file.mkdir()
    return Mutation("a folder")


def _loop(file: Path, _: Random) -> Mutation:
    file.unlink()
    file.symlink_to(file.name)
    return Mutation("a link to itself")


def _foreign(file: Path, rng: Random) -> Mutation:
    text = rng.choice(["[]", "null", "7", '"text"', "{}", "- a\n- b\n", "<html>", "a,b\n1,2\n", "\ufeff{}"])
    file.write_text(text, encoding="utf-8")
    return Mutation(f"all of it {text!r}")


BYTES: dict[str, Callable[[Path, Random], Mutation]] = {
    "missing": _missing,
    "empty": _empty,
    "truncated": _truncated,
    "not UTF-8": _not_utf8,
    "folder": _folder,
    "loop": _loop,
    "foreign": _foreign,
}
"""What is done to a file as a whole."""


def _mutate_in_tree(file: Path, name: str, rng: Random) -> Mutation:
    content = file.read_text(encoding="utf-8")
    text, done = mutate_tree(json.loads(content) if file.suffix == ".json" else yaml.safe_load(content), name, rng)
    if file.suffix != ".json":  # JSON is YAML, but for its words for no numbers
        text = text.replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")
    file.write_text(text, encoding="utf-8")
    return done


Rows = list[list[str]]


def _drop_column(rows: Rows, _: int, column: int) -> None:
    for each in rows:
        del each[column]


def _add_column(rows: Rows, _: int, column: int) -> None:
    for each in rows:
        each.insert(column, "extra")


def _put(text: str) -> Callable[[Rows, int, int], None]:
    def put(rows: Rows, row: int, column: int) -> None:
        rows[row][column] = text

    return put


def _lengthen(rows: Rows, row: int, _: int) -> None:
    rows.extend([rows[row]] * 100_000)


def _lose_cell(rows: Rows, row: int, column: int) -> None:
    del rows[row][column]


TABLE: dict[str, Callable[[Rows, int, int], None]] = {
    "missing column": _drop_column,
    "extra column": _add_column,
    "wrong cell": _put("text"),
    "empty cell": _put(""),
    "huge number in a cell": _put("1" + "0" * 400),
    "no number in a cell": _put("nan"),
    "huge cell": _put("x" * 3_000_000),
    "many rows": _lengthen,
    "missing cell": _lose_cell,
    "open quote": _put('"'),
}
"""What is done to a CSV file, at a random cell."""


def _mutate_in_table(file: Path, name: str, rng: Random) -> Mutation:
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
    row = rng.randrange(len(rows))
    column = rng.randrange(len(rows[row]))
    TABLE[name](rows, row, column)
    with file.open("w", encoding="utf-8", newline="") as written:
        writer = csv.writer(written)
        writer.writerows(rows)
    if name == "open quote":  # the writer would close it
        file.write_text(file.read_text(encoding="utf-8").replace('""""', '"'), encoding="utf-8")
    return Mutation(f"{name} at row {row}, column {column}", is_plausible=name == "huge number in a cell")
