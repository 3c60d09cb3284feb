"""Make the tables of a new local store. Each version of MLflow makes them once; then they are in the user's cache."""

import contextlib
import sqlite3
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.parse import quote

import alembic
import mlflow
import sqlalchemy
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from bikeml.config.fields import SQLITE
from bikeml.tracking.local.cache import keep, read_kept

ROOT = "file:///artifacts-of-a-store"
"""Where the artifacts of the tables that are kept would lie."""


def address(uri: str) -> str:
    """
    Return how MLflow is told the `uri` of a store, in which the path of a local file stands as it is.

    SQLAlchemy 2 decodes the path, and a ``?`` would end it. MLflow 3.15 makes a folder of what is before the last
    slash, as it is written; an encoded path has no slash.
    """
    path = uri.removeprefix(SQLITE)
    is_plain = path == uri or not set(path) & set("%?")
    return uri if is_plain else SQLITE + quote(path, safe="")


def has_tables(database: sqlite3.Connection) -> bool:
    """Return whether the database has any table."""
    return database.execute("SELECT 1 FROM sqlite_master").fetchone() is not None


def make_tables(database: sqlite3.Connection, root: str) -> None:
    """
    Make the tables of a store in an empty `database`, whose artifacts lie below the address `root`.

    They are made elsewhere, since a migration that is interrupted or made twice at once cannot be repaired, and come in
    one transaction, unless another process was faster.
    """
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.deserialize(get_tables())
        made.execute(
            "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?), creation_time = ?, "
            "last_update_time = ?",
            (ROOT, root, now, now),
        )
        made.commit()
        begin, *statements, commit = made.iterdump()
    database.execute(begin.replace("TRANSACTION", "IMMEDIATE"))
    if not has_tables(database):
        for statement in statements:
            database.execute(statement)
    database.execute(commit)


@cache
def get_tables() -> bytes:
    """Return the file of an empty store as this version of MLflow makes it, which takes seconds the first time."""
    versions = (mlflow.__version__, sqlalchemy.__version__, alembic.__version__)
    name = f"tables-{'-'.join(versions)}.db"
    kept = read_kept(name)
    if kept is None:
        kept = _make()
        keep(name, kept)
    return kept


def _make() -> bytes:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows cannot delete a file in use
        new = str(Path(folder) / "new.db")
        # MLflow 3.15 writes the place of its experiment Default into SQL as it is; an address has no quotes.
        SqlAlchemyStore(address(SQLITE + new), ROOT)
        with contextlib.closing(sqlite3.connect(new)) as made:
            return made.serialize()
