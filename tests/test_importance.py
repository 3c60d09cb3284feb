"""The permutation importance: what is shuffled, how much of it, and what comes of none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from bikeml.config.sections import complete, result_sections
from bikeml.evaluation import hints, importance
from bikeml.evaluation.choice import decide_metrics
from bikeml.evaluation.importance import Importance, choose_sample, compute_importance, find_groups
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.jackknife import divide, find_error, leave_out
from bikeml.evaluation.uncertainty.units import Units
from bikeml.records import judgement
from bikeml.records.run_folder import RunFolder
from tests.conftest import config_of

SETTINGS = decide_metrics(config_of()).evaluation


def settings(**changes):
    return SETTINGS.model_copy(update=changes)


def table(n_rows, n_columns=3):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=[f"x{i}" for i in range(n_columns)])
    return X, 2 * X["x0"].to_numpy() + rng.normal(scale=0.5, size=n_rows)


def fitted(X, y):
    return make_pipeline(LinearRegression()).fit(X, y)


class Counting(RegressorMixin, BaseEstimator):
    """Predicts the first column, and counts the rows."""

    def fit(self, X, y):
        self.n_rows_, self.n_calls_ = 0, 0
        return self

    def predict(self, X):
        self.n_rows_ += len(X)
        self.n_calls_ += 1
        return X.to_numpy()[:, 0]


def test_a_column_that_matters_is_more_important_than_one_that_does_not():
    X, y = table(100, 2)
    found = compute_importance(fitted(X, y), X, y, SETTINGS)
    assert found.columns == ("x0", "x1")
    assert found.mean[0] > 1
    assert found.mean[1] == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("kind", ["auto", "permutation"])
def test_of_a_small_table_auto_shuffles_all_to_the_last_bit(kind):
    X, y = table(220, 10)
    model = fitted(X, y)
    found = compute_importance(model, X, y, settings(importance=kind))
    theirs = permutation_importance(model, X, y, scoring="r2", n_repeats=5, random_state=0)
    assert found.mean == tuple(theirs.importances_mean)
    assert found.std == tuple(theirs.importances_std)
    assert (found.n_rows, found.n_repeats) == (220, 5)


def test_auto_predicts_no_more_rows_than_it_may(monkeypatch):
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 3_000)
    X, y = table(2_000, 5)
    model = make_pipeline(Counting()).fit(X, y)
    found = compute_importance(model, X, y, settings(importance="auto"))
    assert (found.n_rows, found.n_repeats) == (300, 2)
    assert model[-1].n_rows_ == 300 * (2 * 5 + 1), "each shuffle, and the rows as they are"
    assert found == compute_importance(model, X, y, settings(importance="auto"))


def test_permutation_shuffles_every_row_of_any_table(monkeypatch):
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 1)
    X, y = table(300)
    found = compute_importance(fitted(X, y), X, y, settings(importance="permutation", importance_repeats=3))
    assert (found.n_rows, found.n_repeats) == (300, 3)


def test_a_sample_is_compared_with_its_own_score(monkeypatch):
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 1_000)
    X, y = table(5_000)
    found = compute_importance(make_pipeline(Counting()).fit(X, y), X, y, settings(importance="auto"))
    assert found.n_rows == 166
    assert found.mean[1:] == (0, 0), "a column that the model does not use changes no score"


def test_a_sample_finds_what_all_rows_find_within_its_noise(monkeypatch):
    X, y = table(20_000)
    model = fitted(X, y)
    whole = compute_importance(model, X, y, settings(importance="permutation"))
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 20_000)
    sample = compute_importance(model, X, y, settings(importance="auto"))
    assert sample.n_rows == 3_333
    np.testing.assert_allclose(sample.mean, whole.mean, atol=0.1)


def test_a_model_that_compares_with_its_training_rows_gets_a_smaller_sample():
    X, y = table(4_000, 4)
    slow = make_pipeline(KNeighborsRegressor()).fit(X[:50], y[:50])
    assert compute_importance(slow, X, y, settings(importance="auto")).n_rows == 2_500
    assert compute_importance(fitted(X, y), X, y, settings(importance="auto")).n_rows == 4_000


def test_none_predicts_nothing():
    X, y = table(100)
    model = make_pipeline(Counting()).fit(X, y)
    assert compute_importance(model, X, y, settings(importance="none")) == Importance()
    assert model[-1].n_calls_ == 0


@given(
    n_rows=st.integers(2, 10**7),
    n_columns=st.integers(1, 10**5),
    n_repeats=st.integers(1, 100),
    affordable=st.sampled_from((20_000, 200_000)),
)
def test_a_sample_is_within_the_table_and_what_is_affordable(n_rows, n_columns, n_repeats, affordable):
    rows, repeats = choose_sample(n_rows, n_columns, n_repeats, affordable)
    assert 1 <= rows <= n_rows
    assert 1 <= repeats <= n_repeats
    assert rows >= min(n_rows, importance.MIN_ROWS)
    assert repeats >= min(n_repeats, importance.MIN_REPEATS)
    if n_rows * n_columns * n_repeats <= affordable:
        assert (rows, repeats) == (n_rows, n_repeats)
    least = min(n_rows, importance.MIN_ROWS) * n_columns * min(n_repeats, importance.MIN_REPEATS)
    assert rows * n_columns * repeats <= max(affordable, least)


def test_a_run_tells_what_it_sampled(bikeml_main, workdir, capsys, monkeypatch, unrendered):
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 2_000)
    assert bikeml_main("tracking=none", "evaluation.bootstrap_samples=100", "hydra.run.dir=out") == 0
    told = "the importance is of 100 of the 220 held-out rows, each column shuffled 2 times; evaluation.importance=perm"
    assert told in capsys.readouterr().err
    found = RunFolder(workdir / "out").require().importance
    assert (found.n_rows, found.n_repeats) == (100, 2)


@pytest.mark.parametrize("kind", ["auto", "permutation"])
def test_a_run_that_shuffles_all_says_nothing_of_it(bikeml_main, capsys, kind, unrendered):
    words = ("tracking=none", "evaluation.bootstrap_samples=100", f"evaluation.importance={kind}")
    assert bikeml_main(*words) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_whoever_reads_a_sweep_copes_without_importances(bikeml_main, workdir, capsys):
    words = ("evaluation.importance=none", "evaluation.bootstrap_samples=100", "split.folds=2")
    assert bikeml_main("-m", "model=linear,tree", *words, "hydra.sweep.dir=out") == 0
    assert "finished" in capsys.readouterr().out
    assert RunFolder(workdir / "out" / "0").require().importance.columns == ()
    assert {file.name for file in (workdir / "out" / "0").glob("*.png")} == {"evaluate.png", "residuals.png"}
    for task in ("report out", "record out", "predict run=best output=now.csv"):
        assert bikeml_main(*task.split()) == 0, task


def test_an_importance_without_its_sample_is_read_as_an_earlier_record():
    earlier = judgement.Importance.model_validate_json('{"columns": ["a"], "mean": [0.5], "std": [0.1]}')
    assert (earlier.n_rows, earlier.n_repeats) == (None, None)


def test_a_run_that_knew_no_kind_of_importance_is_a_permutation_and_keeps_its_fingerprint():
    sections = config_of("evaluation.importance=permutation").model_dump()
    now = result_sections(config_of("evaluation.importance=permutation"))["evaluation"]
    assert "importance" not in now
    del sections["evaluation"]["importance"]
    assert complete(sections)["evaluation"]["importance"] == "permutation"
    assert result_sections(config_of())["evaluation"]["importance"] == "auto"


def twins(n_rows):
    """A table of two columns that are almost one, and a third; the target is made of all."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=n_rows)
    X = pd.DataFrame({"temp": first, "atemp": first + rng.normal(size=n_rows) / 10, "hum": rng.normal(size=n_rows)})
    return X, X["temp"].to_numpy() + X["atemp"].to_numpy() + X["hum"].to_numpy()


def test_columns_that_go_together_are_shuffled_together_as_well():
    X, y = twins(200)
    found = compute_importance(fitted(X, y), X, y, SETTINGS)
    (group,) = found.groups
    assert group.columns == ("temp", "atemp")
    assert group.mean > 1.5 * (found.mean[0] + found.mean[1]), "the other one makes up for the one that is shuffled"
    alone = compute_importance(fitted(X, y), X[["temp", "atemp", "hum"]].assign(atemp=y[::-1]), y, SETTINGS)
    assert alone.groups == ()


def test_only_numbers_that_go_together_are_a_group():
    X, _ = twins(200)
    word = pd.Series(np.where(X["temp"] > 0, "warm", "cold"))
    more = X.assign(word=word, same=1.0, gap=X["hum"].where(X["hum"] > -1.5) ** 3)
    assert sorted(find_groups(more)) == [["hum", "gap"], ["temp", "atemp"]]
    assert find_groups(X[["hum"]]) == []
    assert find_groups(X.assign(temp=1.0)) == []


def test_the_error_is_that_of_the_mean_of_the_rows():
    """Without each single row, the jackknife of a mean is its standard error to the last digits."""
    losses = np.random.default_rng(0).exponential(size=20)
    parts = divide(Units.of("rows", np.arange(20)))
    values = leave_out(OfMeans([losses], lambda mean: mean), parts, np.ones(len(losses)))
    assert find_error(values) == pytest.approx(losses.std(ddof=1) / np.sqrt(20))


def test_the_error_is_smaller_with_more_rows_and_larger_if_rows_are_alike():
    X, y = table(6_400, 2)
    model, errors = fitted(X, y), {}
    for n_rows in (400, 6_400):
        errors[n_rows] = compute_importance(model, X[:n_rows], y[:n_rows], settings(importance="permutation")).error[0]
    assert errors[400] / errors[6_400] == pytest.approx(4, rel=0.4)
    group = np.repeat(np.arange(40), 10)
    X, y, units = X.iloc[group].reset_index(drop=True), y[group], Units.of("groups", group)
    alike = compute_importance(model, X, y, settings(importance="permutation"), units)
    assert alike.error[0] > 1.5 * compute_importance(model, X, y, settings(importance="permutation")).error[0]


@pytest.mark.parametrize(("kind", "n_units"), [("rows", 7), ("dates", 300), ("groups", 21)])
def test_the_parts_are_of_whole_units_and_about_as_large(kind, n_units):
    units = Units.of(kind, np.repeat(np.arange(n_units), 2))
    parts = divide(units)
    assert len(np.unique(parts)) == min(20, n_units)
    assert all(len(np.unique(parts[units.labels == unit])) == 1 for unit in range(n_units))
    if kind == "dates":
        assert (np.diff(parts) >= 0).all()


def test_a_metric_without_means_has_no_error_over_rows():
    X, y = twins(60)
    found = compute_importance(fitted(X, y), X, y, settings(rank="max_error"))
    assert found.error == ()
    assert np.isnan(found.groups[0].error)


def test_what_is_affordable_counts_the_groups(monkeypatch):
    monkeypatch.setattr(importance, "PREDICTED_ROWS", 800)
    X, y = twins(2_000)
    assert compute_importance(fitted(X, y), X, y, settings(importance="auto")).n_rows == 100


def test_an_importance_without_groups_is_read_as_an_earlier_record_and_a_group_may_dominate():
    earlier = judgement.Importance.model_validate_json('{"columns": ["a"], "mean": [0.5], "std": [0.1]}')
    assert (earlier.error, earlier.groups) == ((), ())
    group = importance.Group(("a", "b"), 0.95, 0.1, 0.1)
    found = Importance(("a", "b", "c"), (0.1, 0.1, 0.05), (0, 0, 0), groups=(group,))
    (hint,) = hints._find_dominant(found)
    assert hint.startswith("'a' and 'b' together have 95% of the importance of all columns; are they known")
