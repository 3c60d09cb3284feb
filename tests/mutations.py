"""
Break bikeml in many places, one at a time, and count how often a test notices.

    python -m tests.mutations FOLDER [--commit COMMIT] [--count 40] [--seed 0]

It works on a clone of what is committed. FOLDER keeps which fast test reaches which line, and how long each takes; where
it is empty, the fast tests are run under coverage.py first (pip install coverage). Each break is a comparison turned, a
check dropped, a condition inverted or a number shifted. It runs the quickest tests that reach the line, up to the first
that fails. The places follow from the seed and from the code around them, so that two commits are broken alike.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import traceback
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import pytest

ROOT = Path(__file__).parents[1]
MOST_TESTS = 25
MOST_SECONDS = 60
"""Of the processor, by the tests that are tried on one break, the quickest one aside."""
INSTALLED = ("node_modules", ".node", ".server")
"""What tests.azureml.install puts into tests/azureml."""
IMPORTED = ("pandas", "scipy.stats", "sklearn.ensemble", "skops.io", "matplotlib.pyplot", "mlflow", "pydantic")
"""What takes seconds to import, once for all."""
OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "--timeout=60", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
TURNED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Break:
    """An expression or a statement of a module of bikeml, and what stands in its place when it is broken."""

    file: str
    line: int
    span: tuple[int, int]
    """Its first byte in the file, and the one after its last."""
    old: str
    new: str
    rank: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {' '.join(self.old.split())} -> {self.new}"

    def write(self, root: Path) -> None:
        content = (root / self.file).read_bytes()
        (root / self.file).write_bytes(content[: self.span[0]] + self.new.encode() + content[self.span[1] :])


def find_breaks(root: Path, seed: int, count: int) -> list[Break]:
    """Return so many breaks, of each room as many as of the others while it has some."""
    from tests.house import room_of

    rooms = defaultdict(list)
    for file in sorted((root / "bikeml").rglob("*.py")):
        name = file.relative_to(root / "bikeml").with_suffix("").as_posix().replace("/", ".")
        rooms[room_of(name)] += find_in_module(root, file, seed)
    turns = zip_longest(*(sorted(found, key=lambda each: each.rank) for _, found in sorted(rooms.items())))
    return [found for found in chain.from_iterable(turns) if found][:count]


def find_in_module(root: Path, file: Path, seed: int) -> Iterator[Break]:
    source, place = file.read_bytes(), file.relative_to(root).as_posix()
    starts = [0, *(at + 1 for at, byte in enumerate(source) if byte == 10)]
    seen: dict[str, int] = defaultdict(int)
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in walk_code(function.body):
            if (new := break_node(node)) is None:
                continue
            span = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            old = source[slice(*span)].decode()
            seen[key := f"{seed} {place} {function.name} {old}"] += 1
            rank = hashlib.sha256(f"{key} {seen[key]}".encode()).hexdigest()
            yield Break(place, node.lineno, span, old, new, rank)


def walk_code(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes below, without inner functions and f-strings, whose places Python 3.11 does not tell."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.JoinedStr | ast.FunctionDef | ast.ClassDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def break_node(node: ast.AST) -> str | None:
    """Return what breaks the program in place of the node, or None where nothing is known."""
    new = None
    match node:
        case ast.Compare(left, [operator], [right]):
            new = f"({ast.unparse(ast.Compare(left, [TURNED[type(operator)]()], [right]))})"
        case ast.BoolOp(operator, values):
            new = f"({ast.unparse(ast.BoolOp(TURNED[type(operator)](), values))})"
        case ast.UnaryOp(ast.Not(), operand):
            new = f"bool({ast.unparse(operand)})"
        case ast.Raise(exc=ast.Call()):
            new = "pass"
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            new = f"({value + 1})"
    return new


SETTINGS = """\
[run]
source = {root}/bikeml
data_file = {folder}/.coverage
parallel = true
context = ${{BIKEML_TEST-}}
disable_warnings = no-data-collected,module-not-measured,module-not-imported,dynamic-conflict
"""


def measure(root: Path, folder: Path, *which: str) -> None:
    """Run the tests of a checkout that pytest chooses by those words under coverage.py, their processes too."""
    with TemporaryDirectory() as site:
        (Path(site) / "sitecustomize.py").write_text("import coverage; coverage.process_startup()\n")
        (Path(site) / "settings").write_text(SETTINGS.format(root=root, folder=folder.resolve()))
        variables = {"COVERAGE_PROCESS_START": f"{site}/settings", "BIKEML_MEASURED": str(folder.resolve())}
        # The plugin is this file, also where the tests are those of a commit without it. It is copied: beside this
        # file stands a folder azureml, which would hide the package of that name.
        shutil.copy(__file__, site)
        path = {"PYTHONPATH": f"{root}{os.pathsep}{site}"}
        command = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "mutations", *which]
        status = subprocess.run(command, cwd=root, env=os.environ | variables | path, check=False).returncode
        if status > pytest.ExitCode.TESTS_FAILED:
            raise SystemExit(f"the tests could not be run: pytest ended with status {status}")
    subprocess.run([sys.executable, "-m", "coverage", "combine", "--quiet"], cwd=folder, check=True)


FAILED: set[str] = set()
"""Tests that fail although nothing is broken, a few under coverage.py: they would catch everything."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        FAILED.add(item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what reaches the lines from here on, in this process and in those that the test starts; and its time."""
    import coverage

    os.environ["BIKEML_TEST"] = item.nodeid
    if running := coverage.Coverage.current():
        running.switch_context(item.nodeid)
    before = os.times()
    done = yield
    seconds = sum(now - then for now, then in zip(os.times()[:4], before[:4], strict=True))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if item.nodeid in FAILED:
        return done
    with (Path(os.environ["BIKEML_MEASURED"]) / f"seconds-{worker}.jsonl").open("a") as file:
        file.write(json.dumps([item.nodeid, seconds]) + "\n")
    return done


def pytest_unconfigure() -> None:
    import coverage

    if running := coverage.Coverage.current():
        running.save()  # a worker of xdist ends without what Python does at an end


class Reached:
    """What was measured: the tests that reach a line, the quickest first."""

    def __init__(self, folder: Path) -> None:
        from coverage import CoverageData

        self.data = CoverageData(basename=str(folder / ".coverage"))
        self.data.read()
        lines = chain.from_iterable(file.read_text().splitlines() for file in folder.glob("seconds-*.jsonl"))
        self.seconds: dict[str, float] = dict(map(json.loads, lines))

    def tests(self, found: Break) -> list[str]:
        file = next((name for name in self.data.measured_files() if name.endswith(f"/{found.file}")), None)
        reach = self.data.contexts_by_lineno(file).get(found.line, []) if file else []
        quickest = sorted((test for test in reach if test in self.seconds), key=self.seconds.__getitem__)[:MOST_TESTS]
        spent = list(accumulate(self.seconds[test] for test in quickest))
        return quickest[: max(1, bisect(spent, MOST_SECONDS))]


def judge(root: Path, found: Break, tests: list[str]) -> str:
    """Run the tests on the broken checkout, mend it, and say what came of it."""
    if not tests:
        return "reached by no test"
    whole = (root / found.file).read_bytes()
    found.write(root)
    try:
        status, output = run_tests(root, tests)
    finally:
        (root / found.file).write_bytes(whole)
    if status not in (0, 1, 2):
        raise SystemExit(output)
    return "caught" if status else f"NOT caught by {len(tests)} tests"


def run_tests(root: Path, tests: list[str]) -> tuple[int, str]:
    """Return pytest's status and output; it runs in a fork, which has imported what takes long."""
    with TemporaryFile("w+") as output:
        if not (child := os.fork()):
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.chdir(root)
            os.environ |= {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
            sys.path.insert(0, str(root))
            sys.dont_write_bytecode = True
            for name in [name for name in sys.modules if name.split(".")[0] in ("bikeml", "tests")]:
                del sys.modules[name]
            status = 3
            try:
                status = int(pytest.main([*OPTIONS, *tests]))
            except BaseException:  # noqa: BLE001  whatever it is, it is shown, and this process ends here
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return (1 if status < 0 else status), output.read()


def clone(root: Path, commit: str) -> None:
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "checkout", "--quiet", commit], check=True)
    for name in INSTALLED:
        if (ROOT / "tests/azureml" / name).exists():
            (root / "tests/azureml" / name).symlink_to(ROOT / "tests/azureml" / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "bikeml"
        clone(root, arguments.commit)
        if not list(arguments.folder.iterdir()):
            measure(root, arguments.folder, "-m", "not slow and not long")
        reached, verdicts = Reached(arguments.folder), []
        for name in IMPORTED:
            importlib.import_module(name)
        for found in find_breaks(root, arguments.seed, arguments.count):
            verdicts.append(judge(root, found, reached.tests(found)))
            print(f"{verdicts[-1]}: {found}", flush=True)  # noqa: T201
    print(f"{verdicts.count('caught')} of {len(verdicts)} breaks are caught")  # noqa: T201


if __name__ == "__main__":
    main()
