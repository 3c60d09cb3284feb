import inspect
import itertools

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra.errors import MissingConfigException

from bikeml.config.composition import compose, config_dir, explain, resolve
from bikeml.config.schema import typed
from bikeml.errors import ConfigError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.estimators import find_class
from bikeml.experiment.pipeline import build_pipeline
from bikeml.experiment.trusted.packages import OF_FILES
from tests.conftest import config_of

GROUPS = ("data", "split", "preprocessing", "model", "search", "tracking", "experiment")
OPTIONS = [(group, file.stem) for group in GROUPS for file in sorted((config_dir() / group).glob("*.yaml"))]
MODELS = [option for group, option in OPTIONS if group == "model"]
NOT_TUNABLE = {"verbose", "warm_start", "copy_X", "criterion"}
NOT_OF_CATBOOST = {
    # second names
    *("n_estimators", "num_boost_round", "num_trees", "max_depth", "reg_lambda", "colsample_bylevel", "objective"),
    *("eta", "max_bin", "min_child_samples", "num_leaves", "random_seed", "od_pval", "od_wait", "od_type"),
    # of categories, texts and embeddings, which arrive encoded
    *("counter_calc_method", "ctr_leaf_count_limit", "store_all_simple_ctr", "max_ctr_complexity", "one_hot_max_size"),
    *("final_ctr_computation_mode", "simple_ctr", "combinations_ctr", "per_feature_ctr", "ctr_description"),
    *("ctr_target_border_count", "ctr_history_unit", "cat_features", "model_size_reg", "text_features", "tokenizers"),
    *("dictionaries", "feature_calcers", "text_processing", "embedding_features", "target_border"),
    # of graphics cards
    *("gpu_ram_part", "pinned_memory_size", "task_type", "device_config", "devices", "gpu_cat_features_storage"),
    *("data_partition", "random_score_type"),
    # of logs, memory, ranking and single columns
    *("silent", "logging_level", "metric_period", "name", "custom_metric", "metadata", "used_ram_limit"),
    *("dev_score_calc_obj_block_size", "dev_efb_max_buckets", "sparse_features_conflict_fraction", "sampling_unit"),
    *("ignored_features", "per_float_feature_quantization", "fixed_binary_splits"),
}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_into_a_typed_config_and_a_pipeline(group, option):
    if option == "azureml":
        pytest.importorskip("azureml.mlflow", reason="the azure extra is not installed")
    needed = {"csv": ["data.path=x.csv"], "group": ["data.group=mnth"], "native": ["model=hist_gbr"]}
    config = config_of(f"{group}={option}", *needed.get(option, []))
    check_estimators(config)
    assert build_pipeline(config, pd.DataFrame(columns=config.data.features)).named_steps.keys() == {
        "preprocessor",
        *config.preprocessing.after,
        "regressor",
    }


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_file_says_in_one_comment_line_what_it_is(group, option):
    lines = (config_dir() / group / f"{option}.yaml").read_text().splitlines()
    comments = [
        line for line in itertools.takewhile(lambda line: line.startswith("#"), lines) if "@package" not in line
    ]
    assert len(comments) == 1


def test_no_option_has_a_name_that_yaml_reads_as_a_boolean():
    assert all(isinstance(yaml.safe_load(option), str) for _, option in OPTIONS)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_lists_every_tunable_argument_so_that_no_override_needs_a_plus(model):
    estimator = config_of(f"model={model}").model.estimator
    parameters = inspect.signature(find_class("", estimator["_target_"], object)).parameters.values()
    known = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    assert known - NOT_TUNABLE - (NOT_OF_CATBOOST | {*OF_FILES} if model == "catboost" else set()) <= set(estimator)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_searched(model):
    check_estimators(config_of(f"model={model}", "search=grid"))


def test_the_tutorials_grid_has_144_candidates():
    grid = config_of("experiment=tutorial_grid").model.grid
    assert set(grid) == {"n_estimators", "learning_rate"}
    assert grid["n_estimators"] == list(range(20, 101, 10))
    np.testing.assert_allclose(grid["learning_rate"], np.arange(0.05, 0.20, 0.01), rtol=1e-12)
    assert len(grid["n_estimators"]) * len(grid["learning_rate"]) == 144


def test_a_recipes_choice_gives_way_to_the_command_line():
    config = config_of("experiment=tutorial_grid", "data=csv", "data.path=my.csv", "model=rf")
    assert config.data.path == "my.csv"
    assert config.model.estimator["_target_"].endswith("RandomForestRegressor")


def test_the_seed_reaches_the_models_and_not_the_split():
    config = config_of("model=rf", "seed=7")
    assert (config.model.estimator["random_state"], config.split.random_state) == (7, 0)


@pytest.mark.slow
def test_a_users_folder_adds_a_model_with_one_file(bikeml_main, workdir):
    (workdir / "my" / "model").mkdir(parents=True)
    (workdir / "my" / "model" / "neighbours.yaml").write_text(
        "# Nearest neighbours\n"
        "estimator: {_target_: sklearn.neighbors.KNeighborsRegressor, n_neighbors: 7}\n"
        "grid: {n_neighbors: [3, 7]}\n"
    )
    status = bikeml_main("--config-dir", str(workdir / "my"), "model=neighbours", "tracking=none", "hydra.run.dir=out")
    assert status == 0
    assert (workdir / "out" / "result.json").is_file()


BAD_OVERRIDES = [
    ("modle=rf", r"unknown key 'modle'; did you mean 'model'\?; allowed here: azure, blend, data, .*tracking"),
    ("model=rff", r"model has no option 'rff'; did you mean 'rf'\?; allowed: .*gbr.*tree"),
    ("model=", r"model has no option ''"),
    ("model.estimatr.n_jobs=1", r"unknown key 'model.estimatr'; did you mean 'estimator'"),
    ("model.estimator.n_job=1", r"unknown key 'model.estimator.n_job'; did you mean 'n_jobs'"),
    ("splt.test_size=0.2", r"unknown key 'splt'; did you mean 'split'"),
    ("split.testsize=0.2", r"unknown key 'split.testsize'; did you mean 'test_size'"),
    ("+foo=1", r"unknown key 'foo'; allowed here: seed, data"),
    ("++split.fold=3", r"unknown key 'split.fold'; did you mean 'folds'\?; allowed here: kind, test_size"),
    ("hydra.run.dirr=x", r"unknown key 'hydra.run.dirr'; did you mean 'dir'"),
    ("seed=minus", r"seed='minus' should be an integer"),
    ("seed=-1", r"seed=-1 should be greater than or equal to 0"),
    ("seed=1.5", r"seed=1.5 should be an integer"),
    ("seed=true", r"seed=True should be an integer"),
    ("split.test_size=1.5", r"split.test_size=1.5 should be less than 1"),
    ("split.test_size=0", r"split.test_size=0.* should be greater than 0"),
    (
        "split.test_size=1.0",
        r"split.test_size=1.0 should be less than 1 as a share; a number of rows is written without",
    ),
    ("split.test_size=true", r"split.test_size=True should be a number: a share such as 0.3, or how many, such as 200"),
    ("split.shuffle=false split.repeats=2", r"split has repeats=2 and shuffle=false, so that all repeats would be the"),
    ("split=stratified split.bins=1", r"split.bins=1 should be greater than or equal to 2"),
    ("split=chronological split.gap=-1", r"split.gap=-1 should be greater than or equal to 0"),
    ("split=group split.gap=1", r"unknown key 'split.gap'"),
    ("data.group=rentals", r"data has 'rentals' for both target and group; set data.group to another column"),
    ("split.test_size=some", r"split.test_size='some' should be a number"),
    ("split.folds=1", r"split.folds=1 should be greater than or equal to 2"),
    ("split.kind=rendom", r"split.kind='rendom' is not one of 'random', 'chronological'"),
    ("search.kind=null", r"search.kind=null is not one of"),
    ("evaluation.confidence=95", r"evaluation.confidence=95 should be less than 1"),
    ("evaluation.bootstrap_samples=3", r"evaluation.bootstrap_samples=3 should be greater than or equal to 100"),
    ("evaluation.nested=perhaps", r"evaluation.nested='perhaps' should be true or false"),
    ("evaluation.nested=true", r"evaluation.nested=true judges a search; choose search=grid"),
    ("data=csv", r"data.path has no value; set it with data.path=VALUE"),
    ("data.path=null", r"data.path=null should be text"),
    ("data.target=temp", r"data gives columns more than one role: .temp. is in data.target and data.numeric"),
    ("data.numeric=temp", r"data.numeric='temp' should be a list"),
    (
        "data.numeric=[season]",
        r"data gives columns more than one role: .season. is in data.numeric and data.categorical",
    ),
    ("data.separator=''", r"data.separator='' should be one character, or auto"),
    ("data.separator=abc", r"data.separator='abc' should be one character, or auto"),
    ("data.encoding=klingon", r"data.encoding='klingon' is not an encoding that Python knows"),
    (
        "data=csv data.path=x data.allowed.c=3",
        r"unknown key 'data.allowed.c'; to add a key, write \+data.allowed.c=VALUE",
    ),
    (
        "model.grid.tol=[1]",
        r"unknown key 'model.grid.tol'; allowed here: fit_intercept, positive; to add a key, write \+",
    ),
    ("data.allowed={season:3}", r"data.allowed.season=3 should be a list"),
    ("data.allowed=3", r"data.allowed=3 should be a mapping"),
    ("tracking.experiment_name=''", r"tracking.experiment_name='' should not be empty"),
    (
        "tracking.uri='http://me:hush@host'",
        r"tracking.uri='http://\*\*\*@host' holds a password; set MLFLOW_TRACKING_USER",
    ),
    (
        "tracking.uri='klingon://x'",
        r"tracking.uri='klingon://x' is not a store of MLflow \(http, https, sqlite, .*\); write",
    ),
    ("tracking.uri=./mlruns", r"tracking.uri='./mlruns' is a folder, and MLflow keeps no new runs in folders; write"),
    ("tracking.uri='file:///tmp/x'", r"tracking.uri='file:///tmp/x' is a folder"),
    ("tracking.uri='sqlite://x.db'", r"tracking.uri='sqlite://x.db' names no file; write sqlite:///mlflow.db"),
    ("tracking.uri='sqlite:///'", r"tracking.uri='sqlite:///' names no file"),
    ("tracking.uri='sqlite:///:memory:'", r"tracking.uri='sqlite:///:memory:' names no file"),
    ("tracking.uri='http://'", r"tracking.uri='http://' names no server; write one such as http://127.0.0.1:5000"),
    ("tracking.uri='http://host:port'", r"tracking.uri='http://host:port' Port could not be cast"),
    ("tracking.uri='http://['", r"tracking.uri='http://\[' Invalid IPv6 URL"),
    ("tracking.uri=''", r"tracking.uri='' should not be empty"),
    ("seed=${nope}", r"seed cannot be resolved: Interpolation key 'nope' not found"),
    ("seed", r"cannot read the override 'seed'; write key=value"),
    ("seed=[1", r"cannot read the override 'seed=\[1'"),
    ("split.test_size=0,3", r"split.test_size=0,3 is two values; a decimal has a point: split.test_size=0.3"),
    ("model=rf,gbr", r"Ambiguous value for argument 'model=rf,gbr'"),
    ("split=[1,2]", r"not iterable|must be a string"),
    ("data.encoding=base64", r"data.encoding='base64' is not an encoding that Python knows"),
    ("split=null", r"a group .* takes the name of an option, and no null, .* or choose an option: search=none"),
    ("model=[tree,rf]", r"model=\[tree,rf\] mixes the arguments of 2 models; .* sweep over them: -m model=tree,rf"),
    ("name=champion", r"unknown key 'name'; registered_model is the name of a model in the registry, tracking.run_nam"),
    ("data.name='${oc.env:NO_SUCH}'", r"not found\"; set the variable, or .* not set: \$\{oc.env:NO_SUCH,VALUE\}$"),
    ("data.name='${oc.decode:\"[1,\"}'", r"data.name cannot be resolved: .*; correct what oc.decode is given$"),
    ("data.name='${nope:1}'", r"Unsupported interpolation type nope; for the text \$\{ write"),
    ("+tracking.tags.'a b'=1", r"write the key without quotes, in a mapping: '\+tracking.tags=\{a b: 1\}'$"),
    ("+tracking.tags={'a b': 1, c: 2}", r"write its keys without quotes: '\+tracking.tags=\{a b: 1, c: 2\}'$"),
    ("~model", r"model is missing"),
    ("~split.folds", r"split.folds is missing"),
    ("model.estimator=5", r"model.estimator=5 should be a mapping"),
    ("model.estimator._target_=5", r"model.estimator needs a _target_"),
    ("model.grid=null", r"model.grid=null should be a mapping"),
    ("model.grid.positive=true", r"model.grid.positive=True should be a list"),
    ("model.grid.positive=[]", r"model.grid.positive=\[\] should not be empty"),
    ("experiment=houses", r"no option 'houses'; the name of an experiment in the store is tracking.experiment_name=ho"),
    ("experiment=tutorial_gird", r"experiment has no option 'tutorial_gird'; did you mean 'tutorial_grid'"),
    ("azure.endpoint.instance_count=0", r"azure.endpoint.instance_count=0 should be greater than or equal to 1"),
    ("azure.endpoint.request_settings.request_timeout_ms=180001", r"ms=180001 should be less than or equal to 180000"),
    (
        "azure.endpoint.liveness_probe.period=0",
        r"azure.endpoint.liveness_probe.period=0 should be greater than or equal",
    ),
    ("azure.endpoint.liveness_probe.peroid=5", r"azure.endpoint.liveness_probe.peroid'.*period"),
    ("azure.endpoint.request_timeout_ms=5", r"azure.endpoint.request_timeout_ms'"),
]


def test_what_is_advised_for_quoted_keys_composes():
    assert config_of("+tracking.tags={a b: 1, c: 2}").tracking.tags == {"a b": 1, "c": 2}


@pytest.mark.parametrize(("place", "named"), [("conf", "conf"), ("../my conf", "'../my conf'"), (".", ".")])
def test_an_option_in_a_folder_nearby_is_found(workdir, monkeypatch, place, named):
    (workdir / "here").mkdir()
    monkeypatch.chdir(workdir / "here")
    file = workdir / "here" / place / "data" / "houses.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("defaults: [csv]\n")
    with pytest.raises(ConfigError) as caught:
        compose(["data=houses"])
    place = f"{place}/" if place != "." else ""
    assert f"data has no option 'houses', but {place}data/houses.yaml is there; add --config-dir {named}; al" in str(
        caught.value
    )


@pytest.mark.parametrize("option", ["houses", "houses.csv"])
def test_a_table_given_as_an_option_is_told_how_to_be_given(workdir, option):
    (workdir / "houses.csv").write_text("a,b\n")
    with pytest.raises(
        ConfigError,
        match=f"{option}'; for the table 'houses.csv' write data=csv data.path=houses.csv data.target=COL"
        "UMN, or make an option of it: python -m bikeml init houses.csv target=COLUMN; allowed: csv, daily",
    ):
        compose([f"data={option}"])


def test_a_column_given_as_the_option_target_is_told_where_it_belongs():
    with pytest.raises(ConfigError, match=r"'price'; the column that is predicted is data.target=price; allowed: id"):
        compose(["target=price"])


@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES)
def test_a_bad_override_is_named_with_what_is_allowed(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        config_of(*([override] if "'" in override else override.split()))
    assert "hush" not in str(caught.value)


def test_schema_errors_come_all_at_once():
    with pytest.raises(ConfigError) as caught:
        config_of("seed=-1", "split.folds=1", "+foo=1", "data.path=null")
    assert [line.split("=")[0] for line in str(caught.value).splitlines()] == [
        "seed",
        "data.path",
        "split.folds",
        "unknown key 'foo'; allowed here: seed, data, split, preprocessing, model, target, search, evaluation, blend, tracking, azure, vars, reuse, sweep, open",
    ]


def test_a_search_without_axes_is_a_contradiction():
    sections = resolve(compose(["search=grid"]))
    sections["model"]["grid"] = {}
    with pytest.raises(ConfigError, match="search=grid needs axes to search; add some to model.grid"):
        typed(sections)


def test_a_chronological_split_needs_a_date():
    with pytest.raises(ConfigError, match="split=chronological needs a date column; set data.date"):
        config_of("split=chronological", "data.date=null")


BAD_ESTIMATORS = [
    (["+model.estimator.fit_intercep=1"], r"LinearRegression has no such argument; did you mean 'fit_intercept'"),
    (["model=rf", "model.estimator.n_estimators=-5"], r"'n_estimators' parameter of RandomForestRegressor .* Got -5"),
    (["model=rf", "model.estimator.max_depth=deep"], r"'max_depth' parameter .* Got 'deep'"),
    (
        ["model.estimator._target_=sklearn.linear_model.HuberRegressor"],
        r"positive: HuberRegressor has no such argument; it has .*; if the option .* with ~model.estimator.positive\n",
    ),
    (["model=rf", "model.estimator.monotonic_cst={temp: 2}"], r"takes in monotonic_cst 1 to increase, .*; got 2$"),
    (["model=hist_gbr", "model.estimator.monotonic_cst={hum: up}"], r"got 'up'$"),
    (["model=rf", "model.estimator.monotonic_cst=[0,3]"], r"got 3$"),
    (["+model.estimator._partial_=true"], r"model.estimator._partial_ is for Hydra.s instantiate"),
    (
        ["model.estimator._target_=os.system"],
        r"_target_='os.system' is not in an allowed package \(sklearn, skrub, lightgbm, xgboost, catboost\); to allow",
    ),
    (["model.estimator._target_=system"], r"_target_='system' has no module; name a class such as"),
    (["model.estimator._target_=sklearn.linear_model.Laso"], r"does not exist; did you mean 'Lasso'"),
    (["model.estimator._target_=sklearn.linear_modell.Lasso"], r"cannot be imported: No module named"),
    (["model.estimator._target_=sklearn.linear_model.LogisticRegression"], r"is not a regressor class"),
    (["model.estimator._target_=sklearn.preprocessing.StandardScaler"], r"is not a regressor class"),
    (["model.estimator._target_=sklearn.metrics.r2_score"], r"is not a regressor class"),
    (
        ["model.estimator._target_=sklearn.pipeline.Pipeline"],
        r"name its last step here, and put .* preprocessing.after",
    ),
    (
        ["preprocessing=standard", "preprocessing.numeric.scaler._target_=sklearn.svm.SVR"],
        r"is not a transformer class",
    ),
    (
        ["preprocessing=standard", "+preprocessing.numeric.scaler.foo=1"],
        r"preprocessing.numeric.scaler.foo: StandardSc",
    ),
    (["model=gbr", "+model.estimator.init={_target_: os.system}"], r"init._target_='os.system' is not in an allowed"),
    (["search=grid", "search.scoring=accuracy"], r"search.scoring='accuracy' is not a scorer for regression"),
    (["search=grid", "search.scoring=roc_auc"], r"search.scoring='roc_auc' is not a scorer for regression"),
    (
        ["search=grid", "+model.grid.fit_intercep=[true]"],
        r"model.grid.fit_intercep: LinearRegression has no such argument; did you mean 'fit_intercept'",
    ),
    (["model=gbr", "search=grid", "model.grid.learning_rate=[0.1,-1]"], r"model.grid.learning_rate: .*Got -1"),
    (["model=gbr", "search=grid", "+model.grid.init=[{_target_: os.system}]"], r"'os.system' is not in an allowed"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD_ESTIMATORS)
def test_a_wrong_estimator_is_refused_before_any_data_is_read(overrides, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of(*overrides))


def test_estimator_errors_come_all_at_once():
    with pytest.raises(ConfigError) as caught:
        check_estimators(
            config_of("preprocessing=standard", "+preprocessing.numeric.scaler.a=1", "+model.estimator.b=1")
        )
    assert len(str(caught.value).splitlines()) == 2


def test_the_environment_widens_the_allowed_packages(monkeypatch):
    config = config_of("model.estimator={_target_: collections.OrderedDict}")
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "collections")
    with pytest.raises(ConfigError, match="is not a regressor class"):
        check_estimators(config)


def test_an_estimator_that_keeps_only_scikit_learns_public_contract_is_taken(monkeypatch, workdir):
    (workdir / "plain_model.py").write_text(
        "from sklearn.base import BaseEstimator, RegressorMixin\n"
        "class Mean(RegressorMixin, BaseEstimator):\n"
        "    def fit(self, X, y): self.mean_ = y.mean(); return self\n"
        "    def predict(self, X): return [self.mean_] * len(X)\n"
    )
    monkeypatch.syspath_prepend(workdir)
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "plain_model")
    config = config_of("model=baseline")
    mean = config.model.model_copy(update={"estimator": {"_target_": "plain_model.Mean"}})
    check_estimators(config.model_copy(update={"model": mean}))


def test_what_an_allowed_module_imported_from_elsewhere_is_not_allowed(monkeypatch, workdir):
    (workdir / "elsewhere_model.py").write_text(
        "from sklearn.linear_model import LinearRegression\nclass Mine(LinearRegression): pass\n"
    )
    (workdir / "allowed_model.py").write_text("from elsewhere_model import Mine\n")
    monkeypatch.syspath_prepend(workdir)
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "allowed_model")
    with pytest.raises(
        ConfigError,
        match="is defined in 'elsewhere_model', not in sklearn, skrub, lightgbm, xgboost, catboost, allowed_model",
    ):
        check_estimators(config_of("model.estimator={_target_: allowed_model.Mine}"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("estimator: [1\ngrid: 2\n", r"broken.yaml, line 2, column \d+: not valid YAML"),
        ("estimator:\n\t_target_: x\n", r"broken.yaml, line 2, column 1: not valid YAML"),
        ("a: 1\na: 2\n", r"broken.yaml, line 2.*duplicate key"),
        ("- 1\n- 2\n", r"model=\[1, 2\] should be a mapping"),
    ],
)
def test_malformed_yaml_is_named_with_file_and_line(bikeml_main, workdir, capsys, content, message):
    (workdir / "my" / "model").mkdir(parents=True)
    (workdir / "my" / "model" / "broken.yaml").write_text(content)
    assert bikeml_main("--config-dir", str(workdir / "my"), "model=broken") == 2
    error = capsys.readouterr().err
    import re

    assert re.search(message, error), error
    assert "Traceback" not in error


def test_a_launcher_that_is_not_installed_says_what_to_install():
    missing = MissingConfigException("", missing_cfg_file="hydra/launcher/joblib", options=["basic"])
    assert "install it with: pip install 'bikeml[joblib]'" in str(explain(missing))


def test_a_workspace_without_its_plugin_says_what_to_install(monkeypatch):
    monkeypatch.setattr("bikeml.config.fields.entry_points", lambda group: [])
    with pytest.raises(ConfigError, match=r"tracking.uri='azureml://x' needs Azure's plugin .*bikeml\[azure\]"):
        config_of("tracking.uri='azureml://x'")
