"""
A run's model is the folder that MLflow itself would write.

What a server would believe of such a folder is refused wherever bikeml would not have written it.
"""

import json
import os
import re
import shutil
import warnings

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

import bikeml
from bikeml.errors import ModelFileError
from bikeml.experiment.model_file import load_pipeline, read_description, save_pipeline
from bikeml.experiment.model_folder import FILES, check_folder, hash_folder, write_folder
from bikeml.experiment.trusted.schema import read_types
from bikeml.experiment.trusted.types import is_trusted
from bikeml.records.params import place_model
from tests.conftest import DAILY

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
TYPES = pd.DataFrame(
    {
        "hum": [0.8, np.nan, 0.7, 0.6],
        "temp": np.array([0.3, 0.4, 0.5, 0.6], "float32"),
        "season": np.array([1, 2, 3, 4], "int8"),
        "day": np.array([1, 2, 3, 4], "uint32"),
        "year": [2011, 2011, 2012, 2012],
        "holiday": [True, False, False, True],
        "sky": ["clear", "mist", np.nan, 'Ré, "snow"'],
        "empty": [np.nan] * 4,
    }
)
GAPS = "size,colour,open,price\n" + "\n".join(
    f"{'' if i % 2 == 0 else i + 0.5},{'' if i % 5 == 0 else 'red'},{i % 3 == 0},{i}" for i in range(40)
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The model of a run that no store records, as it lies in the run folder."""
    folder = tmp_path_factory.mktemp("run")
    return bikeml.run(*FAST, "model=tree", f"hydra.run.dir={folder}").folder / "model"


@pytest.fixture(scope="module")
def of_all_types(tmp_path_factory):
    """The model of a table with every type of column that can be fitted, text and gaps among them."""
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((words, ["sky"]), remainder="passthrough")
    pipeline = make_pipeline(columns, DecisionTreeRegressor(random_state=0)).fit(TYPES, [1.0, 2.0, 3.0, 4.0])
    folder = tmp_path_factory.mktemp("types") / "model"
    write_folder(pipeline, TYPES, "f" * 64, folder)
    return folder


@pytest.fixture(scope="module")
def with_gaps(tmp_path_factory):
    """The model of a CSV table with numbers, text and booleans, the first two with gaps."""
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "my.csv").write_text(GAPS)
    columns = ["data.target=price", "data.numeric=[size]", "data.categorical=[colour,open]"]
    table = ["data=csv", f"data.path={folder / 'my.csv'}", "preprocessing=imputed"]
    return bikeml.run(*FAST, *table, *columns, f"hydra.run.dir={folder / 'out'}").folder / "model"


@pytest.fixture(params=["recorded", "of_all_types", "with_gaps"])
def written(request):
    return request.getfixturevalue(request.param)


def read_model(folder):
    return yaml.safe_load((folder / "MLmodel").read_text())


def save_with_mlflow(pipeline, example, metadata, folder, trusted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # integer columns cannot hold gaps, and mlflow calls pandas in an old way
        mlflow.sklearn.save_model(
            pipeline,
            folder,
            serialization_format="skops",
            skops_trusted_types=trusted,
            input_example=example,
            signature=mlflow.models.infer_signature(example, pipeline.predict(example)),
            metadata=metadata,
            pip_requirements=[],
        )


def list_trusted(folder):
    return sorted(filter(is_trusted, read_types(folder / "model.skops")))


def test_the_mlmodel_file_is_mlflows_own_in_every_key(written, tmp_path):
    ours = read_model(written)
    example = mlflow.models.Model.load(str(written)).load_input_example(str(written))
    save_with_mlflow(load_pipeline(written), example, ours["metadata"], tmp_path / "model", list_trusted(written))
    theirs = read_model(tmp_path / "model")
    for folder, model in ((written, ours), (tmp_path / "model", theirs)):
        assert len(model.pop("model_uuid")) == 32
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", model.pop("utc_time_created"))
        counted = [folder / name for name in ("model.skops", "input_example.json", "serving_input_example.json")]
        assert model.pop("model_size_bytes") == sum(file.stat().st_size for file in counted)  # ours is compressed
    assert ours == theirs


@pytest.mark.slow
def test_the_examples_are_what_mlflow_would_write(written, tmp_path):
    example = mlflow.models.Model.load(str(written)).load_input_example(str(written))
    save_with_mlflow(load_pipeline(written), example, {}, tmp_path / "model", list_trusted(written))
    for name in ("input_example.json", "serving_input_example.json"):
        ours, theirs = (json.loads((folder / name).read_text()) for folder in (written, tmp_path / "model"))
        pd.testing.assert_frame_equal(to_frame(ours), to_frame(theirs))


def to_frame(split):
    return pd.DataFrame(**split.get("dataframe_split", split)).fillna(np.nan)


def test_plain_mlflow_loads_it_and_predicts_the_same(written):
    model = mlflow.pyfunc.load_model(str(written))
    example = model.metadata.load_input_example(str(written))
    expected = load_pipeline(written).predict(example)
    np.testing.assert_array_equal(model.predict(example), expected)
    np.testing.assert_array_equal(mlflow.sklearn.load_model(str(written)).predict(example), expected)


def test_the_example_is_read_back_with_its_types(of_all_types):
    example = mlflow.models.Model.load(str(of_all_types)).load_input_example(str(of_all_types))
    pd.testing.assert_frame_equal(example, TYPES.astype({"season": "int32", "day": "int64"}))


def test_a_run_that_no_store_records_has_a_complete_model(recorded):
    assert {file.name for file in recorded.iterdir()} == {*FILES}
    table = pd.read_csv(DAILY)
    expected = load_pipeline(recorded).predict(table)
    np.testing.assert_array_equal(mlflow.sklearn.load_model(str(recorded)).predict(table), expected)


@pytest.fixture
def folder(recorded, tmp_path):
    return shutil.copytree(recorded, tmp_path / "model")


def edit_yaml(file, edit):
    content = yaml.safe_load(file.read_text())
    edit(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def test_the_folder_of_a_run_is_loaded(folder):
    example = json.loads((folder / "input_example.json").read_text())
    assert list(check_folder(folder).feature_names_in_) == example["columns"]


TAMPERED = [
    ("python_function", {"loader_module": "os"}, r"says flavors.python_function.loader_module='os' in its MLmodel"),
    ("python_function", {"code": "code"}, r"says flavors.python_function.code='code'"),
    ("python_function", {"model_path": "other.pkl"}, r"says flavors.python_function.model_path='other.pkl'"),
    ("python_function", {"env": {"conda": "other.yaml"}}, r"says flavors.python_function.env.conda='other.yaml'"),
    ("sklearn", {"serialization_format": "cloudpickle"}, r"says flavors.sklearn.serialization_format='cloudpickle'"),
    ("sklearn", {"code": "code"}, r"says flavors.sklearn.code='code'"),
    (
        "sklearn",
        {"skops_trusted_types": ["os.system"]},
        r"lists types as trusted that bikeml does not trust: os.system",
    ),
    ("sklearn", {"skops_trusted_types": None}, r"says flavors.sklearn.skops_trusted_types=None in its MLmodel"),
    ("sklearn", {"skops_trusted_types": 5}, r"says flavors.sklearn.skops_trusted_types=5 in its MLmodel"),
    (
        "sklearn",
        {"skops_trusted_types": "os.system"},
        r"says flavors.sklearn.skops_trusted_types='os.system' in its MLmodel",
    ),
    ("sklearn", {1: "x"}, r"says flavors.sklearn.1='x' in its MLmodel"),
    (1, {}, r"says flavors.1={} in its MLmodel"),
    (
        "sklearn",
        {"sklearn_version": "1.2.0"},
        r"fitted with scikit-learn 1.2.0, and .*; install scikit-learn==1.2.0",
    ),
    ("langchain", {"model_code_path": "x.py"}, r"says flavors.langchain={'model_code_path': 'x.py'}"),
]


@pytest.mark.parametrize(("flavor", "changes", "message"), TAMPERED)
def test_a_changed_mlmodel_is_refused(folder, flavor, changes, message):
    edit_yaml(folder / "MLmodel", lambda content: content["flavors"].setdefault(flavor, {}).update(changes))
    with pytest.raises(ModelFileError, match=message):
        check_folder(folder)


@pytest.mark.parametrize("missing", ["code", "skops_trusted_types"])
def test_an_mlmodel_that_lacks_a_line_is_refused(folder, missing):
    edit_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].pop(missing))
    with pytest.raises(ModelFileError, match=f"says flavors.sklearn.{missing}=None"):
        check_folder(folder)


KEYS = [
    ({"env_vars": ["SECRET"]}, r"says env_vars=\['SECRET'\] in its MLmodel"),
    ({"resources": {"databricks": {}}}, r"says resources={'databricks': {}}"),
    ({"auth_policy": {}}, r"says auth_policy={}"),
    ({"model_code_path": "x.py"}, r"says model_code_path='x.py'"),
    ({"databricks_runtime": "15.4"}, r"says databricks_runtime='15.4'"),
    ({"prompts": ["a/1"]}, r"says prompts=\['a/1'\]"),
    ({"model_id": "../m"}, r"says model_id='../m'"),
    ({"run_id": ["a"]}, r"says run_id=\['a'\]"),
    ({"artifact_path": "../elsewhere"}, r"says artifact_path='../elsewhere'"),
    ({"metadata": {"fingerprint": "f" * 64, "code": "x"}}, r"says metadata.code='x'"),
    ({"metadata": None}, r"says metadata=None"),
    ({"model_size_bytes": -1}, r"says model_size_bytes=-1"),
    ({"is_signature_from_type_hint": 0}, r"says is_signature_from_type_hint=0"),
    ({"saved_input_example_info": {"type": "dataframe"}}, r"says saved_input_example_info.artifact_path=None"),
    ({"signature": None}, r"says signature=None"),
    ({"signature": {"inputs": "[]", "outputs": "[]", "params": None}}, r"says signature.inputs='\[\]'"),
    ({1: 2}, r"says 1=2"),
]


@pytest.mark.parametrize(("changes", "message"), KEYS)
def test_an_mlmodel_says_nothing_that_bikeml_does_not_write(folder, changes, message):
    edit_yaml(folder / "MLmodel", lambda content: content.update(changes))
    for check in (check_folder, read_description):
        with pytest.raises(ModelFileError, match=message):
            check(folder)


@pytest.mark.parametrize(
    "inputs",
    [
        *("", "5", "[5]", "[{}]", '[{"type": "double", "required": true}]', "[" * 9_999, None, []),
        '[{"type": "tensor", "name": "a", "required": true}]',
        '[{"type": "double", "name": ["a"], "required": true}]',
        '[{"type": "double", "name": "a", "required": true, "default": 1}]',
        json.dumps([{"type": "double", "name": "a", "required": True}] * 2),
    ],
)
def test_a_signature_names_each_column_once(folder, inputs):
    edit_yaml(folder / "MLmodel", lambda content: content["signature"].update(inputs=inputs))
    with pytest.raises(ModelFileError, match=r"says signature.inputs="):
        check_folder(folder)


def test_a_signature_of_other_columns_than_the_models_is_refused(folder):
    def exchange(content):
        columns = json.loads(content["signature"]["inputs"])
        content["signature"]["inputs"] = json.dumps([*columns[1:], columns[0]])

    edit_yaml(folder / "MLmodel", exchange)
    with pytest.raises(ModelFileError, match=r"takes the columns 'season', .*, and its MLmodel names 'mnth'"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["run_id", "artifact_path", "model_size_bytes"])
def test_what_a_store_adds_and_an_earlier_version_lacks_may_be_there_or_not(folder, name):
    placed = place_model((folder / "MLmodel").read_bytes(), "0" * 32, "m-1")
    (folder / "MLmodel").write_bytes(placed)
    check_folder(folder)
    edit_yaml(folder / "MLmodel", lambda content: content.pop(name))
    check_folder(folder)


EXAMPLES = [
    ('{"columns": ["a"], "data": []}', r"has an input_example.json of other columns, or without rows"),
    ('{"columns": ["a"], "data": [[1]]}', r"has an input_example.json of other columns, or without rows"),
    ('{"columns": ["a"], "data": [[1, 2]]}', r"input_example.json' has no rows: "),
    ('{"columns": [1], "data": [[1]]}', r"has no rows: columns=\[1\] are not all text"),
    ('{"columns": ["a"], "data": [[[1]]]}', r"has no rows: a cell holds several values"),
    ('{"columns": ["a"], "data": [{"a": 1}]}', r"has no rows: data=\[{'a': 1}\] is not a list of lists"),
    ("[]", r"has no rows"),
    ("{", r"input_example.json' cannot be read: Expecting"),
    ("[" * 99_999, r"input_example.json' cannot be read: it has more than 100 levels"),
]


@pytest.mark.parametrize(("content", "message"), EXAMPLES)
def test_an_example_that_is_none_is_refused(folder, content, message):
    (folder / "input_example.json").write_text(content)
    with pytest.raises(ModelFileError, match=message):
        check_folder(folder)


def test_the_two_examples_hold_the_same_rows(folder):
    file = folder / "serving_input_example.json"
    file.write_text(file.read_text().replace("0", "1"))
    with pytest.raises(ModelFileError, match=r"has a serving_input_example.json that is not its input_example.json"):
        check_folder(folder)


def test_a_root_that_is_no_pipeline_is_refused(folder):
    X = pd.read_csv(DAILY)[json.loads((folder / "input_example.json").read_text())["columns"]]
    save_pipeline(DecisionTreeRegressor(max_depth=1).fit(X, X["temp"]), folder)
    with pytest.raises(ModelFileError, match=r"holds a DecisionTreeRegressor instead of a Pipeline"):
        check_folder(folder)


def test_a_pipe_in_the_place_of_a_file_blocks_nobody(folder):
    (folder / "conda.yaml").unlink()
    os.mkfifo(folder / "conda.yaml")
    with pytest.raises(ModelFileError, match=r"conda.yaml' cannot be read: it is not a regular file"):
        check_folder(folder)


CHANGED_FILES = [
    (
        "code/sitecustomize.py",
        "import os",
        r"holds code/sitecustomize.py, which bikeml does not write and a server might run",
    ),
    ("requirements.txt", "evil @ https://example.org/evil.whl\n", r"asks for 'evil @ https://example.org/evil.whl'"),
    ("requirements.txt", "--index-url https://example.org\n", r"asks for '--index-url"),
    ("requirements.txt", "requests==2.0\n", r"asks for 'requests==2.0'"),
    ("requirements.txt", "numpy==1.0\n", r"has a conda.yaml that does not match its other files"),
    ("conda.yaml", "dependencies: [curl]\n", r"has a conda.yaml that does not match its other files"),
    (
        "python_env.yaml",
        "python: 3.11.1\nbuild_dependencies: [evil]\n",
        r"has a conda.yaml that does not match its other files",
    ),
    ("python_env.yaml", "python: '3.11; evil'\n", r"has a conda.yaml that does not match its other files"),
    ("MLmodel", "flavors: [1]\n", r"says flavors=\[1\] in its MLmodel"),
    ("MLmodel", "[1]\n", r"says flavors=None in its MLmodel"),
    ("MLmodel", "a: [", r"cannot be read"),
    ("model.skops", "no zip", r"is not a model that bikeml wrote, or is damaged"),
]


@pytest.mark.parametrize(("name", "content", "message"), CHANGED_FILES)
def test_a_changed_file_is_refused(folder, name, content, message):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    with pytest.raises(ModelFileError, match=message):
        check_folder(folder)


@pytest.mark.parametrize("name", ["MLmodel", "model.skops", "conda.yaml"])
def test_a_folder_that_lacks_a_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"lacks {re.escape(name)}"):
        check_folder(folder)


def test_the_hash_is_of_names_and_contents_alone(recorded, folder):
    assert hash_folder(folder) == hash_folder(recorded)
    (folder / "MLmodel").rename(folder / "MLmodel2")
    assert hash_folder(folder) != hash_folder(recorded)
