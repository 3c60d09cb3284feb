"""What a job's environment is made of, whatever the system that submits it."""

import re
from importlib import metadata

import packaging.markers
import pytest

from bikeml.azure.workspace.requirements import build_conda, pin
from bikeml.errors import ClusterError

pytestmark = pytest.mark.skipif(
    not any(True for _ in metadata.distributions(name="azureml-mlflow")), reason="needs the azure extra"
)
WINDOWS = {
    "os_name": "nt",
    "sys_platform": "win32",
    "platform_system": "Windows",
    "platform_machine": "AMD64",
    "platform_version": "10.0.26100",
}
APPLE = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}


@pytest.fixture
def pretend(monkeypatch):
    """Let markers and installed distributions be those of another system."""

    def set_system(system, *missing):
        environment = {**packaging.markers.default_environment(), **system}
        distribution = metadata.distribution

        def find(name):
            if name.lower() in missing:
                raise metadata.PackageNotFoundError(name)
            return distribution(name)

        monkeypatch.setattr(packaging.markers, "default_environment", lambda: dict(environment))
        monkeypatch.setattr(metadata, "distribution", find)

    return set_system


@pytest.mark.parametrize(
    ("system", "missing"),
    [(WINDOWS, {"gunicorn", "uvloop"}), (APPLE, {"greenlet"})],
)
def test_another_system_submits_the_same_versions_and_lets_linux_choose_what_it_lacks(pretend, system, missing):
    here = pin([])
    pretend(system, *missing)
    there = pin([])
    assert [line for line in there if "==" in line] == [line for line in here if line.split("==")[0] not in missing]
    chosen = [line for line in there if "==" not in line]
    assert {re.split("[<>!~]", line)[0] for line in chosen} == missing & {line.split("==")[0] for line in here}
    assert not any(line.startswith(("waitress", "colorama", "pywin32", "uvloop==")) for line in there)


def test_on_windows_gunicorn_has_the_versions_that_mlflow_allows(pretend):
    (needed,) = [line for line in metadata.requires("mlflow") if line.startswith("gunicorn")]
    pretend(WINDOWS, "gunicorn")
    assert f"- {needed.partition(';')[0].strip()}\n" in build_conda([])


def test_what_this_system_should_have_and_has_not_is_named(pretend):
    pretend(WINDOWS, "skops")
    with pytest.raises(ClusterError, match=r"^skops is not installed here, and jobs need it; install everything with"):
        pin([])


def test_a_users_own_distribution_is_pinned_with_what_it_needs():
    assert {
        f"hypothesis=={metadata.version('hypothesis')}",
        f"sortedcontainers=={metadata.version('sortedcontainers')}",
    } <= {*pin(["hypothesis"])}
