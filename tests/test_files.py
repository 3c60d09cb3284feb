"""Files that are written whole, also where a file system refuses to rename."""

import errno
import os
from pathlib import Path

import pytest

import bikeml
from bikeml.experiment.model_file import load_pipeline
from bikeml.system.files import REFUSALS, move, write_bytes, write_text


@pytest.fixture
def refusing(monkeypatch):
    """Let every rename be refused with one error, as a mounted store does."""

    def set_error(number):
        def refuse(source, target):
            raise OSError(number, os.strerror(number), source, None, target)

        monkeypatch.setattr(os, "replace", refuse)

    return set_error


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_is_written_aside_and_moved(workdir):
    write_text(workdir / "a", "one\n")
    write_bytes(workdir / "a", b"two\r\n")
    assert (workdir / "a").read_bytes() == b"two\r\n"
    assert names(workdir) == ["a"]


def test_a_link_that_another_user_has_planted_is_not_followed(workdir, monkeypatch):
    monkeypatch.setattr(os, "urandom", bytes)
    (workdir / "theirs").write_text("theirs")
    (workdir / f".unfinished-{'00' * 6}").symlink_to(workdir / "theirs")
    with pytest.raises(FileExistsError):
        write_text(workdir / "a", "ours")
    assert (workdir / "theirs").read_text() == "theirs"


def test_a_failed_write_keeps_what_was_there_and_leaves_nothing(workdir, refusing):
    write_text(workdir / "a", "whole")
    refusing(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        write_text(workdir / "a", "another")
    assert (workdir / "a").read_text() == "whole"
    assert names(workdir) == ["a"]


@pytest.mark.parametrize("number", sorted(REFUSALS), ids=errno.errorcode.get)
def test_where_a_rename_is_refused_files_and_folders_are_copied(workdir, refusing, number):
    refusing(number)
    write_text(workdir / "a", "older")
    write_text(workdir / "a", "text")
    (workdir / "folder" / "below").mkdir(parents=True)
    write_bytes(workdir / "folder" / "below" / "b", b"bytes")
    move(workdir / "folder", workdir / "moved")
    assert (workdir / "a").read_text() == "text"
    assert (workdir / "moved" / "below" / "b").read_bytes() == b"bytes"
    assert names(workdir) == ["a", "moved", "moved/below", "moved/below/b"]


def test_a_rename_that_was_done_and_called_an_error_is_no_error(workdir, monkeypatch):
    def rename_and_fail(source, target):
        Path(source).rename(target)
        raise OSError(errno.EIO, os.strerror(errno.EIO), source, None, target)

    monkeypatch.setattr(os, "replace", rename_and_fail)
    write_text(workdir / "a", "text")
    assert (workdir / "a").read_text() == "text"
    assert names(workdir) == ["a"]


def test_two_folders_are_never_mixed(workdir, refusing):
    refusing(errno.EXDEV)
    for name in ("one", "other"):
        (workdir / name).mkdir()
        write_text(workdir / name / name, name)
    with pytest.raises(FileExistsError):
        move(workdir / "one", workdir / "other")
    assert names(workdir) == ["one", "one/one", "other", "other/other"]


@pytest.mark.slow
def test_a_run_is_complete_in_a_folder_that_renames_nothing(workdir, refusing):
    refusing(errno.EPERM)
    bikeml.run("tracking=none", "hydra.run.dir=out")
    load_pipeline(workdir / "out" / "model")
    assert {"result.json", "evaluate.png", "predictions.csv"} <= {*names(workdir / "out")}
    assert list((workdir / "out").glob(".*")) == []
