"""The arrays of a model file are checked before anything follows an index in them."""

import json
import zipfile
from random import Random

import numpy as np
import pytest

from bikeml.errors import ModelFileError
from bikeml.experiment.model_file import hash_model, load_pipeline, save_pipeline
from bikeml.experiment.trusted.arrays import check_arrays
from tests.attacks import models

X, Y = models.build_rows()


@pytest.fixture(scope="module", params=models.build_pipelines())
def fitted(request):
    return models.build_pipelines()[request.param].fit(X, Y)


@pytest.fixture
def fit():
    """Fit one of the pipelines by its name."""
    return lambda name: models.build_pipelines()[name].fit(X, Y)


def test_a_model_that_was_fitted_passes_and_predicts_the_same(fitted, workdir):
    loaded = load_pipeline(save_pipeline(fitted, workdir), hash_model(workdir))
    assert np.array_equal(loaded.predict(X), fitted.predict(X))


def with_state(tree, change):
    """Return a tree with the changed state of another one."""
    kind, arguments, state = tree.__reduce__()
    state = {**state, "nodes": state["nodes"].copy()}
    change(state)
    made = kind(*arguments)
    made.__setstate__(state)
    return made


def root_to_itself(state):
    state["nodes"]["left_child"][0] = 0


def child_outside(state):
    state["nodes"]["right_child"][0] = 10**6


def column_outside(state):
    state["nodes"]["feature"][0] = 99


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tree", "rf", "gbr", "extra_tree", "bagging", "adaboost"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (root_to_itself, "has a child that is not behind it"),
        (child_outside, "has a child that is not behind it"),
        (column_outside, "asks for a column that does not exist"),
    ],
)
def test_a_tree_that_leads_astray_is_refused(fit, model, change, message):
    pipeline = fit(model)
    regressor = pipeline[-1]
    trees = np.ravel(np.asarray(getattr(regressor, "estimators_", [regressor]), dtype=object))
    trees[0].tree_ = with_state(trees[0].tree_, change)
    with pytest.raises(ValueError, match=message):
        check_arrays(pipeline)


def test_a_forest_of_trees_for_more_columns_is_refused(fit):
    forest, wide = fit("rf"), np.tile(X.to_numpy(), 3)
    forest[-1].estimators_[1].fit(wide, wide[:, 9])
    with pytest.raises(ValueError, match="another number of columns than its forest"):
        check_arrays(forest)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("left", 0, "has a child that is not behind it"),
        ("right", 10**6, "has a child that is not behind it"),
        ("feature_idx", 99, "asks for a column that does not exist"),
    ],
)
def test_a_node_of_hist_gbr_that_leads_astray_is_refused(fit, field, value, message):
    pipeline = fit("hist_gbr")
    pipeline[-1]._predictors[1][0].nodes[field][0] = value
    with pytest.raises(ValueError, match=message):
        check_arrays(pipeline)


def test_categories_of_hist_gbr_that_are_no_bits_are_refused(fit):
    pipeline = fit("hist_gbr")
    pipeline[-1]._bin_mapper.bin_thresholds_[0] = np.array([0.0, 300.0])
    with pytest.raises(ValueError, match="a category has a number that does not exist"):
        check_arrays(pipeline)


@pytest.mark.parametrize("name", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize(("place", "change"), [(1, "row"), (2, "end"), (2, "leaf")])
def test_a_tree_of_neighbours_that_leads_astray_is_refused(fit, name, place, change):
    pipeline = fit(name)
    tree = pipeline[-1]._tree
    state = list(tree.__getstate__())
    state[place] = np.array(state[place])
    if change == "row":
        state[place][0] = 10**6
    elif change == "end":
        state[place]["idx_end"][0] = 10**6
    else:
        state[place]["is_leaf"][-1] = 0
    tree.__setstate__(tuple(state))
    with pytest.raises(ValueError, match=r"a row that does not exist|a node has no rows|a child that does not exist"):
        check_arrays(pipeline)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("brute", lambda model: vars(model).update(_fit_X=model._fit_X[:, :2]), "another number of columns"),
        ("svr", lambda model: vars(model).update(_dual_coef_=np.ones((1, 99))), "have other coefficients"),
        ("kmeans", lambda model: vars(model).update(cluster_centers_=np.ones((3, 9))), "another number of columns"),
        ("bisecting", lambda model: vars(model._bisecting_tree.left).update(center=np.ones(9)), "another number of"),
        ("bisecting", lambda model: vars(model._bisecting_tree).update(left=model._bisecting_tree), "in a circle"),
    ],
)
def test_arrays_of_other_shapes_are_refused(fit, name, change, message):
    pipeline = fit(name)
    change(pipeline[0])
    with pytest.raises(ValueError, match=message):
        check_arrays(pipeline)


def test_words_and_categories_in_columns_that_do_not_exist_are_refused(fit):
    from sklearn.feature_extraction.text import CountVectorizer

    words = CountVectorizer().fit(["one two", "three"])
    check_arrays(words)
    words.vocabulary_["one"] = 99
    with pytest.raises(ValueError, match="the columns of words are not numbered"):
        check_arrays(words)
    encoder = fit("one_hot")[0].named_transformers_["onehotencoder"]
    encoder._default_to_infrequent_mappings = [np.full(4, 99)]
    with pytest.raises(ValueError, match="encoded in a column that does not exist"):
        check_arrays(encoder)


def alter(file, change):
    """Write a model file again after a change of its members."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_what_is_no_regressor_is_refused(workdir, fit):
    from sklearn.preprocessing import StandardScaler

    file = save_pipeline(StandardScaler().fit(X), workdir)
    with pytest.raises(ModelFileError, match="it holds no regressor, but a StandardScaler"):
        load_pipeline(file)
    alter(save_pipeline(fit("tree"), workdir), lambda members: members.update({"schema.json": as_text(members)}))
    with pytest.raises(ModelFileError, match="it holds no regressor, but a str"):
        load_pipeline(file)


def as_text(members):
    schema = json.loads(members["schema.json"])
    kept = {key: schema[key] for key in ("protocol", "_skops_version")}
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": '"text"', "__id__": 1}
    return json.dumps({**text, **kept}).encode()


@pytest.mark.slow
def test_a_file_that_would_fill_the_memory_is_refused(workdir, fit):
    file = save_pipeline(fit("tree"), workdir)
    alter(file, lambda members: members.update({"zeros.npy": bytes(300 * 2**20)}))
    with pytest.raises(ModelFileError, match=r"its [\d,]+ bytes hold 314,[\d,]+; at most 268,435,456 are allowed"):
        load_pipeline(file)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (b"[" + b"[]," * 1_000_000 + b"[]]", r"its schema.json of 3,000,004 bytes has 1,000,002 parts"),
        (b" " * 20_000_000, r"its [\d,]+ bytes hold a schema.json of 20,000,000"),
        (b"[" * 50_000, r"RecursionError"),
    ],
)
def test_a_schema_of_more_parts_than_skops_writes_is_refused(workdir, fit, schema, message):
    file = save_pipeline(fit("tree"), workdir)
    alter(file, lambda members: members.update({"schema.json": schema}))
    with pytest.raises(ModelFileError, match=message):
        load_pipeline(file)


def test_each_change_of_the_attack_changes_a_file(workdir, fit):
    file = save_pipeline(fit("hist_gbr"), workdir)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for change in models.CHANGES.values():
        found = [dict(members) for _ in range(5)]
        said = [change(each, Random(seed)) for seed, each in enumerate(found)]
        assert any(each != members for each in found), said
