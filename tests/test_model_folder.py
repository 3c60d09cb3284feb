"""What a server would believe of a model's folder is refused wherever bikeml would not have written it."""

import json
import re
import shutil

import pytest
import yaml

from bikeml.errors import ModelFileError
from bikeml.model_folder import check_folder, hash_folder


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The model of a run as it lies in the run folder, complete."""
    import bikeml

    folder = tmp_path_factory.mktemp("run")
    result = bikeml.run(
        "model=tree",
        f"hydra.run.dir={folder}",
        f"tracking.uri=sqlite:///{folder}.db",
        "evaluation.importance_repeats=1",
    )
    return result.folder / "model"


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
    ("sklearn", {"skops_trusted_types": ["os.system"]}, r"calls types trusted that are not: os.system"),
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


FILES = [
    ("code/sitecustomize.py", "import os", r"holds code/sitecustomize.py, which no run writes and a server might run"),
    ("requirements.txt", "evil @ https://example.org/evil.whl\n", r"asks for 'evil @ https://example.org/evil.whl'"),
    ("requirements.txt", "--index-url https://example.org\n", r"asks for '--index-url"),
    ("requirements.txt", "requests==2.0\n", r"asks for 'requests==2.0'"),
    ("requirements.txt", "numpy==1.0\n", r"asks for something else in its conda.yaml than in its requirements.txt"),
    ("conda.yaml", "dependencies: [curl]\n", r"asks for something else in its conda.yaml"),
    ("python_env.yaml", "python: 3.11.1\nbuild_dependencies: [evil]\n", r"asks for something else in its "),
    ("python_env.yaml", "python: '3.11; evil'\n", r"asks for something else in its conda.yaml"),
    ("MLmodel", "flavors: [1]\n", r"has no flavors in its MLmodel"),
    ("MLmodel", "a: [", r"cannot be read"),
    ("model.skops", "no zip", r"is not a model that bikeml wrote, or is damaged"),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES)
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
