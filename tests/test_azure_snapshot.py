"""The code that a job gets: all of bikeml, and no run folder that lies beside it."""

from pathlib import Path

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
