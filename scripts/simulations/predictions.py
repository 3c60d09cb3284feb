"""How often the intervals of predictions hold the truth: of all rows, and of rows that are hard to predict."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bikeml.evaluation.scale import fit_scale, predict_scale
from bikeml.evaluation.uncertainty.conformal import conformal_interval, conformal_width
from simulations import Finding

DAILY = Path(str(files("bikeml.table.datasets"))) / "daily-bike-share.csv"
LEVEL, N_HELD_OUT, N_TRAIN = 0.9, 220, 400
N_SPLITS = 60
CLOSE, CLOSE_IN_GROUPS = 0.01, 0.06


class Rows(NamedTuple):
    """Rows of a population, the possible values of the target, and two groups of rows."""

    X: pd.DataFrame
    y: np.ndarray
    possible: tuple[float | None, float | None]
    groups: dict[str, np.ndarray]


def draw_bikes(rng: np.random.Generator) -> Rows:
    """Return the embedded table in random order; what is neither trained on nor held out is new."""
    table = pd.read_csv(DAILY).sample(frac=1, random_state=rng.integers(2**32)).reset_index(drop=True)
    numbers, categories = ["temp", "atemp", "hum", "windspeed"], ["season", "mnth", "holiday", "weekday", "weathersit"]
    is_workday = table["workingday"].to_numpy() == 1
    groups = {"workdays": is_workday, "free days": ~is_workday}
    X = table[[*numbers, *categories, "workingday"]].astype(dict.fromkeys(categories, str))
    return Rows(X, table["rentals"].to_numpy(float), (0, None), groups)


def draw_uneven(rng: np.random.Generator) -> Rows:
    """Return rows whose noise depends on a column that the mean does not depend on; its tails are heavy."""
    X = pd.DataFrame(rng.normal(size=(N_TRAIN + N_HELD_OUT + 500, 4)), columns=list("abcd"))
    noise = rng.standard_t(5, size=len(X)) * np.exp(X["b"])
    is_noisy = X["b"].to_numpy() > 0
    return Rows(X, (2 * X["a"] + X["c"] ** 2 + noise).to_numpy(), (None, None), {"noisy": is_noisy, "calm": ~is_noisy})


def draw_even(rng: np.random.Generator) -> Rows:
    """Return rows that are all equally hard to predict: here one width for all is best."""
    X = pd.DataFrame(rng.normal(size=(N_TRAIN + N_HELD_OUT + 500, 4)), columns=list("abcd"))
    is_large = X["b"].to_numpy() > 0
    return Rows(
        X, (2 * X["a"] + rng.normal(size=len(X))).to_numpy(), (None, None), {"b > 0": is_large, "b < 0": ~is_large}
    )


POPULATIONS = {
    "embedded table, gradient boosting": (draw_bikes, GradientBoostingRegressor(random_state=0)),
    "embedded table, linear": (draw_bikes, LinearRegression()),
    "uneven noise, gradient boosting": (draw_uneven, GradientBoostingRegressor(random_state=0)),
    "even noise, linear": (draw_even, LinearRegression()),
}


def simulate(seed: int, share: float) -> Iterator[Finding]:
    """Yield coverage, in all and by group, and mean width: one width for all rows before, widths by row now."""
    for name, (draw, model) in POPULATIONS.items():
        rng = np.random.default_rng([seed, len(name)])
        splits = [_measure(draw(rng), model) for _ in range(max(2, round(N_SPLITS * share)))]
        before, now = ({key: np.nanmean([each[i][key] for each in splits]) for key in splits[0][i]} for i in (0, 1))
        width = before.pop("mean width")
        # where the rows are equally hard to predict, a scale that is learned costs a little width
        bar = 1.0 if "even noise, linear" not in name else 1.1
        yield Finding(name, "mean width, of one", now.pop("mean width") / width, at_most=bar, before=1)
        for figure, measured in now.items():
            close = CLOSE if figure == "coverage" else CLOSE_IN_GROUPS if "below 0" not in figure else None
            low, high = (None, None) if close is None else (LEVEL - close, LEVEL + close)
            yield Finding(name, figure, float(measured), low, high, float(before[figure]))


def _measure(rows: Rows, model: object) -> tuple[dict[str, float], dict[str, float]]:
    """Return the figures of one split with one width for all rows, and with a width for each."""
    X, y = rows.X, rows.y
    train, held_out = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + N_HELD_OUT)
    new = np.arange(N_TRAIN + N_HELD_OUT, len(y))
    pipeline = _build(X, model)
    cv = KFold(5, shuffle=True, random_state=0)
    out_of_fold = cross_val_predict(pipeline, X.iloc[train], y[train], cv=cv)
    folds = list(cv.split(train))
    pipeline.fit(X.iloc[train], y[train])
    scale = fit_scale(pipeline, X.iloc[train], y[train], folds, [out_of_fold[scored] for _, scored in folds])
    predicted = pipeline.predict(X)
    scales = predict_scale(scale, pipeline, X, predicted)
    residuals = (y - predicted)[held_out]
    one = conformal_width(residuals, LEVEL)
    many = conformal_width(residuals, LEVEL, scales[held_out]) * scales[new]
    before = predicted[new] - one, predicted[new] + one
    now = conformal_interval(predicted[new], many, rows.possible)
    thirds = np.digitize(predicted[new], np.quantile(predicted[new], (1 / 3, 2 / 3)))
    groups = {name: members[new] for name, members in rows.groups.items()}
    groups |= {f"{which} third of predictions": thirds == i for i, which in enumerate(("low", "middle", "high"))}
    return tuple(_describe(*ends, y[new], groups) for ends in (before, now))


def _build(X: pd.DataFrame, model: object) -> Pipeline:
    words = [name for name in X if X[name].dtype.kind not in "if"]
    encode = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    return make_pipeline(make_column_transformer((encode, words), remainder=StandardScaler()), model)


def _describe(low: np.ndarray, high: np.ndarray, truth: np.ndarray, groups: dict[str, np.ndarray]) -> dict[str, float]:
    holds = (low <= truth) & (truth <= high)
    figures = {"mean width": float((high - low).mean()), "coverage": float(holds.mean())}
    return figures | {name: float(holds[members].mean()) for name, members in groups.items()}
