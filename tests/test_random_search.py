"""search=random: candidates drawn from the model's space, scored by the same search as a grid's."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from bikeml.config.composition import config_dir
from bikeml.config.sections import result_sections
from bikeml.errors import ConfigError
from bikeml.evaluation.choice import decide_metrics
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.fit import fit
from bikeml.experiment.grid import build_grid
from bikeml.experiment.pipeline import build_pipeline
from bikeml.system.documents import parse_yaml
from bikeml.table.data import read_table
from bikeml.table.split import split_table
from bikeml.terminal.progress import silent
from tests.conftest import config_of

MODELS = sorted(file.stem for file in (config_dir() / "model").glob("*.yaml"))
RIDGE = ("model=ridge", "search=random")
ALPHA = "regressor__alpha"


def draw(*overrides: str) -> list[dict[str, object]]:
    """Return the candidates of a search."""
    config = config_of(*overrides)
    table = read_table(config, find_tolerance(config))
    grids = build_grid(config, build_pipeline(config, table.X))
    assert all(len(values) == 1 for grid in grids for values in grid.values())
    return [{name: values[0] for name, values in grid.items()} for grid in grids]


def test_numbers_are_within_their_range_spread_as_it_says_and_short():
    alphas = [candidate[ALPHA] for candidate in draw(*RIDGE, "search.n_candidates=400")]
    assert len(set(alphas)) > 300
    assert min(alphas) >= 0.001
    assert max(alphas) <= 1000
    assert abs(np.mean(np.log10(alphas))) < 0.3  # the middle of 0.001 to 1000 by the logarithm
    assert all(len(f"{alpha:g}") <= len("0.00123") for alpha in alphas)


@pytest.mark.parametrize("is_log", [False, True])
def test_whole_numbers_reach_both_ends(is_log):
    space = f"model.space.max_features={{low: 2, high: 4, log: {str(is_log).lower()}}}"
    drawn = draw("model=rf", "search=random", "search.n_candidates=200", space)
    assert {candidate["regressor__max_features"] for candidate in drawn} == {2, 3, 4}
    assert all(isinstance(candidate["regressor__max_features"], int) for candidate in drawn)


def test_a_longer_search_begins_with_the_candidates_of_a_shorter_one_and_a_seed_changes_them():
    short, long = (draw(*RIDGE, f"search.n_candidates={n}") for n in (5, 12))
    assert long[:5] == short
    assert draw(*RIDGE, "search.n_candidates=5", "search.random_state=7") != short


def test_a_space_of_lists_is_drawn_without_repeating_and_ends_when_it_is_used_up():
    drawn = draw("model=linear", "search=random", "search.n_candidates=50")  # it has no space: its grid
    assert len(drawn) == len({tuple(candidate.items()) for candidate in drawn}) == 4


@pytest.mark.parametrize("model", MODELS)
def test_the_space_of_each_model_holds(model):
    check_estimators(config_of(f"model={model}", "search=random"))
    spec = parse_yaml((config_dir() / "model" / f"{model}.yaml").read_bytes())
    assert {*spec.get("space", {})} <= {*spec["estimator"], "kernel__k1__k2__nu"}


def test_the_search_is_the_one_of_the_grid():
    config = decide_metrics(config_of("model=tree", "search=random", "search.n_candidates=4"))
    table = read_table(config, find_tolerance(config))
    split = split_table(table, config.split, config.search.folds)
    outcome = fit(config, table, split, "name", silent).outcome
    X, y = table.X.iloc[split.train], table.y[split.train]
    pipeline = build_pipeline(config, X)
    theirs = GridSearchCV(pipeline, build_grid(config, pipeline), cv=split.search_folds, scoring="r2").fit(X, y)
    np.testing.assert_array_equal(outcome.candidates["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert {f"regressor__{name}": value for name, value in outcome.best_params.items()} == theirs.best_params_


def test_only_what_is_searched_is_part_of_the_result():
    def keys(*overrides: str) -> set[str]:
        return {*result_sections(config_of("model=ridge", *overrides))["model"]}

    assert keys() == {"estimator"}
    assert keys("search=grid") == {"estimator", "grid"}
    assert keys("search=random") == {"estimator", "space"}
    assert keys("search=random", "model.space=null") == {"estimator", "grid"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.space.alpha={low: 2, high: 1}", r"model\.space\.alpha low=2 must be less than high=1"),
        ("model.space.alpha={low: 0, high: 1, log: true}", "log=true needs low > 0, and it is 0"),
        ("model.space.alpha=3", r"model\.space\.alpha"),
        ("search.n_candidates=0", r"search\.n_candidates"),
        ("+model.space.alfa=[1]", r"model\.space\.alfa: Ridge has no such argument; did you mean 'alpha'"),
        ("model.space.alpha={low: -1, high: 1, log: false}", r"model\.space\.alpha: .*'alpha'.*-1"),
    ],
)
def test_a_space_that_cannot_be_drawn_from_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of(*RIDGE, override))
