"""Jobs in an environment that is there already: nothing is built, and what it lacks each job adds itself."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import bikeml
from bikeml.azure.launch import packages
from bikeml.errors import FingerprintError
from bikeml.records import provenance
from tests.azureml import LoopbackAzureML
from tests.test_azure_launcher import ALIKE, CLUSTER, Main, names, recorded, succeed, sweep, workspace

pytestmark = pytest.mark.slow
"""Each test sweeps on the loopback Azure ML; CI runs them."""

__all__ = ["recorded", "succeed", "sweep", "workspace"]

CURATED = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
NUMPY = metadata.version("numpy")


def write(folder: Path, *lines: str) -> Path:
    packages.write(folder, lines)
    return folder / packages.FILE


def forbid(*_: object, **__: object) -> None:
    raise AssertionError


def test_nothing_is_installed_where_nothing_is_missing(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", forbid)
    assert packages.install(write(workdir, f"numpy=={NUMPY}", "rich>=14")) == 0


def test_what_is_missing_or_of_another_version_is_installed_as_it_is_pinned(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there, asked = {"numpy": "1.26.4", "rich": "14"}, []

    def find(name: str) -> str:
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return there[name]

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        there.update({"numpy": NUMPY, "skops": "0.16"})
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(metadata, "version", find)
    monkeypatch.setattr(subprocess, "run", pip)
    assert packages.install(write(workdir, f"numpy=={NUMPY}", "rich==14", "skops==0.16")) == 0
    assert asked[:5] == [sys.executable, "-m", "pip", "install", "--no-deps"]
    assert [word for word in asked[5:] if not word.startswith("-")] == [f"numpy=={NUMPY}", "skops==0.16"]
    assert capsys.readouterr() == (f"installing 2 packages: numpy=={NUMPY} skops==0.16\n", "")


def test_a_version_that_pip_did_not_bring_is_named_with_what_pip_said(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess(
        [], 1, stderr="WARNING: x\nERROR: No matching distribution found for numpy==0\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert packages.install(write(workdir, "numpy==0", "rich>=14", "no-such-package==1")) == 1
    assert capsys.readouterr().err == (
        f"bikeml: pip did not install numpy==0 (there is {NUMPY}), no-such-package==1 (there is none); it said last: "
        "ERROR: No matching distribution found for numpy==0\n"
    )


def test_another_python_is_named_before_pip_is_asked(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", forbid)
    file = write(workdir, "numpy==0")
    file.write_text(file.read_text().replace("# Python 3.", "# Python 2."))
    assert packages.install(file) == 1
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (
        f"bikeml: the environment has Python {here}, and the sweep was submitted with Python 2."
        in capsys.readouterr().err
    )


def test_it_runs_where_nothing_of_bikemls_is_installed(workdir: Path) -> None:
    write(workdir, f"pip=={metadata.version('pip')}")
    code = "import sys; sys.modules['hydra'] = None; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('bikeml.azure.launch.packages', run_name='__main__')"
    command = [sys.executable, "-S", "-c", code, str(Path(bikeml.__file__).parent.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "installing 1 packages" in done.stdout  # -S leaves out what is installed


@pytest.mark.parametrize(
    "environment",
    [CURATED, "azureml:theirs:3", pytest.param(CURATED.replace("labels/latest", "versions/27"), marks=ALIKE)],
)
@pytest.mark.long
def test_an_environment_that_is_there_is_taken_and_none_is_made(
    sweep: Main, workspace: LoopbackAzureML, rest: object, tmp_path: Path, environment: str
) -> None:
    conda = json.dumps({"dependencies": [f"python={sys.version_info.major}.{sys.version_info.minor}"]})
    rest("PUT", "/environments/theirs/versions/3", "2023-04-01-preview", {"properties": {"condaFile": conda}})
    assert sweep("model=linear", f"azure.environment='{environment}'") == 0
    (job,) = workspace.jobs.by_name.values()
    assert workspace.log.find("environments.put") == []
    assert job.spec["environmentId"].endswith(
        environment.removeprefix("azureml:").replace("theirs:3", "theirs/versions/3")
    )
    fingerprint = job.spec["tags"]["bikeml.fingerprint"]
    begin = f"python -m bikeml.azure.launch.packages && BIKEML_FINGERPRINT={fingerprint} python -m bikeml "
    assert job.spec["command"].startswith(begin)
    uri = workspace.store.get(job.spec["codeId"]).properties["codeUri"]
    lines = (workspace.blobs.download(uri, tmp_path) / packages.FILE).read_text().splitlines()
    assert {f"numpy=={NUMPY}", f"azureml-mlflow=={metadata.version('azureml-mlflow')}"} <= {*lines}
    assert ("Preparing" in [status for _, status in job.history]) == (environment == "azureml:theirs:3")


@pytest.mark.long
def test_an_environment_that_is_not_there_is_refused_before_any_cell(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("model=linear,tree", f"azure.environment='{CURATED.replace('sklearn', 'sclearn')}'") == 1
    assert "environments/sclearn-1.5/labels/latest' does not exist" in capsys.readouterr().err
    assert names(workspace) == []


@pytest.mark.parametrize(
    "environment", ["azureml://registries/azureml/environments/x", "azureml:name", "azureml:a@latest"]
)
def test_the_address_of_an_environment_is_checked(
    bikeml_main: Main, capsys: pytest.CaptureFixture[str], environment: str
) -> None:
    assert bikeml_main("-m", *CLUSTER, "model=linear", f"azure.environment='{environment}'") == 2
    message = (
        f"azure.environment='{environment}' is not the address of an environment; write azureml://registries/REGISTRY/"
    )
    assert message in capsys.readouterr().err


def test_where_versions_differ_the_fingerprint_check_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"numpy": "1.26.4", "scipy": metadata.version("scipy")}
    monkeypatch.setattr(provenance, "describe_checkout", lambda: {"versions": asked})
    message = rf"BIKEML_FINGERPRINT=another was asked for: numpy is {NUMPY} here, not 1\.26\.4$"
    monkeypatch.setenv("BIKEML_FINGERPRINT", "another")
    with pytest.raises(FingerprintError, match=message):
        bikeml.run("tracking=none", "hydra.run.dir=out")


@pytest.mark.long
@pytest.mark.slow
def test_a_job_in_a_curated_environment_adds_what_it_lacks_and_ends_with_its_result(
    bikeml_main: Main, workspace: LoopbackAzureML
) -> None:
    from tests.azureml.lifecycle import Behaviour

    workspace.lifecycle.behave = lambda _job: Behaviour()
    words = ("-m", *CLUSTER, "hydra.sweep.dir=sweep", "model=linear", "evaluation.bootstrap_samples=100")
    assert bikeml_main(*words, f"azure.environment='{CURATED}'") == 0
    result = json.loads(Path("sweep/0/result.json").read_text())
    assert result["metrics"]["test_r2"] == pytest.approx(0.604, abs=1e-3)
