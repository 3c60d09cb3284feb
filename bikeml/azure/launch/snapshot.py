"""Copy the code of this process into one folder, for jobs to run."""

import importlib.util
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from bikeml.azure.launch import packages as job_packages
from bikeml.azure.launch.left_out import list_files
from bikeml.config.composition import config_dir
from bikeml.errors import ClusterError
from bikeml.multirun.sources import ConfigFolder
from bikeml.records.fingerprint import PACKAGES, version
from bikeml.records.provenance import CHECKOUT, PROJECT_COMMIT, describe_checkout, find_project_commit

CONFIG_FOLDER = "config"
"""The name of the copy of the user's own folders of configs."""


def stage(folder: Path, packages: Iterable[str], configs: Sequence[ConfigFolder], pins: Sequence[str]) -> list[str]:
    """
    Copy into `folder` the code that jobs run: bikeml with its conf, `packages` by name, and the user's own configs.

    The files of all `configs` get into one folder, which a job names with --config-path. Of two with one name it has
    the one that Hydra takes here; a file that one of ours hides is left out.
    `pins` are the requirements that jobs install themselves, if any. An .amlignore of a folder is obeyed, or else its
    .gitignore. The origin of the code is written beside it, so that a job records the same as a run in the checkout.
    Return the files that were left out since they may hold secrets.
    """
    here = Path(__file__).parents[2]
    left_out = _copy(here, folder / "bikeml")
    known = {PROJECT_COMMIT: find_project_commit(), **describe_checkout()}
    origin = {**known, "versions": {name: version(name) for name in PACKAGES}}
    (folder / "bikeml" / CHECKOUT).write_text(json.dumps(origin), encoding="utf-8")
    if pins:
        job_packages.write(folder, pins)
    if not (folder / "bikeml" / "conf").is_dir():
        left_out += _copy(config_dir(), folder / "bikeml" / "conf")
    for config in reversed(configs):  # the first counts most
        left_out += _copy(config.path, folder / CONFIG_FOLDER, behind=config_dir() if config.is_behind_ours else None)
    for name in packages:
        source = _source(name)
        if source.is_dir():
            left_out += _copy(source, folder / name)
        else:
            shutil.copyfile(source, folder / source.name)
    return left_out


def _copy(source: Path, target: Path, behind: Path | None = None) -> list[str]:
    """
    Copy a folder without what stays here; return the secrets that do.

    A file that the folder `behind` which it stands has too is left out.
    """
    names, secrets = list_files(source)
    for name in names:
        if behind is None or not (behind / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
    return [str(source / name) for name in secrets]


def _source(name: str) -> Path:
    """Return the folder or the file of a package that can be imported here."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ClusterError(f"there is no package {name!r} here; a job could not import it either")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec.origin is None or not Path(spec.origin).is_file():
        raise ClusterError(f"package {name!r} has no source file; make it a distribution and install it")
    return Path(spec.origin)
