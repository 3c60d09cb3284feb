"""Restore the code of a run, its commit and its uncommitted changes, in a git worktree."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bikeml.errors import ReproduceError
from bikeml.records.run import Environment
from bikeml.system.processes import uninterrupted
from bikeml.system.redaction import redact

if TYPE_CHECKING:
    from bikeml.recorded.run import RecordedRun


@dataclass(frozen=True)
class Code:
    """Code that can be run."""

    place: Path | None
    """The folder to run it in; None stands for the code of this process."""
    text: str
    """A description for people."""
    notes: Sequence[str] = ()
    """What could not be restored."""


@contextmanager
def restore(run: "RecordedRun", environment: Environment, diff: str | None, place: Path) -> Iterator[Code]:
    """
    Restore the code of a run at `place` while the block runs.

    If the run came from no git checkout, use the code of this process. `environment` and `diff` are what the run
    recorded. Raises ReproduceError if the commit is missing here, the changes do not fit it, or git cannot be run.
    """
    commit, untracked = environment.git_commit, environment.git_untracked
    if commit is None:
        yield Code(None, "as it is here: the run was no git checkout's")
        return
    checkout = Path(__file__).resolve().parents[2]
    if _git(checkout, "cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        raise ReproduceError(
            f"the code of run {run.run_id}, commit {commit}, is not in {str(checkout)!r}; fetch it with git fetch, or "
            "start this from a clone that has it"
        )
    notes = [f"not restored: {', '.join(untracked)}, which git did not know"] if untracked else []
    with _worktree(checkout, commit, place):
        if diff is not None:
            _apply(place, diff, run.run_id)
        yield Code(place, f"commit {commit}{'' if diff is None else ' with the recorded changes'}", notes)


@contextmanager
def _worktree(checkout: Path, commit: str, place: Path) -> Iterator[None]:
    try:
        made = _git(checkout, "worktree", "add", "--detach", "--force", str(place), commit)
        if made.returncode != 0:
            raise ReproduceError(f"git makes no worktree of {commit} at {str(place)!r}: {_last(made.stderr)}")
        yield
    finally:
        with uninterrupted():
            _git(checkout, "worktree", "remove", "--force", "--force", str(place))


def _apply(place: Path, diff: str, run_id: str) -> None:
    done = _git(place, "apply", "--whitespace=nowarn", "-", text=diff)
    if done.returncode != 0:
        raise ReproduceError(
            f"the recorded changes of run {run_id} do not fit its commit: {_last(done.stderr)}; secrets that were "
            "taken out of them can be the cause"
        )


def _git(place: Path, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run git in a session of its own, so that Ctrl+C does not stop it halfway."""
    try:
        return subprocess.run(
            ["git", "-C", str(place), *words],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a diff has the bytes of its files
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        raise ReproduceError(f"git cannot be run: {error.strerror}; install it") from error


def _last(text: str) -> str:
    return redact(text.strip().splitlines()[-1]) if text.strip() else "it says nothing"
