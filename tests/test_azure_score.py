"""The scoring script of endpoints, as the folder that is deployed has it; the server around it is in test_azure_endpoints."""

import importlib.util
import json
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement

pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")

from bikeml.azure.endpoint.folder import SERVER, Served, prepare
from bikeml.experiment.model_file import load_pipeline
from bikeml.experiment.model_folder import REQUIREMENTS, write_folder
from bikeml.experiment.pipeline import build_pipeline
from bikeml.table.rows import check_types
from tests.conftest import config_of

INPUTS = {"date": "string", "temp": "double", "floor": "long", "lift": "boolean"}
TRAINING = pd.DataFrame(
    {
        "date": ["2026-01-01", "2026-07-01", np.nan, "2026-11-26"] * 10,
        "temp": [0.5, np.nan, 2.0, 3.5, 8.0] * 8,
        "floor": [1, 2, 3, 4] * 10,
        "lift": [True, False] * 20,
    }
)
CODES = ("data.categorical=[date,floor,lift]", "data.categories=inferred")
COLUMNS = ("data=csv", "data.path=x.csv", "data.target=y", "data.numeric=[temp]", *CODES)
ROW = ["2026-07-01", 0.25, 3, True]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("served")
    config = config_of(*COLUMNS, "preprocessing=imputed", "model=tree")
    pipeline = build_pipeline(config, TRAINING).fit(TRAINING, np.arange(40.0) ** 2)
    write_folder(pipeline, TRAINING, "f" * 64, folder / "models" / "model")
    return prepare(folder / "models" / "model", folder / "code", "an/image:1")


@pytest.fixture
def score(served: Served, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The deployed script, as the server imports it."""
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(served.code.parent / "models"))
    spec = importlib.util.spec_from_file_location("entry_module", served.code / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.init()
    return module


def test_a_model_that_has_changed_since_its_check_is_not_loaded(score, served, monkeypatch, tmp_path):
    (tmp_path / "model").mkdir()
    content = (served.code.parent / "models" / "model" / "model.skops").read_bytes()
    (tmp_path / "model" / "model.skops").write_bytes(content + b" ")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    score._load_model.cache_clear()
    with pytest.raises(RuntimeError, match=r"model.skops has the sha256 \w+, and \w+ was checked; deploy again"):
        score.init()


def request(*rows: list[Any], columns: Any = tuple(INPUTS), **more: Any) -> str:
    return json.dumps({"input_data": {"columns": list(columns), "data": list(rows), **more}})


def expected(served: Served, *rows: list[Any]) -> list[float]:
    """Return what `predict` says of the same rows."""
    table = pd.DataFrame(rows, columns=list(INPUTS), dtype=object)
    table["date"] = table["date"].where(table["date"].notna(), np.nan)
    pipeline = load_pipeline(served.code.parent / "models" / "model")
    answer: list[float] = pipeline.predict(check_types(table, INPUTS, config_of().data, "rows")).tolist()
    return answer


def test_every_form_of_a_request_has_the_predictions_of_this_machine_to_the_last_bit(
    score: ModuleType, served: Served
) -> None:
    rows = [ROW, ["2026-01-01", 7, 2.0, False], [None, None, 4, True], ["never seen", "1e-3", 1, False]]
    answer = expected(served, *rows)
    assert len(set(answer)) == 4
    records = [dict(zip(INPUTS, row, strict=True)) for row in rows]
    backwards = [row[::-1] for row in rows]
    for text in (
        request(*rows),
        request(*rows, index=[9, 8, 7, 6]),
        request(*backwards, columns=[*INPUTS][::-1]),
        request(*([*row, "more"] for row in rows), columns=[*INPUTS, "other"]),
        json.dumps({"input_data": rows}),
        json.dumps({"input_data": records}),
        json.dumps({"dataframe_records": records}),
        json.dumps({"dataframe_split": {"columns": [*INPUTS], "data": rows}}),
        request(*rows).replace("null", "NaN"),
    ):
        assert score.run(text) == answer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", r"the request has no rows that can be read \(Expecting value"),
        ("{}", r"has no rows that can be read \(.*write {\"input_data\""),
        ("[1]", "has no rows that can be read"),
        ('{"input_data": 3}', "has no rows that can be read"),
        ('{"input_data": {"columns": ["temp"]}}', r"has no rows that can be read \('data'\)"),
        (request([1, 2]), "has no rows that can be read .*4 columns passed"),
        (request([1, 2], columns=["temp", "date"]), "lacks the columns floor, lift; the model takes date, temp, floor"),
        (request(), "the request has no rows"),
        (request([*ROW, 1], columns=[*INPUTS, "temp"]), "has the columns temp twice"),
        (request([3, *ROW[1:]]), "column 'date' is not text in row 1: 3; the model takes string there"),
        (request(ROW, ["", "mild", 3, True]), "column 'temp' is not a number in row 2: 'mild'; the model takes double"),
        (request(["", 1e999, 3, True]), "column 'temp' is infinite in row 1: inf"),
        (request(["", 0.5, 1.5, True]), "column 'floor' is not an integer in row 1: 1.5; the model takes long"),
        (request(["", 0.5, 1, None]), "column 'lift' is neither true nor false in row 1: None"),
        (request(["", [], 1, True]), r"column 'temp' is not a number in row 1: \[\]"),
        (request(["", 10**400, 1, True]), r"column 'temp' is (infinite|not a number) in row 1: 1000.*\.\.\.;"),
    ],
)
def test_what_does_not_fit_is_one_message_that_names_the_column(score: ModuleType, text: str, message: str) -> None:
    with pytest.raises(score.RequestError, match=message) as caught:
        score.predict(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_gap_that_the_model_does_not_take_is_named(
    score: ModuleType, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(*COLUMNS, "preprocessing=standard", "model=linear")
    whole = TRAINING.fillna({"temp": 1.0})
    pipeline = build_pipeline(config, whole).fit(whole, np.arange(40.0))
    monkeypatch.setattr(score, "_load_model", lambda: pipeline)
    with pytest.raises(score.RequestError, match="refuses the rows: 'temp' is missing in row 2"):
        score.predict(request(ROW, ["2026-01-01", None, 1, True]))


def test_a_type_that_the_deployment_did_not_see_is_not_loaded(
    score: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skops.io.exceptions import UntrustedTypesFoundException

    contract = {**score._read_contract(), "trusted_types": []}
    monkeypatch.setattr(score, "_read_contract", lambda: contract)
    score._load_model.cache_clear()
    with pytest.raises(UntrustedTypesFoundException, match="sklearn.tree._tree.Tree"):
        score.init()


def test_the_environment_has_the_versions_of_the_model_and_the_server_and_no_more(served: Served) -> None:
    conda = yaml.safe_load(served.conda)
    python, _, pip = conda["dependencies"]
    assert python == f"python={sys.version_info.major}.{sys.version_info.minor}"
    lines = (served.code.parent / "models" / "model" / REQUIREMENTS).read_text().splitlines()
    assert [Requirement(line).name for line in pip["pip"]] == [
        *("scikit-learn", "skops", "numpy", "scipy", "pandas"),
        "azureml-inference-server-http",
    ]
    assert {*pip["pip"]} - {SERVER} == {line for line in lines if not line.startswith("mlflow==")}


def test_what_serves_is_another_where_code_versions_or_image_are(served: Served, tmp_path: Any) -> None:
    from dataclasses import replace

    other = tmp_path / "code"
    other.mkdir()
    (other / "score.py").write_text("pass\n")
    variants = [served, replace(served, code=other), replace(served, conda="{}"), replace(served, image="another")]
    assert len({each.sha256 for each in variants}) == 4
    assert served.sha256 == replace(served).sha256


def test_the_server_is_the_one_of_the_loopback() -> None:
    from pathlib import Path

    assert f"\n{SERVER} \\\n" in (Path(__file__).parent / "azureml/server.lock").read_text()
