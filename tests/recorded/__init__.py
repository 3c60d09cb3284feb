"""What earlier commits of bikeml wrote, to show that it is read today; README.md says what is there."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

PLACE = "file:///recorded"
"""Where the stores in this folder say that they lie."""
DUMP, STORE = "mlflow.sql", "mlflow.db"


def restore(commit: str, folder: Path) -> None:
    """Lay what `commit` wrote into an existing `folder`, its store included, as if it had been recorded there."""
    shutil.copytree(Path(__file__).parent / commit, folder, dirs_exist_ok=True)
    dump = folder / DUMP
    with closing(sqlite3.connect(folder / STORE)) as store:
        store.executescript(dump.read_text(encoding="utf-8").replace(PLACE, folder.absolute().as_uri()))
    dump.unlink()
