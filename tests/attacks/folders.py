"""Alter the files of a model folder, which servers believe: refused, or it says the same as before."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.attacks.forked import Ending, call
from tests.attacks.models import build_pipelines, build_rows
from tests.attacks.mutations import mutate_file, names_for
from tests.attacks.session import Case, judge_ending

Tree = dict[str, Any]
PIPELINES = ("tree", "one_hot")
FREE = (
    *("metadata", "model_size_bytes", "model_uuid", "mlflow_version", "utc_time_created", "run_id", "model_id"),
    *("sklearn_version", "python_version", "skops_trusted_types", "inputs", "outputs"),
)
"""The keys of an MLmodel file whose value may be another one of its form: no server runs or fetches what it says."""
STRANGE: tuple[tuple[tuple[str, ...], Any], ...] = (
    ((), {"env_vars": ["AWS_SECRET_ACCESS_KEY"]}),
    ((), {"resources": {"databricks": {"serving_endpoint": [{"name": "x"}]}}}),
    ((), {"auth_policy": {"user_auth_policy": {"api_scopes": ["all"]}}}),
    ((), {"databricks_runtime": "99"}),
    ((), {"prompts": ["evil/1"]}),
    ((), {"model_code_path": "evil.py"}),
    ((), {"artifact_path": "../../elsewhere"}),
    ((), {"_target_": "os.system"}),
    (("flavors",), {"langchain": {"model_code_path": "evil.py"}}),
    (("flavors",), {"crate": {"version": "0.1"}}),
    (("flavors", "python_function"), {"loader_module": "os"}),
    (("flavors", "python_function"), {"loader_module": "mlflow.pyfunc.model", "python_model": "evil.pkl"}),
    (("flavors", "python_function"), {"code": "code"}),
    (("flavors", "python_function"), {"data": "data"}),
    (("flavors", "python_function"), {"predict_fn": "fit"}),
    (("flavors", "python_function"), {"model_code_path": "evil.py"}),
    (("flavors", "python_function", "env"), {"conda": "https://example.org/evil.yaml"}),
    (("flavors", "sklearn"), {"serialization_format": "cloudpickle", "pickled_model": "evil.pkl"}),
    (("flavors", "sklearn"), {"code": "code"}),
    (("flavors", "sklearn"), {"skops_trusted_types": ["os.system"]}),
    (("signature",), {"inputs": "[]"}),
    (("signature",), {"inputs": None}),
    (("signature",), {"inputs": '[{"type": "double", "name": "elsewhere", "required": true}]'}),
    (("signature",), {"params": '[{"name": "x", "type": "string", "default": "y", "shape": null}]'}),
    (("saved_input_example_info",), {"artifact_path": "/etc/passwd"}),
)
"""What MLflow would read, and where in the file it is put."""


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Write the folder of each pipeline, and return every combination of a file and what can be done to it."""
    from bikeml.experiment.model_folder import write_folder

    X, y = build_rows()
    cases: list[Case] = []
    for name in PIPELINES[: 1 if is_short else None]:
        folder = session / name
        write_folder(build_pipelines()[name].fit(X, y), X.head(5), "f" * 64, folder)
        cases += _list_cases(name, folder)
    return cases


def _list_cases(model: str, folder: Path) -> Iterator[Case]:
    for file in sorted(path.name for path in folder.iterdir()):
        for name in names_for(Path(file), []):
            weight = 6 if file == "MLmodel" else 1
            alter = partial(_mutate, file, name)
            yield from [Case(f"{file} of {model}", "check", name, partial(_run, folder, alter))] * weight
    for place, added in STRANGE:
        alter = partial(_add, place, added)
        yield Case(f"MLmodel of {model}", "check", "strange", partial(_run, folder, alter))
    for name in ("code/evil.py", "evil.pkl", "sitecustomize.py", ".env", "model.pkl"):
        yield Case(f"a file more in {model}", "check", name, partial(_run, folder, partial(_plant, name)))


def _mutate(file: str, name: str, folder: Path, rng: Random) -> str:
    return f"{file}: {mutate_file(folder / file, name, rng, []).text}"


def _add(place: tuple[str, ...], added: Tree, folder: Path, _: Random) -> str:
    content = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
    below = content
    for key in place:
        below = below[key]
    below.update(added)
    (folder / "MLmodel").write_text(yaml.safe_dump(content), encoding="utf-8")
    return f"MLmodel: {'.'.join(place)} has {added}"


def _plant(name: str, folder: Path, _: Random) -> str:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("import os", encoding="utf-8")
    return f"{name} is there"


def _run(untouched: Path, alter: Callable[[Path, Random], str], rng: Random) -> tuple[str, Ending, str | None]:
    with TemporaryDirectory() as place:
        folder = Path(shutil.copytree(untouched, Path(place) / "model"))
        done = alter(folder, rng)
        ending = call(lambda: check(folder), Path(place))
        is_taken = ending.status == 0
        return done, ending, judge_ending(ending) or (_judge(untouched, folder) if is_taken else None)


def check(folder: Path) -> int:
    """Do as register, serve and predict do before they use a model."""
    from bikeml.errors import BikemlError
    from bikeml.experiment.model_folder import check_folder, read_example

    try:
        check_folder(folder)
        sys.stdout.write(f"{len(read_example(folder))} rows\n")
    except BikemlError as error:
        sys.stderr.write(f"bikeml: {error}\n")
        return 1
    return 0


def _judge(untouched: Path, folder: Path) -> str | None:
    """Say what an accepted folder says otherwise than before, if a server would believe it."""
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    more = names - {file.name for file in untouched.iterdir()}
    if more:
        return f"accepted: {', '.join(sorted(more))}"
    for name in ("conda.yaml", "python_env.yaml"):
        if _read(folder / name) != _read(untouched / name):
            return f"accepted: another {name}"
    before, now = (dict(_flatten(_read(each / "MLmodel"))) for each in (untouched, folder))
    changed = [path for path in {*before, *now} if before.get(path) != now.get(path)]
    strange = [path for path in changed if path not in now or not {*FREE} & {*path.split("/")}]
    unknown = [path for path in strange if path in now or path.split("/")[-1] not in FREE]
    return f"accepted: {', '.join(sorted(unknown))}" if unknown else None


def _read(file: Path) -> Any:
    return yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)


def _flatten(tree: Any, above: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _flatten(value, f"{above}/{key}")
    else:
        yield above, json.dumps(tree, default=str)
