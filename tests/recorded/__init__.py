"""What earlier commits of bikeml wrote, to show that it is read today; README.md says what is there."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

PLACE = "file:///recorded"
"""Where the stores in this folder say that they lie."""
DUMP, STORE = "mlflow.sql", "mlflow.db"


def restore(commit: str, folder: Path, statements: str | None = None) -> None:
    """
    Lay what `commit` wrote into an existing `folder`, its store included, as if it had been recorded there.

    `statements` make the store, if it is not the one that the commit wrote; see :func:`dump`.
    """
    shutil.copytree(Path(__file__).parent / commit, folder, dirs_exist_ok=True)
    file = folder / DUMP
    statements = statements or file.read_text(encoding="utf-8")
    with closing(sqlite3.connect(folder / STORE)) as store:
        store.executescript(statements.replace(PLACE, folder.absolute().as_uri()))
    file.unlink()


def dump(folder: Path) -> str:
    """Return the statements that make the store of a folder in any other one."""
    with closing(sqlite3.connect(folder / STORE)) as store:
        return "\n".join(store.iterdump()).replace(folder.absolute().as_uri(), PLACE)
