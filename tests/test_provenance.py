import subprocess
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from bikeml.records import provenance
from bikeml.tasks import worktree


def test_the_packages_are_those_that_importlib_finds_sorted_by_name():
    packages = provenance.gather().environment.packages
    assert {name: version(name) for name in packages} == packages
    assert {"scikit-learn", "mlflow", "bikeml"} <= set(packages)
    assert list(packages) == sorted(packages, key=str.lower)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with files of every kind, as the checkout that this code runs from; its user has odd settings."""
    repository = tmp_path / "checkout"
    (repository / "bikeml").mkdir(parents=True)
    for name, content in FILES.items():
        (repository / "bikeml" / name).write_bytes(content)
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (
        ["init", "--quiet"],
        ["config", "diff.noprefix", "true"],
        ["config", "diff.suppressBlankEmpty", "true"],
        ["add", "-A"],
        ["commit", "--quiet", "-m", "all"],
    ):
        subprocess.run([*git, *words], check=True)
    for module in (provenance, worktree):
        monkeypatch.setattr(module, "__file__", str(repository / "bikeml" / "room" / "module.py"))
    provenance.describe_checkout.cache_clear()
    yield repository
    provenance.describe_checkout.cache_clear()


FILES = {
    "plain.py": b"a\nb\nc\n\n",
    "windows.py": b"a\r\nb\r\n",
    "latin.py": b"# caf\xe9\n",
    "table.bin": bytes(range(256)),
    "open.py": b"no newline at its end",
}


def test_uncommitted_changes_come_back_to_the_last_byte_whatever_the_files_and_gits_settings(checkout, tmp_path):
    for name, content in FILES.items():
        (checkout / "bikeml" / name).write_bytes(content.replace(b"a", b"A") + b"\xe8 changed")
    (checkout / "bikeml" / "plain.py").write_bytes(b"A\nb\nc\n\n")  # its diff ends with an empty line of context
    recorded = provenance.describe_checkout()
    kept = recorded["git_diff"].encode(errors="surrogateescape").decode(errors="surrogateescape")
    run = SimpleNamespace(run_id="r")
    with worktree.restore(run, SimpleNamespace(**recorded), kept, tmp_path / "back") as code:
        for name in FILES:
            assert (code.place / "bikeml" / name).read_bytes() == (checkout / "bikeml" / name).read_bytes()
    assert not Path(tmp_path / "back").exists()
