"""The code that a job gets: all of bikeml, and no run folder that lies beside it."""

from pathlib import Path

import pytest

from bikeml.azure.launch.left_out import list_files
from bikeml.azure.launch.snapshot import stage
from bikeml.multirun.sources import ConfigFolder
from tests.house import PACKAGE

YAML = "estimator:\n  _target_: sklearn.linear_model.Ridge\ngrid: {}\n"


def test_a_job_gets_every_module_of_bikeml(workdir: Path) -> None:
    stage(workdir / "code", (), (), ())
    modules = {file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py")}
    assert {file.relative_to(workdir / "code/bikeml") for file in workdir.glob("code/bikeml/**/*.py")} == modules


def test_run_folders_in_a_folder_of_options_stay_here(workdir: Path) -> None:
    for name in ("model/mine.yaml", "outputs/2026-11-26/10-00-00/config.yaml", "multirun/2026-11-26/10-00-00/0/x.yaml"):
        (workdir / "my_conf" / name).parent.mkdir(parents=True)
        (workdir / "my_conf" / name).write_text(YAML)
    stage(workdir / "code", (), [ConfigFolder(workdir / "my_conf", is_behind_ours=False)], ())
    copied = [file for file in (workdir / "code").rglob("*.yaml") if file.read_text() == YAML]
    assert [file.name for file in copied] == ["mine.yaml"]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("hush")


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".ENV", "prod.env", ".env.local", "KEY.PEM", "server.key", "keys/id_ed25519", ".git-credentials"),
        *(".npmrc", ".pypirc", ".aws/credentials", ".AWS/config", "credentials.json", "gcp-Credentials-1.json"),
        *("secrets.yaml", "Secret.JSON", "app.secrets", "terraform.tfstate", "x.tfstate.backup", "prod.tfvars"),
        *("service-account-prod.json", "client_secret_1.json", ".kube/config", ".docker/config.json", "vault.kdbx"),
    ],
)
def test_a_file_that_may_hold_a_secret_stays_here_whatever_is_written_of_it(workdir: Path, name: str) -> None:
    write(workdir, name, f"deep/er/{name}", "model/mine.yaml")
    (workdir / ".gitignore").write_text(f"!{name}\n!*\n")
    names, secrets = list_files(workdir)
    assert names == [".gitignore", "model/mine.yaml"]
    assert secrets == sorted([name, f"deep/er/{name}"])


def test_a_link_to_a_secret_stays_here_and_one_to_another_file_goes(workdir: Path) -> None:
    write(workdir, "home/.ssh/config", "home/notes.yaml", "project/model/mine.yaml")
    (workdir / "project/key.yaml").symlink_to(workdir / "home/.ssh/config")
    (workdir / "project/notes.yaml").symlink_to(workdir / "home/notes.yaml")
    assert list_files(workdir / "project") == (["model/mine.yaml", "notes.yaml"], ["key.yaml"])


def test_source_files_are_no_secrets(workdir: Path) -> None:
    write(
        workdir, *(expected := ["credentials.py", "env.py", "key.py", "keyring/token.py", "secrets.py", "tokens.json"])
    )
    assert list_files(workdir) == (expected, [])


def test_an_ignore_file_counts_in_its_folder_and_the_nearest_counts_most(workdir: Path) -> None:
    write(workdir, "a.txt", "a.csv", "sub/a.txt", "sub/a.csv", "sub/deep/a.csv", "other/a.csv", "sub/data/b.yaml")
    (workdir / ".gitignore").write_text("*.csv\n")
    (workdir / "sub" / ".gitignore").write_text("*.txt\ndata/\n!deep/a.csv\n")
    (workdir / "other" / ".amlignore").write_text("!a.csv\n")
    (workdir / "other" / ".gitignore").write_text("a.csv\n")
    names = [name for name in list_files(workdir)[0] if "ignore" not in name]
    assert names == ["a.txt", "other/a.csv", "sub/deep/a.csv"]


def test_what_is_left_out_is_named(workdir: Path) -> None:
    write(workdir / "my_conf", "model/mine.yaml", ".env")
    found = stage(workdir / "code", (), [ConfigFolder(workdir / "my_conf", is_behind_ours=False)], ())
    assert found == [str(workdir / "my_conf" / ".env")]
