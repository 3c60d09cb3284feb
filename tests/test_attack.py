"""The attacks of scripts/attack.py: a short form of each, and that they see what is wrong."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.attacks import forked, rows
from tests.attacks.forked import Ending, call, watch
from tests.attacks.kinds import list_kinds
from tests.attacks.mutations import mutate_file, names_for
from tests.attacks.session import Case, Tally, attack, judge_ending, run
from tests.attacks.values import TREE, find_places, mutate_tree
from tests.conftest import ROOT
from tests.recorded import STORE, restore

QUICK = {"models", "secrets"}
"""What opens a file of a stranger, and what leaves this machine; the others are for the long run."""

TREE_OF_ALL_TYPES = {"a": 1, "b": {"c": [0.5, "text", None]}, "d": True}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.long) for kind in list_kinds()]
)
def test_what_was_altered_is_refused_or_named(kind):
    command = [sys.executable, "scripts/attack.py", kind, "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(r"^12 cases, 0 bad$", done.stdout, re.MULTILINE), done.stdout + done.stderr


def ending(status=0, out="", err="", killed_by=None, seconds=0.1):
    return Ending(status, killed_by, seconds, out, err)


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"status": 0}, None),
        ({"status": 2, "err": "bikeml: a message\n"}, None),
        (
            {"status": 1, "err": "Traceback (most recent call last):\n  ...\nKeyError: 'a'\n"},
            "traceback: KeyError: 'a' at ?",
        ),
        ({"status": 1}, "silence: status 1 without a word"),
        ({"status": 7, "err": "bikeml: a message\n"}, "status 7"),
        ({"status": None, "killed_by": 11}, "crash: signal 11"),
        ({"status": None, "killed_by": 24, "seconds": 10.2}, "hang: 10 s of the processor"),
        ({"status": 2, "err": "x" * 60_000}, "flood: 60,000 characters"),
    ],
)
def test_an_ending_is_judged(how, complaint):
    assert judge_ending(ending(**how)) == complaint


def print_and_fail():
    sys.stdout.write("shown\n")
    raise KeyError("a")


def test_a_call_in_a_child_ends_as_a_process_would(tmp_path):
    failed = call(print_and_fail, tmp_path)
    assert (failed.status, failed.out) == (1, "shown\n")
    assert judge_ending(failed) == "traceback: KeyError: 'a' at ?"
    assert call(lambda: sys.exit("a message"), tmp_path).err == "a message\n"
    assert call(lambda: os.kill(os.getpid(), 9), tmp_path).killed_by == 9
    assert call(lambda: sys.stdout.write(f"{Path.cwd()}") and None, tmp_path).out == f"{tmp_path}"


def test_a_call_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(forked, "WALL_SECONDS", 0.2)
    assert call(lambda: time.sleep(60), tmp_path).killed_by is not None


def test_what_a_call_reads_is_seen_but_not_what_it_has_written_itself(tmp_path):
    for name in ("there", "old", "fetched", "copied"):
        (tmp_path / name).write_text("1")

    def look():
        Path("there").read_text()
        Path("old").unlink()
        Path("new").write_text("2")
        Path("new").read_text()
        for name in ("fetched", "copied"):
            shutil.copy(name, f"{name} here")
        Path("fetched here").rename("moved")
        Path("moved").read_text()
        with contextlib.suppress(FileNotFoundError):
            Path("missing").read_text()

    _, opened = watch(look, tmp_path)
    assert [path.name for path in opened.read] == ["fetched", "missing", "there"]
    assert {path.name for path in opened.replaced} >= {"old", "copied"}
    assert "there" not in {path.name for path in opened.replaced}


@pytest.mark.parametrize("name", TREE)
def test_every_mutation_of_a_tree_changes_it_and_can_be_repeated(name):
    untouched = json.dumps(TREE_OF_ALL_TYPES, indent=2)
    for seed in range(5):
        text, done = mutate_tree(json.loads(untouched), name, Random(seed))
        assert text != untouched
        assert (text, done) == mutate_tree(json.loads(untouched), name, Random(seed))


def test_every_key_of_a_tree_is_reached():
    assert [place.path for place in find_places(TREE_OF_ALL_TYPES)] == [
        "a",
        "b",
        "b.c",
        "b.c[0]",
        "b.c[1]",
        "b.c[2]",
        "d",
    ]


@pytest.mark.parametrize("suffix", ["result.json", "MLmodel", "predictions.csv", "model.skops"])
def test_every_mutation_of_a_file_changes_it(tmp_path, suffix):
    content = {
        "result.json": '{"a": [1]}',
        "MLmodel": "a: [1]\n",
        "predictions.csv": "a,b\n1,2\n",
        "model.skops": "PK 1",
    }
    file, twin = tmp_path / "run" / suffix, tmp_path / "other" / suffix
    twin.parent.mkdir()
    twin.write_text("{}")
    for name in names_for(file, [twin]):
        file.parent.mkdir(exist_ok=True)
        file.write_text(content[suffix])
        mutate_file(file, name, Random(1), [twin])
        assert not file.is_file() or file.read_bytes() != content[suffix].encode(), name
        twin.write_text("{}")
        _clear(file)


def _clear(file):
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)


@pytest.mark.parametrize("table", rows.TABLES)
@pytest.mark.parametrize("name", rows.NAMES)
def test_every_mutation_of_a_stores_rows_changes_them(tmp_path, table, name):
    restore("3345f79", tmp_path)
    before = (tmp_path / STORE).read_bytes()
    rows.mutate_rows(tmp_path / STORE, table, name, Random(3))
    assert (tmp_path / STORE).read_bytes() != before


def test_a_case_is_the_same_alone_as_among_others():
    def act(rng):
        return str(rng.random()), ending(), None

    cases = [Case(str(number), "command", "mutation", act) for number in range(5)]
    together = list(run(cases, 7, range(12)))
    (alone,) = run(cases, 7, [11])
    assert alone == together[11]
    assert len({found.done for found in together}) == 12


def test_a_bad_case_is_printed_and_the_progress_told_on_stderr(capsys):
    cases = [Case("result.json", "report", "missing", lambda _: ("a is missing", ending(), "silence"))]
    attack(cases, 0, 201)
    shown = capsys.readouterr()
    assert shown.out.splitlines()[200] == "--case 200: report, missing, a is missing: silence"
    assert re.sub(r"\d+ s", "0 s", shown.err) == "100 of 201 cases, 100 bad, 0 s\n200 of 201 cases, 200 bad, 0 s\n"


def test_a_tally_counts_the_bad_cases_of_each_command_and_file():
    tally = Tally()
    case = Case("result.json", "report", "missing", lambda _: ("", ending(), None))
    for complaint in (None, "traceback: KeyError", "hang: 10 s"):
        tally.add(next(run([Case(case.target, case.command, "m", lambda _, it=complaint: ("", ending(), it))], 0, [0])))
    assert [re.sub(" +", " ", line) for line in tally.describe()] == [
        "report result.json 3 1 hang, 1 traceback",
        "3 cases, 2 bad: 1 hang, 1 traceback",
    ]
