"""
A run's model is the folder that MLflow itself would write.

What a server would believe of such a folder is refused wherever bikeml would not have written it.
"""

import json
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
from bikeml.experiment.model_file import load_pipeline, read_types
from bikeml.experiment.model_folder import FILES, check_folder, hash_folder, write_folder
from bikeml.experiment.trusted.types import is_trusted
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
    ("python_function", {"loader_module": "os"}, r"says python_function.loader_module='os' in its MLmodel"),
    ("python_function", {"code": "code"}, r"says python_function.code='code'"),
    ("python_function", {"model_path": "other.pkl"}, r"says python_function.model_path='other.pkl'"),
    ("python_function", {"env": {"conda": "other.yaml"}}, r"says python_function.env="),
    ("sklearn", {"serialization_format": "cloudpickle"}, r"says sklearn.serialization_format='cloudpickle'"),
    ("sklearn", {"code": "code"}, r"says sklearn.code='code'"),
    (
        "sklearn",
        {"skops_trusted_types": ["os.system"]},
        r"lists types as trusted that bikeml does not trust: os.system",
    ),
    ("sklearn", {"skops_trusted_types": None}, r"says sklearn.skops_trusted_types=None in its MLmodel"),
    ("sklearn", {"skops_trusted_types": 5}, r"says sklearn.skops_trusted_types=5 in its MLmodel"),
    ("sklearn", {"skops_trusted_types": "os.system"}, r"says sklearn.skops_trusted_types='os.system' in its MLmodel"),
    ("sklearn", {1: "x"}, r"says sklearn.1='x' in its MLmodel"),
    (1, {}, r"has the flavors 1, python_function, sklearn"),
    (
        "sklearn",
        {"sklearn_version": "1.2.0"},
        r"fitted with scikit-learn 1.2.0, and .*; install scikit-learn==1.2.0",
    ),
    ("langchain", {"model_code_path": "x.py"}, r"has the flavors langchain, python_function, sklearn"),
]


@pytest.mark.parametrize(("flavor", "changes", "message"), TAMPERED)
def test_a_changed_mlmodel_is_refused(folder, flavor, changes, message):
    edit_yaml(folder / "MLmodel", lambda content: content["flavors"].setdefault(flavor, {}).update(changes))
    with pytest.raises(ModelFileError, match=message):
        check_folder(folder)


@pytest.mark.parametrize("missing", ["code", "skops_trusted_types"])
def test_an_mlmodel_that_lacks_a_line_is_refused(folder, missing):
    edit_yaml(folder / "MLmodel", lambda content: content["flavors"]["sklearn"].pop(missing))
    with pytest.raises(ModelFileError, match=f"says sklearn.{missing}=None"):
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
    ("MLmodel", "flavors: [1]\n", r"has no flavors in its MLmodel"),
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
