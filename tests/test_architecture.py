"""The plan of the house, held by tests: who may import whom, what stays lazy, what is documented."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import config_of
from tests.house import ROOMS, Arrow, find_arrows, find_modules, room_of

ROOT = Path(__file__).parent.parent
MODULES = find_modules()
ORDER = list(ROOMS)


def describe_faults(arrow):
    """Return why an import breaks the plan of the house; nothing where it does not."""
    here, there = arrow.rooms
    library = arrow.target.split(".")[0]
    if not arrow.is_ours:
        return "" if library in ROOMS[here] else f"{arrow.module} imports {library}, which is not one of {here}'s"
    if there not in ORDER:
        return f"{arrow.module} imports {arrow.target}, which stands in no room"
    upwards = ORDER.index(there) > ORDER.index(here)
    return f"{arrow.module} imports {arrow.target}: {there} stands above {here}" if upwards else ""


def test_a_module_imports_from_its_own_room_and_from_those_below():
    modules = [module for module in MODULES if room_of(module) in ORDER]
    assert len(modules) > 100
    arrows = [arrow for module in modules for arrow in find_arrows(module, MODULES[module])]
    assert [fault for arrow in arrows if (fault := describe_faults(arrow))] == []


@pytest.mark.parametrize(
    ("module", "target", "fault"),
    [
        (
            "config.schema",
            "bikeml.records.run",
            "config.schema imports bikeml.records.run: records stands above config",
        ),
        ("azure.jobs.pace", "bikeml.azure.workspace.client", "azure.jobs.pace imports bikeml.azure.workspace.client"),
        ("table.data", "bikeml.cli", "cli stands above table"),
        ("tasks.predict", "mlflow.entities", "tasks.predict imports mlflow, which is not one of tasks's"),
        ("tasks.predict", "bikeml.lookup", "tasks.predict imports bikeml.lookup, which stands in no room"),
    ],
)
def test_an_arrow_against_the_order_is_told(module, target, fault):
    assert fault in describe_faults(Arrow(module, target))


def test_rooms_and_modules_are_small():
    assert len(list((ROOT / "bikeml").glob("*.*"))) <= 6
    modules = [module for module, file in MODULES.items() if file.name != "__init__.py"]
    assert {room: n for room, n in Counter(map(room_of, modules)).items() if n > 10} == {}
    lengths = {module: len(file.read_text(encoding="utf-8").splitlines()) for module, file in MODULES.items()}
    assert {module: length for module, length in lengths.items() if length > 250} == {}


def test_the_command_line_starts_without_the_heavy_libraries():
    code = (
        "import sys, bikeml.cli; "
        "print(sorted({'azure', 'mlflow', 'sklearn', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fingerprint_needs_neither_hydra_nor_an_estimator():
    code = (
        "import json, sys; from bikeml.config.schema import typed; from bikeml.records.fingerprint import fingerprint, identify; "
        "fingerprint(identify(typed(json.loads(sys.argv[1])), 'a' * 64)); "
        "print(sorted({'hydra', 'omegaconf', 'sklearn', 'mlflow', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    config = config_of().model_dump_json()
    done = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_model_folder_is_written_without_mlflow():
    code = (
        "import sys, pandas; from pathlib import Path; from sklearn.dummy import DummyRegressor; "
        "from sklearn.pipeline import make_pipeline; from bikeml.experiment.trusted import lean_skops; from bikeml.experiment.model_folder import write_folder; "
        "X = pandas.DataFrame({'hum': [0.1, 0.2]}); "
        "write_folder(make_pipeline(DummyRegressor()).fit(X, [1, 2]), X, 'f' * 64, Path('model')); "
        "print(sorted({'mlflow', 'matplotlib', 'hydra', 'omegaconf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert Path("model/MLmodel").is_file()


def test_records_are_read_without_the_heavy_libraries():
    names = ", ".join(f"bikeml.{name}" for name in MODULES if name.split(".")[0] == "records")
    code = f"import sys, {names}; print(sorted({{'hydra', 'matplotlib', 'mlflow', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_that_a_result_passes_through_is_fingerprinted():
    from bikeml.records.fingerprint import RESULT_MODULES

    carries_or_shows = {
        "errors",
        "config",
        "config.composition",
        "records",
        "system",
        "system.redaction",
        "system.workers",
        "terminal",
        "table.datasets",
    }
    # what is said of a result changes none of it, nor what is said of a table that is refused
    carries_or_shows |= {"evaluation.hints", "table.faults"}
    carries_or_shows |= {"experiment.trusted"}  # what may be named changes no result of what is named
    # where a fit runs does not change it, nor what is written of it
    carries_or_shows |= {f"experiment.{name}" for name in ("summary", "model_file", "model_folder")}
    reached, waiting = set(), {"experiment.story"}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        found = {
            arrow.target.removeprefix("bikeml.") for arrow in find_arrows(module, MODULES[module]) if arrow.is_ours
        }
        waiting |= {name for name in found if not {name, room_of(name)} & carries_or_shows} - reached
    places = {module.replace(".", "/") for module in reached}
    assert [place for place in places if not place.startswith(RESULT_MODULES)] == []
    assert [name for name in RESULT_MODULES if not any(place.startswith(name) for place in places)] == []


def public_definitions():
    """Yield functions, classes, and the methods of classes that inherit no documentation."""
    for name, file in MODULES.items():
        nodes = ast.parse(file.read_text()).body
        classes = [node for node in nodes if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        nodes = nodes + [method for node in classes if not node.bases for method in node.body]
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                yield f"{name}.{node.name}", node


def test_a_public_name_is_documented():
    nodes = dict(public_definitions())
    assert len(nodes) > 500
    assert [name for name, node in nodes.items() if not ast.get_docstring(node)] == []


def test_a_function_has_40_lines_at_most():
    nodes = [(name, node) for name, file in MODULES.items() for node in ast.walk(ast.parse(file.read_text()))]
    functions = {f"{name}.{node.name}": node for name, node in nodes if isinstance(node, ast.FunctionDef)}
    assert [name for name, node in functions.items() if node.end_lineno - node.lineno >= 40] == []


def pins(name):
    return dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_both_locks_are_of_one_resolution():
    run, everything = pins("requirements.lock"), pins("requirements-all.lock")
    assert run
    assert run.items() <= everything.items()
    assert (everything["mlflow"], everything["pandas"]) == ("3.15.0", "2.3.3")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-all.lock", "tests/azureml/server.lock"])
def test_a_lock_has_hashes_and_no_addresses(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
    entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_names_every_direct_dependency():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in project["dependencies"]}
    assert names <= set(pins("requirements.lock"))
