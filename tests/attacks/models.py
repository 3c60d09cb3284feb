"""
Alter the arrays, numbers and bytes in model files, load them, and predict: refused, or a prediction; no crash, no hang.

Each file is loaded with the sha256 that it had before, as the record of its run has it.
"""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from tests.attacks.forked import call
from tests.attacks.session import Case, judge_ending

N_ROWS = 60
EXTREME = (-1, 0, 1, 2, 7, 255, 256, 10**4, 2**31 - 1, -(2**31), 2**40, 2**63 - 1)
Members = dict[str, bytes]


def build_rows() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N_ROWS, 4)), columns=["a", "b", "c", "level"])
    X["level"] = rng.integers(0, 4, N_ROWS)
    return X, X["a"].to_numpy() + X["level"].to_numpy()


def build_pipelines() -> dict[str, Any]:
    """Return a pipeline for each kind of compiled code that follows the indices of a model."""
    from sklearn import cluster, ensemble, neighbors, pipeline, preprocessing, svm, tree
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge

    from bikeml.records.fingerprint import BOOSTERS

    few = {"n_estimators": 3, "random_state": 0}
    rare = preprocessing.OneHotEncoder(min_frequency=16, handle_unknown="infrequent_if_exist")
    models = {
        "tree": [tree.DecisionTreeRegressor(random_state=0)],
        "extra_tree": [tree.ExtraTreeRegressor(random_state=0)],
        "rf": [ensemble.RandomForestRegressor(**few)],
        "gbr": [ensemble.GradientBoostingRegressor(**few)],
        "hist_gbr": [ensemble.HistGradientBoostingRegressor(max_iter=3, categorical_features=[3])],
        "bagging": [ensemble.BaggingRegressor(**few)],
        "adaboost": [ensemble.AdaBoostRegressor(**few)],
        "kd_tree": [neighbors.KNeighborsRegressor(algorithm="kd_tree", leaf_size=5)],
        "ball_tree": [neighbors.KNeighborsRegressor(algorithm="ball_tree", leaf_size=5)],
        "mahalanobis": [
            neighbors.KNeighborsRegressor(
                algorithm="ball_tree", metric="mahalanobis", metric_params={"V": np.eye(4)}, leaf_size=5
            )
        ],
        "brute": [neighbors.RadiusNeighborsRegressor(radius=3.0, algorithm="brute")],
        "svr": [svm.SVR()],
        "nu_svr": [svm.NuSVR()],
        "kmeans": [cluster.KMeans(3, n_init=1, random_state=0), Ridge()],
        "bisecting": [cluster.BisectingKMeans(4, random_state=0), Ridge()],
        "spline": [preprocessing.SplineTransformer(n_knots=4), Ridge()],
        "one_hot": [make_column_transformer((rare, ["level"]), remainder="passthrough"), Ridge()],
        "sparse": [
            make_column_transformer((preprocessing.OneHotEncoder(), ["level"]), sparse_threshold=1),
            neighbors.KNeighborsRegressor(),
        ],
    }
    models |= {name: [preprocessing.StandardScaler(), _build_booster(name)] for name in BOOSTERS if find_spec(name)}
    return {name: pipeline.make_pipeline(*steps) for name, steps in models.items()}


def _build_booster(name: str) -> Any:
    import importlib

    from bikeml.experiment.trusted.packages import ESTIMATORS

    # a forked process waits for ever for the threads of its parent
    more = {"catboost": {"verbose": False, "allow_writing_files": False, "thread_count": 1}}
    kind = getattr(importlib.import_module(name), ESTIMATORS[name])
    return kind(n_estimators=3, random_state=0, max_depth=2, **more.get(name, {"verbosity": 0, "n_jobs": 1}))


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Save each pipeline, and return every combination with a kind of change."""
    from bikeml.experiment.model_file import save_pipeline

    X, y = build_rows()
    cases = []
    for name, model in build_pipelines().items():
        file = save_pipeline(model.fit(X, y), session / name)
        cases += [Case(name, "predict", kind, partial(_run, file, X, change)) for kind, change in CHANGES.items()]
    return cases


def _run(file: Path, X: pd.DataFrame, change: Callable[[Members, Random], str], random: Random):
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    done, recorded = change(members, random), hashlib.sha256(file.read_bytes()).hexdigest()
    with TemporaryDirectory() as folder:
        altered = Path(folder) / "model.skops"
        with zipfile.ZipFile(altered, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        ending = call(lambda: load_and_predict(altered, X, recorded), Path(folder))
    return done, ending, judge_ending(ending)


def load_and_predict(file: Path, X: pd.DataFrame, recorded: str) -> int:
    """Do as predict does: a file that is refused has status 1, and so have rows that the model cannot take."""
    from bikeml.errors import BikemlError
    from bikeml.experiment.fit import estimator_errors
    from bikeml.experiment.model_file import load_pipeline

    try:
        model = load_pipeline(file, recorded)
        with estimator_errors():
            sys.stdout.write(f"{model.predict(X)[:3]}\n")
    except BikemlError as error:
        sys.stderr.write(f"bikeml: {error}\n")
        return 1
    return 0


def _arrays(members: Members) -> list[str]:
    return sorted(name for name in members if name.endswith(".npy"))


def _read(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _write(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def change_value(members: Members, random: Random) -> str:
    """Put an extreme number into one place of an array, of records into one field."""
    name = random.choice([name for name in _arrays(members) if _read(members[name]).size])
    array = _read(members[name]).copy()
    field = random.choice(array.dtype.names) if array.dtype.names else None
    flat = (array[field] if field else array).reshape(-1)
    place, value = random.randrange(flat.size), random.choice(EXTREME)
    if flat.dtype.kind == "f":
        flat[place] = random.choice([float(value), np.nan, np.inf])
    elif flat.dtype.kind in "iub":
        flat[place] = np.array([value]).astype(flat.dtype)[0]
    if field:
        array[field] = flat.reshape(array.shape)
    else:
        array = flat.reshape(array.shape)
    members[name] = _write(array)
    return f"{name} {field or ''}[{place}] = {value}"


def change_shape(members: Members, random: Random) -> str:
    """Let an array have more or fewer rows or columns, or none."""
    name = random.choice(_arrays(members))
    array = _read(members[name])
    how = random.choice(["shorter", "longer", "empty", "narrower", "wider", "flat", "transposed"])
    if array.ndim == 0:
        array = array.reshape(1)
    changed = {
        "shorter": lambda: array[: len(array) // 2],
        "longer": lambda: np.concatenate([array, array]),
        "empty": lambda: array[:0],
        "narrower": lambda: array[..., :-1],
        "wider": lambda: np.concatenate([array, array], axis=-1),
        "flat": array.ravel,
        "transposed": lambda: array.T,
    }[how]()
    members[name] = _write(np.asarray(changed))
    return f"{name} {how}"


def change_type(members: Members, random: Random) -> str:
    """Let an array have another type of numbers."""
    name = random.choice(_arrays(members))
    array, kind = _read(members[name]), random.choice(["i1", "i4", "u8", "f4", "f8", "U3", "?"])
    if array.dtype.names:
        array = array[random.choice(array.dtype.names)]
    with np.errstate(all="ignore"):
        try:
            members[name] = _write(array.astype(kind))
        except ValueError:
            members[name] = _write(np.zeros(array.shape, kind))
    return f"{name} as {kind}"


def exchange(members: Members, random: Random) -> str:
    """Put an array in the place of another."""
    first, second = random.choices(_arrays(members), k=2)
    members[first] = members[second]
    return f"{first} = {second}"


def change_bytes(members: Members, random: Random) -> str:
    """Put other bytes into a member that is no array, such as the trees of a booster."""
    name = random.choice(sorted({*members} - {*_arrays(members)}))
    content, n_bytes = bytearray(members[name]), random.choice([1, 1, 4, 16])
    place = random.randrange(max(1, len(content) - n_bytes))
    content[place : place + n_bytes] = random.choice([random.randbytes(n_bytes), b"9" * n_bytes, b""])
    members[name] = bytes(content)
    return f"{n_bytes} bytes at {place} of {name}"


def change_number(members: Members, random: Random) -> str:
    """Put an extreme number into one place of the schema, such as the number of columns."""
    schema = json.loads(members["schema.json"])
    nodes = [node for node in _walk(schema) if node.get("__loader__") == "JsonNode" and _is_number(node["content"])]
    node = random.choice(nodes)
    before, node["content"] = node["content"], json.dumps(random.choice(EXTREME))
    members["schema.json"] = json.dumps(schema).encode()
    return f"number {before} = {node['content']}"


def change_part(members: Members, random: Random) -> str:
    """Put a part of the model in the place of another part, or of the whole."""
    schema = json.loads(members["schema.json"])
    parts = [node for node in _walk(schema) if "__class__" in node]
    part = json.loads(json.dumps(random.choice(parts)))
    place = random.choice([*parts, schema])
    kept = {key: schema[key] for key in ("protocol", "_skops_version") if key in schema}
    place.clear()
    place.update(part)
    if place is schema:
        schema.update(kept)
    members["schema.json"] = json.dumps(schema).encode()
    return f"a {part['__class__']} in another place"


def expand(members: Members, random: Random) -> str:
    """Let a member stand for very many bytes, values or levels."""
    n, name = random.choice([10**5, 10**6, 10**7]), random.choice(["schema.json", random.choice(sorted(members))])
    what, content = random.choice(
        [
            ("zeros", b"\0" * 20 * n),
            ("many lists", b"[" + b"[]," * n + b"[]]"),
            ("deep lists", b"[" * n + b"]" * n),
            ("deep objects", b'{"__class__":' * n + b"1" + b"}" * n),
            (
                "an array of a huge shape",
                b"\x93NUMPY\x01\0\x46\0{'descr': '<f8', 'fortran_order': False, 'shape': (%d,)}" % 10**12,
            ),
        ]
    )
    members[name] = content
    return f"{name} of {len(content):,} bytes, {what}"


def _walk(node: Any) -> Iterator[dict]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _is_number(text: object) -> bool:
    try:
        return isinstance(json.loads(str(text)), int | float)
    except ValueError:
        return False


CHANGES: dict[str, Callable[[Members, Random], str]] = {
    "value": change_value,
    "shape": change_shape,
    "type": change_type,
    "exchange": exchange,
    "bytes": change_bytes,
    "number": change_number,
    "part": change_part,
    "expand": expand,
}
