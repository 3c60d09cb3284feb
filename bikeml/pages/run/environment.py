"""Describe the environment of a run on a page."""

from bikeml.records.run import Environment

PACKAGES = ("bikeml", "scikit-learn", "numpy", "scipy", "pandas", "hydra-core", "mlflow", "matplotlib")


def describe_environment(environment: Environment | None) -> dict[str, str]:
    """Return python, the machine, the commit and the versions of the packages that count; empty if none are known."""
    if environment is None:
        return {}
    blas = [
        " ".join(str(each.get(key)) for key in ("internal_api", "version", "architecture")) for each in environment.blas
    ]
    facts = {"python": environment.python, "platform": environment.platform, "cpu": environment.cpu}
    facts["BLAS"] = ", ".join(dict.fromkeys(blas))
    commit = {"git commit": environment.git_commit} if environment.git_commit else {}
    return facts | commit | {name: environment.packages[name] for name in PACKAGES if name in environment.packages}
