"""Decide which files of a folder stay here: what may hold secrets, what no job needs, and what the folder ignores."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

SECRETS = GitIgnoreSpec.from_lines(
    (
        *(".env", ".env.*", "*.env", ".envrc", "pip.conf", ".vault-token", "*.ovpn", "*.publishsettings"),
        *("*.pem", "*.key", "*.pfx", "*.p12", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc", "*.gpg"),
        *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".ssh/", ".gnupg/"),
        *(".netrc", "_netrc", ".npmrc", ".pypirc", ".git-credentials", ".htpasswd", ".pgpass", ".my.cnf", ".s3cfg"),
        *(".boto", ".dockercfg", ".databrickscfg", "kaggle.json", "token.json"),
        *(".aws/", ".azure/", ".kube/", ".docker/", ".gcloud/", ".terraform/", ".azureml/"),
        *("credentials", "*credentials*.json", "service-account*.json", "service_account*.json", "client_secret*.json"),
        *(
            f"{name}.{ending}"
            for name in ("secret", "secrets")
            for ending in ("json", "toml", "yaml", "yml", "ini", "txt")
        ),
        *("*.secret", "*.secrets", "*.tfstate", "*.tfstate.*", "*.tfvars"),
    )
)
"""Files that hold keys, passwords or tokens, in small letters; a source file such as secrets.py is none of them."""
NEVER = GitIgnoreSpec.from_lines(
    (
        *("__pycache__/", "*.pyc", ".git/", ".venv/", "node_modules/"),
        # run folders, by the year that they begin with: bikeml itself has a package multirun
        *("**/outputs/[0-9]*/", "**/multirun/[0-9]*/", "mlruns/", "mlartifacts/", "*.db", "*.sqlite"),
    )
)
"""What no job needs to see: caches, run folders and stores."""
OBEYED = (".amlignore", ".gitignore")
"""The first that a folder has says what it ignores."""


def is_secret(name: str) -> bool:
    """Return whether a file, by its path below a folder, holds a secret; no ignore file can say that it does not."""
    return SECRETS.match_file(name.lower())


def list_files(folder: Path) -> tuple[list[str], list[str]]:
    """Return the paths below `folder` of the files to copy, and of those that are left out as secrets."""
    specs = dict(_read_ignored(folder))
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    wanted = [name for name in found if not NEVER.match_file(name) and not _is_ignored(name, specs)]
    secrets = {name for name in wanted if is_secret(name) or _links_to_secret(folder / name)}
    return [name for name in wanted if name not in secrets], [name for name in wanted if name in secrets]


def _links_to_secret(file: Path) -> bool:
    """Return whether a file is a link to one that holds a secret by its own name, such as ~/.ssh/id_rsa."""
    return file.is_symlink() and is_secret(file.resolve().relative_to(file.resolve().anchor).as_posix())


def _read_ignored(folder: Path) -> Iterator[tuple[PurePosixPath, GitIgnoreSpec]]:
    """Yield what `folder` and each folder below it ignores, by the path of that folder."""
    for place in [folder, *(each for each in folder.rglob("*") if each.is_dir())]:
        file = next((place / name for name in OBEYED if (place / name).is_file()), None)
        if file is not None:
            lines = file.read_text(encoding="utf-8").splitlines()
            yield PurePosixPath(place.relative_to(folder).as_posix()), GitIgnoreSpec.from_lines(lines)


def _is_ignored(name: str, specs: dict[PurePosixPath, GitIgnoreSpec]) -> bool:
    """Return whether the ignore files above a file leave it out; the nearest that names it counts."""
    path = PurePosixPath(name)
    for place in path.parents:  # the nearest first
        told = specs[place].check_file(path.relative_to(place).as_posix()).include if place in specs else None
        if told is not None:
            return told
    return False
