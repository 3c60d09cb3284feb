import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from bikeml.errors import ModelFileError
from bikeml.experiment.model_file import load_pipeline, save_pipeline
from bikeml.experiment.trusted.mlmodel import FILE_NAME
from bikeml.experiment.trusted.types import _is_estimator

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1, 2, 3]


@pytest.mark.parametrize(
    "regressor",
    [
        KNeighborsRegressor(),
        LinearRegression(),
        RandomForestRegressor(5, random_state=0),
        HistGradientBoostingRegressor(max_iter=3),
    ],
)
def test_a_pipeline_comes_back_with_the_same_predictions(regressor, workdir):
    pipeline = make_pipeline(StandardScaler(), regressor).fit(X, y)
    file = save_pipeline(pipeline, workdir / "model")
    for path in (file, workdir / "model", str(file)):
        np.testing.assert_array_equal(load_pipeline(path).predict(X), pipeline.predict(X))


def test_the_file_is_compressed(workdir):
    file = save_pipeline(make_pipeline(RandomForestRegressor(5, random_state=0)).fit(X, y), workdir)
    with zipfile.ZipFile(file) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_the_file_is_what_skops_writes_without_line_breaks(workdir):
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)).fit(X, y)
    skops.io.dump(pipeline, workdir / "theirs.skops")
    parts = []
    for file in (save_pipeline(pipeline, workdir), workdir / "theirs.skops"):
        with zipfile.ZipFile(file) as archive:
            schema = archive.read("schema.json").decode()
            parts.append((without_ids(json.loads(schema)), len(archive.namelist())))
        assert (file.name == FILE_NAME) is ("\n" not in schema)
    assert parts[0] == parts[1]


def without_ids(node):
    """The schema without the numbers of objects and the names of files, which are drawn anew each time."""
    if isinstance(node, dict):
        return {key: without_ids(value) for key, value in node.items() if key not in ("__id__", "file")}
    return [without_ids(each) for each in node] if isinstance(node, list) else node


class Danger:
    called = False

    def __reduce__(self):
        return (setattr, (Danger, "called", True))


def test_a_pickle_is_refused_and_not_run(workdir):
    (workdir / FILE_NAME).write_bytes(pickle.dumps(Danger()))
    with pytest.raises(ModelFileError, match="is not a model that bikeml wrote, or is damaged"):
        load_pipeline(workdir)
    assert not Danger.called


def shout(values):
    return values


def test_a_type_that_is_not_trusted_is_named(workdir):
    pipeline = make_pipeline(FunctionTransformer(shout), LinearRegression()).fit(X, y)
    skops.io.dump(pipeline, workdir / FILE_NAME)
    with pytest.raises(
        ModelFileError,
        match=r"holds types that are not trusted: .*shout; if you trust who wrote their package, name it in BIKEML_ALL",
    ):
        load_pipeline(workdir)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip"])
def test_a_damaged_file_is_named(content, workdir):
    (workdir / FILE_NAME).write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_pipeline(workdir)


def test_a_truncated_file_is_named(workdir):
    file = save_pipeline(make_pipeline(LinearRegression()).fit(X, y), workdir)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ModelFileError, match="damaged"):
        load_pipeline(workdir)


def test_a_missing_model_is_named(workdir):
    with pytest.raises(ModelFileError, match=r"there is no model at .*; give the path of a model.skops"):
        load_pipeline(workdir)


@pytest.mark.long
@pytest.mark.slow
def test_a_lean_skops_walks_through_nothing_and_models_load_all_the_same(workdir):
    script = """
import sys
from pathlib import Path
import bikeml.experiment.trusted.lean_skops
import scipy.special
import sklearn.utils
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from bikeml.experiment.model_file import load_pipeline, save_pipeline
print("pytest" in sys.modules, "dask" in sys.modules, "sklearn.gaussian_process" in sys.modules)
functions = [FunctionTransformer(function) for function in (scipy.special.logit, scipy.special.expit)]
fitted = make_pipeline(*functions, GradientBoostingRegressor(n_estimators=2)).fit([[0.1], [0.2]], [1, 2])
save_pipeline(fitted, Path("model"))
print(list(load_pipeline("model").predict([[0.1], [0.2]])) == list(fitted.predict([[0.1], [0.2]])))
print(len(sklearn.utils.all_estimators()) > 100)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False", "True", "True"]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("sklearn.linear_model._base.LinearRegression", True),
        ("sklearn.linear_model.LinearRegression", False),
        ("sklearn.linear_model._base.missing", False),
        ("sklearn.no_such_module.Model", False),
        ("sklearn.linear_model._base.LinearModel.fit", False),
        ("sklearn.utils._bunch.Bunch", False),
        ("sklearn.tests.test_base.MyEstimator", False),
        ("sklearn.externals.joblib.Parallel", False),
        ("sklearnx.base.Model", False),
        ("os.system", False),
    ],
)
def test_only_estimators_of_scikit_learn_are_known_as_such(name, is_one):
    assert _is_estimator(name) == is_one
