"""A store in a file of SQLite that is read-only, locked, damaged or gone: the cause, and what to do, in one line."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest
from mlflow.exceptions import MlflowException

from bikeml.destination import sqlite_faults
from bikeml.errors import TrackingError
from bikeml.tracking import store
from bikeml.tracking.local import cache, tables

HOLD = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
    "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(store, "LOCK_TIMEOUT_SECONDS", 0.1)


def connect(path):
    with store.store_errors(f"sqlite:///{path}"):
        return store.connect(f"sqlite:///{path}")


def fail(path):
    """Return what the store at a path refuses with."""
    with pytest.raises(TrackingError) as raised:
        connect(path)
    said = str(raised.value)
    assert said.startswith(f"cannot record the run in 'sqlite:///{path}': ")
    assert "\n" not in said
    return said.partition("': ")[2]


def test_a_store_is_made_once_and_leaves_no_lock(workdir, tmp_path_factory, monkeypatch):
    shared = tmp_path_factory.mktemp("shared")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    connect(workdir / "mlflow.db").create_experiment("one")
    assert connect(workdir / "mlflow.db").get_experiment_by_name("one") is not None
    assert [path.name for path in workdir.iterdir()] == ["mlflow.db"]
    assert [*shared.iterdir()] == []


@pytest.mark.slow
def test_a_new_store_has_the_tables_that_mlflow_makes(workdir):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{workdir}/theirs.db", workdir.as_uri())
    connect(workdir / "ours.db")

    def look(name):
        with contextlib.closing(sqlite3.connect(workdir / name)) as database:
            made = database.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
            # SQLAlchemy writes the constraints of a table in the order of a set, another one in each process.
            found = {(kind, name, tuple(sorted(map(clean, sql.splitlines())))) for kind, name, sql in made}
            version = database.execute("SELECT * FROM alembic_version").fetchall()
        return found, version

    def clean(line):
        return line.strip().strip(",")

    assert look("ours.db") == look("theirs.db")


def test_a_new_store_tells_its_own_place_and_time(workdir):
    connect(workdir / "mlflow.db")
    with contextlib.closing(sqlite3.connect(workdir / "mlflow.db")) as database:
        ((place, made, changed),) = database.execute(
            "SELECT artifact_location, creation_time, last_update_time FROM experiments"
        )
    assert place == f"{workdir.as_uri()}/mlartifacts/0"
    assert made == changed
    assert time.time() * 1000 - made < 60_000


@pytest.fixture
def kept(workdir, monkeypatch):
    """A cache of the user's with bytes in it; the file that holds them."""
    monkeypatch.setattr(cache, "_find_base", lambda: workdir / "cache")
    cache.keep("a", b"kept")
    assert cache.read_kept("a") == b"kept"
    return workdir / "cache" / "bikeml" / "a"


def test_a_cache_that_is_damaged_or_cut_off_is_not_read(kept):
    whole = kept.read_bytes()
    for content in (whole[:-1], whole[:5], b"", whole.replace(b"kept", b"kepT")):
        kept.write_bytes(content)
        assert cache.read_kept("a") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps it in the user's profile")
def test_a_cache_that_others_may_have_written_is_neither_read_nor_written(kept, workdir, monkeypatch):
    kept.chmod(0o622)
    assert cache.read_kept("a") is None
    kept.chmod(0o600)
    kept.parent.chmod(0o777)
    assert cache.read_kept("a") is None
    kept.parent.chmod(0o700)
    cache.keep("b", b"kept")
    kept.unlink()
    kept.symlink_to(kept.with_name("b"))
    assert cache.read_kept("a") is None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert cache.read_kept("b") is None
    cache.keep("c", b"kept")
    assert not kept.with_name("c").exists()


def test_without_a_place_for_a_cache_a_store_is_made_all_the_same(workdir, monkeypatch):
    monkeypatch.setattr(cache, "_find_base", lambda: workdir / "mlflow.db" / "nowhere")
    tables.get_tables.cache_clear()
    connect(workdir / "mlflow.db")
    assert [path.name for path in workdir.iterdir()] == ["mlflow.db"]


@pytest.mark.slow
def test_two_that_make_a_store_at_once_share_it(workdir):
    """Each makes its tables; the second to copy them finds those of the first, with what has been recorded since."""
    with contextlib.closing(sqlite3.connect(workdir / "mlflow.db", isolation_level=None)) as late:
        assert not tables.has_tables(late)
        connect(workdir / "mlflow.db").create_experiment("of the first")
        tables.make_tables(late, workdir.as_uri())
    assert connect(workdir / "mlflow.db").get_experiment_by_name("of the first") is not None


def test_a_locked_store_names_the_process_that_writes(workdir, impatient):
    connect(workdir / "mlflow.db")
    command = [sys.executable, "-c", HOLD, str(workdir / "mlflow.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        said = fail(workdir / "mlflow.db")
        other.stdin.close()
    assert said == f"process {other.pid} writes to it and has not ended; wait for it, or end it"


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_writer_that_has_not_ended_is_told_once_and_mlflow_prints_nothing(workdir, capfd):
    client, uri = connect(workdir / "mlflow.db"), f"sqlite:///{workdir}/mlflow.db"
    with contextlib.closing(sqlite3.connect(workdir / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = pytest.raises(TrackingError, match="another process writes to it and has not ended; wait for it")
        with refused, store.store_errors(uri):
            client.create_run("0")
    assert capfd.readouterr() == ("", "")


def test_what_is_no_database_is_told(workdir):
    (workdir / "mlflow.db").write_bytes(b"no database" * 500)
    assert fail(workdir / "mlflow.db") == "it is no database of SQLite; choose another tracking.uri"
    (workdir / "folder").mkdir()
    assert fail(workdir / "folder") == "it is a folder; name a file in it"
    assert fail(workdir / "gone" / "mlflow.db").startswith(f"there is no folder '{workdir}/gone'; make it")


def test_a_read_only_store_is_told(workdir):
    """As root, permissions do not bind, so SQLite is told by the address."""
    connect(workdir / "mlflow.db")
    address = f"file:{workdir}/mlflow.db?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True)) as database,
        pytest.raises(sqlite3.OperationalError) as raised,
    ):
        database.execute("DELETE FROM runs")
    cause, advice = sqlite_faults.explain(raised.value, f"sqlite:///{workdir}/mlflow.db")
    assert cause == "it is read-only"
    assert "writable" in advice


@pytest.mark.parametrize("size", [0, 8192])
def test_a_full_disk_is_told_and_leaves_no_half_of_a_store(workdir, full_disk, size):
    def make():
        full_disk(size)
        connect(workdir / "mlflow.db")

    with pytest.raises(TrackingError, match=r"no space left|reports an error|disk"):
        make()
    full_disk(10**8)
    connect(workdir / "mlflow.db").create_experiment("later")


def test_an_error_that_is_not_of_sqlite_keeps_its_words(workdir):
    assert sqlite_faults.explain(OSError("no route"), "sqlite:///a.db") is None
    assert sqlite_faults.explain(sqlite3.OperationalError("locked"), "http://host") is None


def test_whatever_mlflow_raises_at_an_answer_is_an_error_of_the_store():
    from mlflow.entities import RunInfo

    told = r"cannot record the run in 'http://here': .*; check tracking.uri"
    with pytest.raises(TrackingError, match=told), store.store_errors("http://here"):
        RunInfo.from_proto(None)  # an AttributeError, as of an answer of another form
    with pytest.raises(AttributeError), store.store_errors("http://here"):
        None.run  # noqa: B018  an error of ours


def test_an_error_of_a_store_is_told_with_few_of_its_words():
    with pytest.raises(TrackingError) as caught, store.store_errors("http://here"):
        raise MlflowException("x" * 100_000)
    assert len(str(caught.value)) < 2_000
