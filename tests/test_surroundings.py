"""Seven commands in one process where the machine is unkind: no file is missing, and each says why it fails in a line."""

import ctypes
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.attacks.surroundings import FAST
from tests.attacks.worlds import EARLIER
from tests.recorded import restore

resource = pytest.importorskip("resource", reason="limits of a process are a thing of Unix")
pytestmark = pytest.mark.long  # seven commands each time, in a process that imports everything

DRIVER = """
import json, sys
from bikeml.__main__ import main
ended, out = {}, sys.stdout
for name, words in json.loads(sys.argv[1]).items():
    sys.argv, sys.stdout = ["bikeml", *words], out
    print(f"== {name}", file=sys.stderr)
    try:
        main()
    except SystemExit as stop:
        ended[name] = stop.code
with open(3, "w") as file:
    json.dump(ended, file)
"""
COMMANDS = {
    "run": (*FAST, "model=linear", "tracking=none", "hydra.run.dir=out"),
    "sweep": ("-m", *FAST, "model=baseline,linear", "tracking=none", "hydra.sweep.dir=swept"),
    "predict": ("predict", "run=lasso", "output=p.csv"),
    "explore": ("explore", "data=csv", "data.path=t.csv", "data.target=y", "output=look"),
    "runs": ("runs",),
    "compare": ("compare", "lasso", "rf", "output=c.html"),
    "report": ("report", "lasso"),
}
MADE = ("out/result.json", "out/report.html", "swept/leaderboard.csv", "p.csv", "look/explore.html", "c.html")
DONE, FAILED = dict.fromkeys(COMMANDS, 0), dict.fromkeys(COMMANDS, 1)
DROP_CAPABILITY, DAC_OVERRIDE = 24, 1
"""Of Linux's prctl: root without that capability may write only where its permissions say so."""


@pytest.fixture
def world():
    """A working folder that any user may read, with a table, two runs and their store."""
    folder = Path(mkdtemp(prefix="world-"))
    folder.chmod(0o755)
    restore(EARLIER, folder)
    rows = "".join(f"{n % 7 / 10},{'ab'[n % 2]},{n % 7 + n / 100}\n" for n in range(40))
    (folder / "t.csv").write_text(f"größe,kind,y\n{rows}", encoding="utf-8")
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def run(world, *, limits=(), before="", redirection="", is_bound=False, **variables):
    """Run the commands; return the status of each, and what they said on the standard error."""

    def limit():
        for kind, most in limits:
            resource.setrlimit(kind, (most, most))
        if is_bound and os.getuid() == 0:
            ctypes.CDLL(None).prctl(DROP_CAPABILITY, DAC_OVERRIDE, 0, 0, 0)

    reading, writing = os.pipe()
    command = ["bash", "-c", f'{before} exec "$@" 3>&{writing} {redirection}', "bash", sys.executable, "-c", DRIVER]
    done = subprocess.run(
        [*command, json.dumps(COMMANDS)],
        cwd=world,
        env={name: value for name, value in {**os.environ, **variables}.items() if value is not None},
        capture_output=True,
        check=False,
        pass_fds=[writing],
        preexec_fn=limit,
    )
    os.close(writing)
    said = done.stderr.decode(errors="replace")
    with os.fdopen(reading) as told:
        return json.loads(told.read() or "{}"), said


def assert_whole(world):
    assert [name for name in MADE if not (world / name).is_file()] == []
    assert [str(path) for path in world.rglob(".unfinished-*")] == []
    assert (world / "lasso" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def told(said):
    """Return the messages of each command."""
    parts = dict(part.split("\n", 1) for part in said.split("== ")[1:])
    return {name: [line for line in text.splitlines() if line.startswith("bikeml: ")] for name, text in parts.items()}


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii", "COLUMNS": "20"},
        {"LC_ALL": "C", "HOME": None, "USER": None, "LOGNAME": None},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii and 20 columns", "the C locale and no home", "POSIX without UTF-8"],
)
def test_words_that_cannot_be_shown_as_they_are_cost_nothing(world, variables):
    ended, said = run(world, **variables)
    assert ended == DONE, said
    assert_whole(world)


def test_64_files_and_1500000_kilobytes_are_enough(world):
    limits = [(resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_AS, 1_500_000 * 1024)]
    ended, said = run(world, limits=limits)
    assert ended == DONE, said
    assert_whole(world)


def test_a_full_disk_for_the_words_costs_no_file(world):
    ended, said = run(world, redirection="> /dev/full")
    assert ended == {**FAILED, "predict": 0}, said  # which writes to a file
    assert_whole(world)
    assert told(said)["sweep"][-1].startswith("bikeml: the standard output cannot be written: No space left on device;")


def test_closed_streams_cost_no_file_and_no_status(world):
    ended, _ = run(world, redirection="<&- >&- 2>&-")
    assert ended == DONE
    assert_whole(world)


def test_files_that_may_not_grow_are_told(world):
    ended, said = run(world, limits=[(resource.RLIMIT_FSIZE, 12_000)])
    assert ended == {**FAILED, "predict": 1, "runs": 0, "compare": 1}, said
    assert "Traceback" not in said
    assert {name: len(lines) >= 1 for name, lines in told(said).items() if name != "runs"} == {
        name: True for name in COMMANDS if name != "runs"
    }
    assert [str(path) for path in world.rglob(".unfinished-*")] == []


@pytest.mark.skipif(sys.platform != "linux" and os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_told(world):
    for path in (world, *world.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o555 | 0o444)
    ended, said = run(world, is_bound=True)
    for path in (world, *world.rglob("*")):
        path.chmod(0o755)
    assert "Traceback" not in said
    assert ended == {**FAILED, "runs": 0}, said
    assert all(len(lines) == 1 for name, lines in told(said).items() if name != "runs"), said


def test_a_folder_that_is_gone_is_told(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    ended, said = run(gone, before="rmdir ../gone;")
    assert ended == FAILED, said
    assert all(lines[0].startswith("bikeml: the working folder is gone") for lines in told(said).values())
