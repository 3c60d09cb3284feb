"""
Make what a commit records once more: python tests/recorded/make.py COMMIT, in a clone that has the commit.

The experiments run with the packages of the Python that runs this, in processes of their own.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
LASSO = ("model=lasso", "preprocessing=standard", "hydra.run.dir=lasso")
RF = (
    *("model=rf", "model.estimator.max_depth=3", "search=grid", "search.child_runs=1", "hydra.run.dir=rf"),
    "model.grid={n_estimators: [2, 4], max_features: [0.5, 1.0]}",
)
SWEEP = (
    *("-m", "model=tree", "model.estimator.max_depth=3", "hydra.sweep.dir=sweep"),
    "model.estimator.monotonic_cst=null,[0,0]",  # the second does not fit the table
)
LEFT_OUT = (".png", ".html", ".db")
"""Pictures and pages, which nothing reads back, and the store, which is dumped as text."""


def main(commit: str) -> None:
    with TemporaryDirectory() as temporary:
        checkout, work = Path(temporary) / "checkout", Path(temporary) / "work"
        work.mkdir()
        check_out(commit, checkout)
        record(checkout, work)
        replaced = {str(work): "/recorded", str(checkout): "/checkout", sys.prefix: "/venv", sys.base_prefix: "/python"}
        shutil.rmtree(HERE / commit, ignore_errors=True)
        for name, content in read(work):
            file = HERE / commit / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if name.suffix == ".skops" else neutral(content, replaced))


def check_out(commit: str, folder: Path) -> None:
    """Clone this repository at `commit`."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(HERE.parent.parent), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)


def record(checkout: Path, work: Path) -> None:
    """Run the experiments: lasso without git, as an installed bikeml does, and the others with a change in the code."""
    git = checkout / ".git"
    git.rename(checkout.parent / "git")
    run(checkout, work, *LASSO)
    (checkout.parent / "git").rename(git)
    with (checkout / "conf" / "model" / "baseline.yaml").open("a", encoding="utf-8") as changed:
        changed.write("# a change that was never committed\n")
    run(checkout, work, *RF)
    run(checkout, work, *SWEEP, status=1)


def run(checkout: Path, work: Path, *words: str, status: int = 0) -> None:
    command = [sys.executable, "-m", "bikeml", *words, *FAST]
    done = subprocess.run(command, cwd=work, env={**os.environ, "PYTHONPATH": str(checkout)}, check=False)
    if done.returncode != status:
        raise SystemExit(f"{command} ended with {done.returncode}, not with {status}")


def read(work: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files that are kept, by name, with the store's dump."""
    with closing(sqlite3.connect(work / "mlflow.db")) as store:
        yield Path("mlflow.sql"), "\n".join(store.iterdump()).encode() + b"\n"
    for file in sorted(work.rglob("*")):
        if file.is_file() and file.suffix not in LEFT_OUT:
            yield file.relative_to(work), file.read_bytes()


def neutral(content: bytes, replaced: dict[str, str]) -> bytes:
    """Take out what tells of this machine: paths, its name, and its kernel."""
    text = content.decode()
    for path, name in replaced.items():
        text = text.replace(path, name)
    text = re.sub(r'"host": "[^"]*"', '"host": "elsewhere"', text)
    return re.sub(r'"platform": "[^"]*"', '"platform": "Linux-x86_64-with-glibc2.36"', text).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
