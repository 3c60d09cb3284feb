"""Put control characters into every name and text, and look for them in what a command says and logs."""

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.attacks.commands import import_all
from tests.attacks.forked import Ending, call
from tests.attacks.secrets import FAST, PLACES
from tests.attacks.session import Case, judge_ending

FORGED = "FORGED"
MARKS = {
    "escape": "\x1b[31m",
    "title": "\x1b]0;x\x07",
    "link": "\x1b]8;;https://x.invalid\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "return": "\r",
    "line": "\n",
    "lines": "\r\n",
    "bell": "\x07",
    "backspace": "\x08\x08\x08",
    "delete": "\x7f",
    "tab and form feed": "\x0b\x0c",
    "shift": "\x0e\x0f",
    "C1": "\x9b31m",
    "next line": "\x85",
    "separators": "\u2028\u2029",
    "override": "\u202e",
    "embedding": "\u202a\u202b\u202c",
    "isolates": "\u2066\u2067\u2068\u2069",
    "marks": "\u200e\u200f\u061c",
    "units": "\x1c\x1d\x1e\x1f",
}
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""All of Unicode that acts on a terminal, but for line breaks and tabs, which our own texts have."""
TABLE = ["data=csv", "data.path=table.csv", "preprocessing=auto"]
Commands = list[list[str]]


def _set(key: str, *others: str) -> Callable[[str], Commands]:
    """Return what runs an experiment with a value of the config, and lists the runs."""

    def list_commands(text: str) -> Commands:
        from bikeml.config.overrides import override

        return [[*FAST, "hydra.run.dir=run", *others, override(key, text)], ["runs"]]

    return list_commands


def _show(key: str) -> Callable[[str], Commands]:
    """Return what only shows the config, or an error."""

    def list_commands(text: str) -> Commands:
        from bikeml.config.overrides import override

        shown = [["--cfg", "job", override(key, text)]] if "\n" not in text else []  # YAML has its own quotes
        return [*shown, [override(key, text)]]

    return list_commands


def _words(*words: str) -> Callable[[str], Commands]:
    """Return a command in whose words {} stands for the text, as it is."""
    return lambda text: [[word.replace("{}", text) for word in words]]


def _table(*commands: list[str]) -> Callable[[str], Commands]:
    return lambda text: [[word.replace("{}", text) for word in command] for command in commands]


RUN = [*FAST, *TABLE, "data.target=y", "hydra.run.dir=run"]
TARGETS: dict[str, Callable[[str], Commands]] = {
    "name of a run": _set("tracking.run_name"),
    "name of an experiment": _set("tracking.experiment_name"),
    "tag": _set("+tracking.tags.a"),
    "description": _set("tracking.description"),
    "value of one's own": _set("+vars.a"),
    "folder": _set("hydra.run.dir"),
    "columns and categories": _table(RUN, ["explore", *TABLE, "data.target=y"], ["runs"]),
    "target": _show("data.target"),
    "path": _show("data.path"),
    "option": _show("model"),
    "key": _words("{}=1"),
    "group": _words("a/{}=b"),
    "word": _words("{}"),
    "unknown option": _words("--{}"),
    "task's word": _words("predict", "{}"),
    "run that is not there": _words("predict", "run=a{}"),
    "folder that is not there": _words("report", "{}"),
    "config folder": _words("--config-dir", "a{}"),
    "store": _show("tracking.uri"),
    "metric": _show("evaluation.rank"),
}
SLOW = ("name of a run", "name of an experiment", "tag", "description", "value of one's own", "folder")
SLOW += ("columns and categories",)


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Return every combination of a kind of character with a place in which it stands."""
    import_all()
    targets = [target for target in TARGETS if not (is_short and target in SLOW)]
    cases = [Case(target, "command", mark, partial(_attack, target, mark)) for target in targets for mark in MARKS]
    shown = [place for place in PLACES if place not in ("page", "record", "store")]
    return [
        *cases,
        *(Case(place, "place", mark, partial(_attack_place, place, mark)) for place in shown for mark in MARKS),
    ]


def _attack(target: str, mark: str, random: Random) -> tuple[str, Ending, str | None]:
    text = draw_text(MARKS[mark], random)
    commands = TARGETS[target](text)

    def act() -> int:
        from bikeml.cli import start

        _write_table(Path("table.csv"), text)
        return max(start(command) for command in commands)

    return _judge(text, act)


def _attack_place(place: str, mark: str, random: Random) -> tuple[str, Ending, str | None]:
    text = draw_text(MARKS[mark], random).replace("\n", " ")  # the texts of these places have lines
    return _judge(text, lambda: PLACES[place](text) or 0)


def draw_text(mark: str, random: Random) -> str:
    """Return a name with a mark at its beginning, its end, or within, and a line that is not ours behind it."""
    name, place = "name", random.randrange(5)
    return f"{name[:place]}{mark}{FORGED}{name[place:]}"


def _write_table(path: Path, text: str) -> None:
    """Write a table with the text in the name of a column and in a category."""
    rows = [[f"{number % 7}", text if number % 2 else "b", str(number % 5)] for number in range(40)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["a", f"c{text}", "y"], *rows])


def _judge(text: str, act: Callable[[], int]) -> tuple[str, Ending, str | None]:
    with TemporaryDirectory() as folder:
        ending = call(act, Path(folder))
        logs = [file.read_text(encoding="utf-8", errors="replace") for file in Path(folder).rglob("*.log")]
    found = [complaint for said in (ending.out, ending.err, *logs) for complaint in _find(said)]
    asked = "ValueError: wrong" in ending.err  # a traceback is what this place shows
    judged = None if asked else judge_ending(ending)
    return repr(text), ending, found[0] if found else judged


def _find(said: str) -> Iterator[str]:
    acting = ACTING.search(said)
    if acting:
        yield f"character: {acting[0]!r} in {said[max(0, acting.start() - 60) : acting.end()]!r}"
    if re.search(rf"^\s*{FORGED}", said, re.MULTILINE):
        yield f"line: {said[max(0, said.find(FORGED) - 60) : said.find(FORGED) + 10]!r}"
