"""What every store must do alike: find a run by each of its names, bring its files, and keep versions and aliases."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import mlflow
import pytest

import bikeml
from bikeml.api.result import Result
from bikeml.config.schema import Config
from bikeml.errors import ModelFileError, RunNotFoundError, TrackingError
from bikeml.records.params import unplace_model
from bikeml.records.run_folder import RunFolder
from bikeml.records.tags import MODEL, TABLE
from bikeml.tasks.models.register import register_run
from bikeml.tracking import store as connection
from bikeml.tracking.backends import Registration, Store, Version, open_store
from bikeml.tracking.lookup import find
from bikeml.tracking.sweeps import SweepStore
from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.fixtures import tolerate_client_warnings
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.azureml.workspace import TRACKING_URI
from tests.conftest import config_of

needs_azure = pytest.mark.skipif(
    not entry_points(group="mlflow.tracking_store", name="azureml"),
    reason="a store of Azure ML takes the azure extra, which is not installed here",
)

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
MODELS = ("linear", "tree")
NAMES = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
STUDIO = f"https://ml.azure.com/runs/R?wsid=/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}"


@dataclass(frozen=True)
class Place:
    """A store with two recorded runs: a linear model, and then a tree, which is worse."""

    config: Config
    store: Store
    folder: Path
    runs: dict[str, Result]
    look: str
    """Where a person looks at the run "R" of experiment 1."""
    override: str

    @property
    def run_ids(self):
        return {name: str(result.run_id) for name, result in self.runs.items()}

    def find(self, which):
        return find(self.config, which)

    def register(self, model, name, alias=None):
        return register_run(self.store, self.find(self.run_ids[model]), name, alias)


def record(folder, *overrides):
    made = [bikeml.run(*FAST, *overrides, f"model={name}", f"hydra.run.dir={folder}/{name}") for name in MODELS]
    return dict(zip(MODELS, made, strict=True))


def sqlite_place(folder):
    uri = f"sqlite:///{folder}/mlflow.db"
    config = config_of(f"tracking.uri={uri}")
    runs = record(folder, f"tracking.uri={uri}")
    override = f" tracking.uri={uri}"
    return Place(config, open_store(config), folder, runs, f"python -m bikeml ui run=R{override}", override)


def workspace_place(folder):
    overrides = ("tracking=azureml", *(f"azure.{key}={value}" for key, value in NAMES.items()))
    config = config_of(*overrides)
    return Place(config, open_store(config), folder, record(folder, *overrides), STUDIO, " tracking=azureml")


@pytest.fixture(scope="module")
def service():
    from bikeml.azure.workspace.login import shared_credential

    shared_credential.cache_clear()  # its tokens are of another service
    with LoopbackAzureML() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in {**running.variables(), "AZUREML_CURRENT_CLOUD": "AzureCloud"}.items():
            patch.setenv(name, value)
        yield running
        mlflow.set_tracking_uri(None)  # whose other half is an environment variable
        assert running.refused == []


WORKSPACE_MARKS = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("workspace", marks=WORKSPACE_MARKS)])
def shared(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        return sqlite_place(folder)
    tolerate_client_warnings()
    request.getfixturevalue("service")
    return workspace_place(folder)


@pytest.fixture
def place(shared):
    if shared.look == STUDIO:
        tolerate_client_warnings()
    return shared


def test_a_run_is_found_by_each_of_its_names(place):
    linear, tree = place.run_ids.values()
    for which, run_id in ((tree, tree), (tree[:9], tree), ("latest", tree), ("best", linear)):
        run = place.find(which)
        assert run.run_id == run_id
        assert run.metrics["test_r2"]
    recorded = json.loads((place.folder / "linear" / "result.json").read_text())
    run = place.find(linear)
    assert (run.name, run.fingerprint) == ("linear", recorded["fingerprint"])
    assert run.tags[TABLE] == recorded["dataset"]["sha256"]
    assert run.params["model"] == "linear"


def test_the_files_of_a_run_are_fetched_as_they_were_recorded(place, workdir):
    run = place.find(place.run_ids["tree"])
    model = run.fetch_model(workdir / "here")
    for file in (place.folder / "tree" / "model").iterdir():
        assert unplace_model((model / file.name).read_bytes()) == file.read_bytes()
    assert f"run_id: {run.run_id}" in (model / "MLmodel").read_text()
    assert RunFolder(run.fetch("result.json", workdir / "here").parent).require().fingerprint == run.fingerprint
    assert run.holds("config.yaml")
    assert not run.holds("nothing.txt")
    with pytest.raises(RunNotFoundError, match=r"\(tree\) has no 'nothing.txt'; it has \[.*'config.yaml'"):
        run.fetch("nothing.txt", workdir / "here")


def test_a_model_of_another_hash_is_refused(place, workdir):
    client, run_id = connection.connect(place.store.uri), place.run_ids["linear"]
    recorded = place.find(run_id).tags[MODEL]
    client.set_tag(run_id, MODEL, "0" * 64)
    try:
        with pytest.raises(ModelFileError, match=rf"has been changed .*: its sha256 is {recorded}, and was 0{{64}};"):
            place.find(run_id).fetch_model(workdir)
    finally:
        client.set_tag(run_id, MODEL, recorded)


def test_the_same_model_is_registered_once(place):
    assert place.register("tree", "once") == Registration("once", "1", None, None, is_new=True)
    assert place.register("tree", "once") == Registration("once", "1", None, None, is_new=False)
    assert place.register("linear", "once").version == "2"
    assert place.register("linear", "another").version == "1"
    assert {"once", "another"} <= {*place.store.models()}
    assert place.store.version("once", "2") == Version("once", "2", place.run_ids["linear"])


def test_an_alias_moves_and_a_run_is_found_by_it(place):
    linear, tree = place.run_ids.values()
    assert place.register("tree", "moving", "champion").previous is None
    assert place.find("champion").run_id == tree
    assert place.register("linear", "moving", "champion") == Registration("moving", "2", "champion", "1", is_new=True)
    assert place.register("linear", "moving", "champion").previous == "2"
    for which, run_id in (("champion", linear), ("moving@champion", linear), ("moving/1", tree), ("moving/2", linear)):
        assert place.find(which).run_id == run_id
    title = place.find("champion").title
    assert title.startswith(f"{linear} (linear")
    assert title.endswith("), moving@champion")


def test_every_alias_is_listed_with_its_version_and_run(place):
    place.register("linear", "listed", "a")
    place.register("linear", "listed", "b")
    place.register("tree", "listed", "c")
    found = {alias: version for version, alias in place.store.aliases() if version.name == "listed"}
    assert {alias: version.run_id for alias, version in found.items()} == {
        **dict.fromkeys("ab", place.run_ids["linear"]),
        "c": place.run_ids["tree"],
    }
    assert found["a"] == found["b"]


def test_an_alias_of_several_models_must_be_named_whole(place):
    for name in ("first", "second"):
        place.register("tree", name, "shared")
    with pytest.raises(RunNotFoundError, match=r"have the alias 'shared'; write one of first@shared, second@shared$"):
        place.find("shared")
    assert place.find("second@shared").run_id == place.run_ids["tree"]


def test_what_is_not_registered_is_named_with_what_is(place):
    place.register("tree", "known")
    latest = rf"the latest are {place.run_ids['tree']} \(tree\), {place.run_ids['linear']} \(linear\)$"
    for which, message in (
        ("known/7", r"no registered model 'known' has the version '7'; the registered models are: .*known"),
        ("known@nobody", r"no registered model 'known' has the alias 'nobody'; the registered models are: .*known"),
        (
            "unknown/1",
            r"no registered model 'unknown' has the version '1'; did you mean 'known'.; the registered models are: .*known",
        ),
        (
            "unknown@nobody",
            r"no registered model 'unknown' has the alias 'nobody'; did you mean 'known'.; the registered models are: .*known",
        ),
        ("nobody", rf"there is no run or alias 'nobody' in '.*'; name a finished run by its id, .*; {latest}"),
        ("0" * 32, rf"there is no run or alias '0+' in .*; {latest}"),
    ):
        with pytest.raises(RunNotFoundError, match=message):
            place.find(which)


def test_a_sweep_finds_the_run_of_a_cell(place):
    run = place.find("latest")
    sweeps = SweepStore(place.config)
    found = sweeps.find(run.fingerprint, failures=False)
    assert (found.run_id, found.error) == (run.run_id, None)
    assert sweeps.find("0" * 64, failures=True) is None


def test_a_store_says_what_it_is(place):
    assert place.store.look("1", "R") == place.look
    assert place.runs["tree"].look == re.sub(r"\bR\b", place.run_ids["tree"], place.look)
    assert place.store.override == place.override
    assert place.store.job_run_id is None
    inputs = connection.connect(place.store.uri).get_run(place.run_ids["tree"]).inputs
    assert bool(inputs.dataset_inputs) == place.store.takes_datasets


def test_a_page_of_a_server_has_an_address_and_the_default_store_needs_no_override():
    server = open_store(config_of("tracking=server", "tracking.uri='http://127.0.0.1:5000/'"))
    assert server.look("7", "abc") == "http://127.0.0.1:5000/#/experiments/7/runs/abc"
    assert server.override == " tracking.uri=http://127.0.0.1:5000/"
    assert open_store(config_of()).override == ""


@needs_azure
def test_a_job_knows_its_run_and_its_store_without_asking_the_workspace(monkeypatch):
    store = open_store(config_of("tracking=azureml"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_RUN_ID", "bikeml-0")
    assert store.job_run_id is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", TRACKING_URI)
    assert (store.job_run_id, store.uri) == ("bikeml-0", TRACKING_URI)
    assert open_store(config_of()).job_run_id is None


@needs_azure
def test_the_whole_address_of_a_workspace_is_a_workspace():
    store = open_store(config_of(f"tracking.uri='{TRACKING_URI}'"))
    assert (store.uri, store.can_order, store.override) == (TRACKING_URI, False, f" tracking.uri={TRACKING_URI}")
    assert store.look("1", "R") == STUDIO
    nowhere = open_store(config_of("tracking.uri='azureml://nowhere'"))
    assert nowhere.look("1", "R") == "https://ml.azure.com/runs/R"
    with pytest.raises(TrackingError, match=r"tracking.uri='azureml://nowhere' names no workspace; copy the one that"):
        nowhere.models()


@pytest.mark.long
@needs_azure
def test_a_backend_is_imported_when_it_is_used():
    code = """
import sys
from tests.conftest import config_of
from bikeml.tracking import backends, sweeps
from bikeml.tracking import record as recording
from bikeml.tracking import lookup as runs
assert not any(name.startswith("bikeml.azure") for name in sys.modules)
backends.open_store(config_of("tracking=azureml"))
assert "bikeml.azure.workspace.store" in sys.modules
print("azure.ai.ml" in sys.modules)
"""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert done.stdout == "False\n", done.stderr
