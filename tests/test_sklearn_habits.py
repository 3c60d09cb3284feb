"""What people who come from scikit-learn do, and what a run makes of it."""

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

import bikeml
from bikeml.experiment.estimators import build
from bikeml.experiment.pipeline import build_pipeline
from bikeml.records.params import OF_AZURE_ML, OF_MLFLOW
from bikeml.tracking.entities import to_params
from bikeml.tracking.sweeps import _is_same
from tests.conftest import config_of

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
SCALER = "{_target_: sklearn.preprocessing.StandardScaler}"
STEP = "+preprocessing.numeric.step={{_target_: sklearn.{}}}"


def fit_on_gaps(*overrides):
    config = config_of("data.numeric=[temp,hum]", "data.categorical=[season]", "data.date=null", *overrides)
    X = pd.DataFrame(
        {"temp": [1.0, 2.0, np.nan, 4.0] * 10, "hum": [2.0, 1.0, 4.0, 3.0] * 10, "season": [1, 2, 3, 4] * 10}
    )
    return build_pipeline(config, X).fit(X, np.arange(40)), X


def test_a_whole_number_as_target_is_no_class_to_a_target_encoder():
    spec = {"_target_": "sklearn.preprocessing.TargetEncoder", "shuffle": False}
    X, y = np.array([["a"], ["b"]] * 20), np.arange(40)
    assert TargetEncoder(cv=KFold(5)).fit_transform(X, y).shape == (40, 40)
    assert build(spec).fit_transform(X, y).shape == (40, 1)
    assert build({**spec, "target_type": "multiclass"}).target_type == "multiclass"


def test_an_iterative_imputer_needs_no_switch():
    target = "sklearn.impute.IterativeImputer"
    overrides = ("preprocessing=none", f"+preprocessing.numeric.fill={{_target_: {target}, random_state: 0}}")
    pipeline, X = fit_on_gaps("model=linear", *overrides)
    assert np.isfinite(pipeline.predict(X)).all()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        "random_projection.GaussianRandomProjection, n_components: 2, random_state: 0",
        "preprocessing.FunctionTransformer",
        "neighbors.KNeighborsTransformer",
        f"pipeline.FeatureUnion, transformer_list: [[a, {SCALER}], [b, {SCALER}]], verbose_feature_names_out: false",
    ],
)
def test_the_rules_of_a_tree_are_written_if_its_columns_have_no_or_the_same_names(step, workdir):
    run = bikeml.run(*FAST, "tracking=none", "model=tree", "preprocessing=standard", STEP.format(step))
    assert "|--- " in (run.folder / "tree.txt").read_text()


@pytest.mark.long
@pytest.mark.parametrize("model", ["rf", "linear"])
def test_a_run_is_judged_by_several_workers_to_the_same_digits(model, workdir):
    options = (*FAST, "tracking=none", f"model={model}")
    one, two = (bikeml.run(*options, f"evaluation.n_jobs={n}", f"hydra.run.dir=out{n}") for n in ("null", "2"))
    assert one.record.cv == two.record.cv
    assert one.record.importance == two.record.importance
    assert one.fingerprint == two.fingerprint


@pytest.fixture
def autologged(workdir):
    mlflow.set_tracking_uri(f"sqlite:///{workdir}/mlflow.db")
    mlflow.sklearn.autolog(log_models=False)
    yield
    mlflow.sklearn.autolog(disable=True)


@pytest.mark.slow
def test_autolog_makes_no_runs_of_a_runs_fits(autologged):
    from sklearn.linear_model import LinearRegression

    bikeml.run(*FAST, "model=tree", "search=grid", "search.child_runs=0", "model.grid={max_depth: [2, 3]}")
    assert len(mlflow.search_runs(search_all_experiments=True)) == 1
    LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    assert len(mlflow.search_runs(search_all_experiments=True)) == 2


def test_a_store_of_mlflow_takes_more_params_and_longer_ones_than_azure(workdir):
    columns = ",".join(f"c{number}" for number in range(300))
    values = {f"key.{number}": columns for number in range(300)}
    assert [len(param.value) for param in to_params(values, OF_MLFLOW)] == [len(columns)] * 300
    assert [len(param.value) for param in to_params(values, OF_AZURE_ML)] == [500] * 200
    uri = f"sqlite:///{workdir}/mlflow.db"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("many"))
    client.log_batch(run.info.run_id, params=to_params(values, OF_MLFLOW))
    assert client.get_run(run.info.run_id).data.params == values


def test_what_a_search_chose_and_what_a_store_cut_is_no_difference():
    recorded = {"model.estimator.max_depth": "2", "best.max_depth": "2", "data.numeric": "x" * 500, "seed": "0"}
    assert _is_same("model.estimator.max_depth", "None", recorded)
    assert _is_same("data.numeric", "x" * 600, recorded)
    assert not _is_same("seed", "1", recorded)
    assert not _is_same("model.estimator.min_samples_leaf", "1", recorded)
