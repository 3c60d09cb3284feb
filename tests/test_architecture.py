"""The plan of the house, held by tests: who may import whom, what stays lazy, what is documented."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import config_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bikeml"
MODULES = {
    file.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.name not in ("__init__.py", "__main__.py") or file.parent != PACKAGE
}
FOUNDATION = {
    "config",
    "endpoint_config",
    "fields",
    "sections",
    "composition",
    "errors",
    "redaction",
    "datasets",
    "mlflow_settings",
    "records",
}
SHELL = FOUNDATION | {"progress", "status", "task"}
"""What every further task is made with."""
MAY_IMPORT = {
    "errors": set(),
    "redaction": set(),
    "datasets": set(),
    "records": {"config", "errors", "files", "locks", "redaction", "sections"},
    "mlflow_settings": set(),
    "composition": {"errors"},
    "fields": set(),
    "validation": {"errors", "fields", "redaction"},
    "config": {"endpoint_config", "fields", "validation"},
    "endpoint_config": {"fields"},
    "problems": FOUNDATION,
    "data": FOUNDATION | {"problems"},
    "split": FOUNDATION | {"data"},
    "pipeline": FOUNDATION | {"problems"},
    "evaluate": FOUNDATION | {"split"},
    "plots": FOUNDATION,
    "model_file": FOUNDATION,
    "model_folder": FOUNDATION | {"files", "model_file", "signature"},
    "provenance": FOUNDATION,
    "result": FOUNDATION | {"experiment", "figures", "progress", "record"},
    "tracking": FOUNDATION | {"files", "model_file", "model_folder", "sections"},  # azure by its name only
    "files": set(),
    "search": set(),  # useful without the rest of bikeml
    "resume": FOUNDATION | {"files", "search"},
    "workers": FOUNDATION,
    "experiment": FOUNDATION
    | {"data", "evaluate", "fitting", "pipeline", "progress", "provenance", "split", "summary"},
    "leaderboard": FOUNDATION | {"files", "plots"},
    "svg": set(),
    "sweep_plots": {"svg"},
    "page": {"svg"},
    "entries": FOUNDATION | {"sections"},
    "panels": FOUNDATION | {"entries", "page", "sweep_plots"},
    "report": FOUNDATION | {"entries", "files", "leaderboard", "page", "panels", "sweep_plots"},
    "look": FOUNDATION | {"data", "problems", "split"},
    "look_plots": {"look", "plots", "svg"},
    "explore": SHELL | {"data", "files", "look", "look_plots", "page", "problems"},
    "planning": FOUNDATION | {"data", "pipeline", "tracking"},
    "processes": set(),
    "serve": SHELL | {"display", "model_folder", "processes", "tracking"},
    "registry": SHELL | {"display", "tracking"},
    "worktree": FOUNDATION | {"processes", "tracking"},
    "reproduce": SHELL | {"data", "display", "processes", "sections", "tracking", "worktree"},
    "progress": set(),
    "status": {"errors", "redaction"},
    "task": {"composition", "config", "fields", "processes", "status", "validation"},
    "lean_skops": set(),
    "rows": FOUNDATION | {"data", "problems"},
    "predict": SHELL | {"data", "files", "lean_skops", "model_file", "rows", "tracking"},
    "display": FOUNDATION | {"progress", "result"},
    "following": FOUNDATION | {"progress"},
    "cell": FOUNDATION | {"lean_skops", "provenance", "result", "status", "tracking"},
    "sweeping": FOUNDATION
    | {"display", "following", "leaderboard", "planning", "provenance", "report", "status", "tracking"},
    "sweeper": {"errors", "sweeping"},
    "azure": SHELL
    | {
        "data",
        "display",
        "files",
        "model_file",
        "model_folder",
        "pipeline",
        "planning",
        "provenance",
        "rows",
        "sweep",
        "tracking",
    },
    "cli": FOUNDATION
    | {
        "azure",
        "cell",
        "display",
        "files",
        "lean_skops",
        "progress",
        "provenance",
        "result",
        "status",
        "sweeper",
        "sweeping",
    },
    "locks": {"errors"},
    "sections": {"config", "fields"},
    "signature": set(),
    "fitting": FOUNDATION | {"data", "pipeline", "progress", "resume", "split", "workers"},
    "summary": FOUNDATION | {"data", "evaluate", "files", "fitting", "model_folder", "pipeline", "provenance", "split"},
    "figures": FOUNDATION | {"files", "plots"},
    "record": FOUNDATION | {"figures", "leaderboard", "progress", "sections", "status", "tracking", "validation"},
}
ONLY_HERE = {
    "mlflow": {"tracking"},
    "hydra": {"azure", "cell", "cli", "composition", "planning", "sweeper", "sweeping"},
    "omegaconf": {"azure", "cell", "cli", "composition", "planning", "sweeper", "sweeping"},
    "matplotlib": {"figures", "plots", "result", "svg", "sweep_plots", "look_plots", "page"},
    "jinja2": {"page"},
    "rich": {"display", "following", "progress"},
    "azure": {"azure"},
}


def imports(file):
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "bikeml":
            found |= {f"bikeml.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_the_plan_allows(name):
    room = name.split(".")[0]  # the modules of a package share a room
    ours = {target.split(".")[1] for target in imports(MODULES[name]) if target.startswith("bikeml.")} - {room}
    assert ours <= MAY_IMPORT[room], f"{name} may not import {sorted(ours - MAY_IMPORT[room])}"


@pytest.mark.parametrize("library", ONLY_HERE)
def test_a_heavy_library_is_imported_only_in_its_room(library):
    users = {
        name.split(".")[0] for name, file in MODULES.items() if any(t.split(".")[0] == library for t in imports(file))
    }
    assert users <= ONLY_HERE[library]


def test_the_command_line_starts_without_the_heavy_libraries():
    code = (
        "import sys, bikeml.cli; "
        "print(sorted({'azure', 'mlflow', 'sklearn', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fingerprint_needs_neither_hydra_nor_an_estimator():
    code = (
        "import json, sys; from bikeml.config import typed; from bikeml.records.fingerprint import fingerprint, identify; "
        "fingerprint(identify(typed(json.loads(sys.argv[1])), 'a' * 64)); "
        "print(sorted({'hydra', 'omegaconf', 'sklearn', 'mlflow', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    config = config_of().model_dump_json()
    done = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_folder_is_written_without_mlflow():
    code = (
        "import sys, pandas; from pathlib import Path; from sklearn.dummy import DummyRegressor; "
        "from sklearn.pipeline import make_pipeline; from bikeml import lean_skops; from bikeml.model_folder import write_folder; "
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

    carries_or_shows = FOUNDATION | {
        "provenance",
        "summary",
        "model_file",
        "model_folder",
        "signature",
        "files",
        "locks",
    }
    # where a fit runs does not change it
    carries_or_shows |= {"fields", "sections", "validation", "workers", "lean_skops", "progress"}
    reached, waiting = set(), {"experiment"}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        files = [file for module, file in MODULES.items() if module.split(".")[0] == name]
        found = {target for file in files for target in imports(file) if target.startswith("bikeml.")}
        waiting |= {target.split(".")[1] for target in found} - reached
    assert reached - carries_or_shows == set(RESULT_MODULES)


def public_definitions():
    """Yield functions, classes, and the methods of classes that inherit no documentation."""
    for name, file in MODULES.items():
        nodes = ast.parse(file.read_text()).body
        classes = [node for node in nodes if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        nodes = nodes + [method for node in classes if not node.bases for method in node.body]
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                yield pytest.param(node, id=f"{name}.{node.name}")


@pytest.mark.parametrize("node", list(public_definitions()))
def test_a_public_name_is_documented_and_short(node):
    assert ast.get_docstring(node), "has no docstring"
    if isinstance(node, ast.FunctionDef):
        assert node.end_lineno - node.lineno < 42, "is longer than 40 lines"


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
