"""The intervals of a run's figures, and R² pooled over the folds beside the mean of the folds."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.signal import lfilter
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict

from bikeml.config.composition import compose, resolve
from bikeml.config.schema import EvaluationConfig, typed
from bikeml.evaluation.evaluate import cross_validation, intervals, measure
from bikeml.evaluation.uncertainty.units import Kind, Units
from bikeml.table import datasets
from simulations import Finding

Pair = tuple[np.ndarray, np.ndarray]
"""Actual and predicted values, shape (n_rows,)."""
Population = Callable[[int, np.random.Generator], Pair]
METRICS = ["mse", "rmse", "mae", "r2"]
TABLES, DRAWS, N_JOBS = 1_500, 1_000, 2
MANY = 4_000_000
"""Rows of a population whose truth has no simple formula."""


@cache
def _settings() -> EvaluationConfig:
    return typed(resolve(compose([f"evaluation.bootstrap_samples={DRAWS}"]))).evaluation  # judged by METRICS


@cache
def _bike() -> Pair:
    """Return the rentals and the out-of-fold predictions of a boosted model: the population is these 731 days."""
    table = pd.read_csv(Path(datasets.__file__).parent / "daily-bike-share.csv")
    y = table["rentals"].to_numpy(float)
    X = table.drop(columns="rentals").select_dtypes("number")
    folds = KFold(10, shuffle=True, random_state=0)
    return y, cross_val_predict(GradientBoostingRegressor(random_state=0), X, y, cv=folds)


def _draw_bike(n_rows: int, rng: np.random.Generator) -> Pair:
    rows, (y, predicted) = rng.integers(len(_bike()[0]), size=n_rows), _bike()
    return y[rows], predicted[rows]


def _draw_gaussian(n_rows: int, rng: np.random.Generator) -> Pair:
    predicted = rng.normal(size=n_rows)
    return predicted + rng.normal(scale=0.5, size=n_rows), predicted


def _draw_lognormal(n_rows: int, rng: np.random.Generator) -> Pair:
    """Return a lognormal target, half of whose logarithm's variance is known, and its mean given that half."""
    known = rng.normal(scale=0.7, size=n_rows)
    return np.exp(known + rng.normal(scale=0.7, size=n_rows)), np.exp(known + 0.7**2 / 2)


def _draw_series(n_rows: int, rng: np.random.Generator, memory: float) -> Pair:
    """Return predictions and errors that are both AR(1)."""
    predicted, errors = (_autoregress(n_rows, rng, memory) for _ in range(2))
    return predicted + 0.5 * errors, predicted


def _autoregress(n_rows: int, rng: np.random.Generator, memory: float) -> np.ndarray:
    shocks = rng.normal(size=n_rows) * np.sqrt(1 - memory**2)
    shocks[0] /= np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1], [1, -memory], shocks))


def _draw_groups(n_rows: int, rng: np.random.Generator) -> Pair:
    """Return rows of groups of 10, whose errors share half of their variance."""
    predicted, shared = rng.normal(size=n_rows), np.repeat(rng.normal(size=n_rows // 10), 10)
    return predicted + 0.5 * np.sqrt(0.5) * (shared + rng.normal(size=n_rows)), predicted


def simulate(seed: int, share: float) -> Iterator[Finding]:
    """Yield the coverage and the width of 95 % intervals, and the bias of R² by cross-validation."""
    n_tables = max(4, round(TABLES * share))
    gaussian, lognormal = ("Gaussian errors", _draw_gaussian), ("a lognormal target", _draw_lognormal)
    for name, population in (("bike residuals", _draw_bike), gaussian):
        for n_rows, bar in ((220, 0.94), (100, 0.92), (30, None)):
            yield from _judge_intervals(f"{n_rows} rows, {name}", population, "rows", n_rows, bar, n_tables, seed)
    yield from _judge_intervals(f"30 rows, {lognormal[0]}", lognormal[1], "rows", 30, None, n_tables, seed)
    for memory, bar in ((0.7, 0.88), (0.0, None)):
        name = f"220 dates, AR(1) with {memory}"
        yield from _judge_intervals(name, partial(_draw_series, memory=memory), "dates", 220, bar, n_tables, seed)
    yield from _judge_intervals("220 rows, groups of 10", _draw_groups, "groups", 220, None, n_tables, seed)
    for n_rows, bar in ((30, -0.05), (60, -0.03)):
        yield from _judge_pooled(n_rows, bar, n_tables // 4, seed)


def _judge_intervals(
    what: str, population: Population, kind: Kind, n_rows: int, bar: float | None, n_tables: int, seed: int
) -> Iterator[Finding]:
    truth = _find_truth(population)
    tables = Parallel(N_JOBS)(delayed(_try_table)(population, kind, n_rows, seed, each) for each in range(n_tables))
    ours, before = (np.array([pair[which] for pair in tables]) for which in (0, 1))
    for number, name in enumerate(METRICS):
        now, then = ours[:, number], before[:, number]
        covered = [np.mean((ends[:, 0] <= truth[name]) & (truth[name] <= ends[:, 1])) for ends in (now, then)]
        widths = [np.median(ends[:, 1] - ends[:, 0]) for ends in (now, then)]
        yield Finding(f"{what}: {name}", "coverage", float(covered[0]), at_least=bar, before=float(covered[1]))
        yield Finding(f"{what}: {name}", "width, of the earlier one's", float(widths[0] / widths[1]), before=1.0)


def _find_truth(population: Population) -> dict[str, float]:
    pair = _bike() if population is _draw_bike else population(MANY, np.random.default_rng(0))
    return measure(*pair, METRICS)


def _try_table(
    population: Population, kind: Kind, n_rows: int, seed: int, number: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the ends of each metric's interval, and those of the percentile bootstrap."""
    rng = np.random.default_rng([seed, number])
    y, predicted = population(n_rows, rng)
    units = Units.of(kind, np.arange(n_rows) // (10 if kind == "groups" else 1))
    found = intervals(y, predicted, _settings(), units)
    return [found.get(name, (-np.inf, np.inf)) for name in METRICS], _percentiles(y, predicted, rng)


def _percentiles(y: np.ndarray, predicted: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the ends of the percentile bootstrap over rows, which every earlier interval was."""
    drawn = rng.integers(len(y), size=(_settings().bootstrap_samples, len(y)))
    errors = (y - predicted)[drawn]
    mse = np.mean(errors**2, axis=1)
    values = (mse, np.sqrt(mse), np.mean(np.abs(errors), axis=1), 1 - mse / np.var(y[drawn], axis=1))
    return [tuple(np.quantile(each, [0.025, 0.975])) for each in values]


def _judge_pooled(n_rows: int, bar: float, n_tables: int, seed: int) -> Iterator[Finding]:
    """Yield how far cross-validated R² of a linear model of 5 columns is from the R² of its folds' models."""
    tables = np.array(Parallel(N_JOBS)(delayed(_try_folds)(n_rows, seed, each) for each in range(n_tables)))
    pooled, mean, low, high, truth = tables.T
    what = f"{n_rows} rows, linear model of 5 columns, R²"
    yield Finding(
        f"{what}: pooled; before: mean of folds",
        "mean less the true R²",
        float(np.mean(pooled - truth)),
        at_least=bar,
        before=float(np.mean(mean - truth)),
    )
    yield Finding(f"{what}: pooled", "coverage", float(np.mean((low <= truth) & (truth <= high))))


def _try_folds(n_rows: int, seed: int, number: int) -> tuple[float, ...]:
    """Return R² pooled and as the mean of the folds, the ends of the pooled one's interval, and the true R²."""
    rng = np.random.default_rng([seed, number])
    X, slope = rng.normal(size=(n_rows, 5)), np.sqrt(0.8 / 0.2 / 5)
    y = X.sum(axis=1) * slope + rng.normal(size=n_rows)
    folds = list(KFold(5, shuffle=True, random_state=number).split(X))
    scores = cross_validation([LinearRegression()] * 5, pd.DataFrame(X), y, folds, ["r2"])
    rows, predicted = np.concatenate([score for _, score in folds]), np.concatenate(scores.predictions)
    low, high = intervals(y[rows], predicted, _settings(), Units.of("rows", rows))["r2"]
    models = [LinearRegression().fit(X[fit], y[fit]) for fit, _ in folds]
    losses = [1 + np.sum((model.coef_ - slope) ** 2) + model.intercept_**2 for model in models]
    truth = 1 - np.mean(losses) / (1 + 5 * slope**2)
    return measure(y[rows], predicted, ["r2"])["r2"], float(np.mean(scores.scores["r2"])), low, high, float(truth)
