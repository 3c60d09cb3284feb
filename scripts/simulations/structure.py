"""What is said of groups and of time: of tables without them, which is false, and of tables that have them."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from bikeml.table.structure.groups import find_groups
from bikeml.table.structure.time import find_time
from simulations import Finding
from simulations.hints import CLEAN

N_CLEAN, N_TRUE = 150, 60
MOST_FALSE, LEAST_FOUND = 0.02, 0.9
SIZES = (60, 500, 3_000)
Draw = Callable[[np.random.Generator, int], pd.DataFrame]


def simulate(seed: int, share: float) -> Iterator[Finding]:
    """Yield the share of tables without structure that have a hint, and the share of tables with it that have one."""
    for n_rows in SIZES:
        for number, (name, draw) in enumerate({**CLEAN, **WITHOUT}.items()):
            rng = np.random.default_rng([seed, n_rows, number])
            said = [look(draw(rng, n_rows)) for _ in range(max(3, round(share * N_CLEAN)))]
            for kind in ("groups", "time"):
                false = float(np.mean([kind in each for each in said]))
                yield Finding(f"{n_rows:,} rows, {name}", f"false {kind}", false, None, MOST_FALSE, 0.0)
    for number, (name, (kind, n_rows, draw)) in enumerate(WITH.items()):
        rng = np.random.default_rng([seed, 1, number])
        said = [look(draw(rng, n_rows)) for _ in range(max(3, round(share * N_TRUE)))]
        found = float(np.mean([kind in each for each in said]))
        yield Finding(f"{n_rows:,} rows, {name}", f"found {kind}", found, LEAST_FOUND, None, 0.0)


def look(frame: pd.DataFrame) -> dict[str, object]:
    """Return what is found in a table with the target y and perhaps a column of dates, by kind."""
    y, dates = frame["y"].to_numpy(float), frame.get("date")
    X = frame.drop(columns=["y", "date"], errors="ignore")
    found: dict[str, object] = {"groups": find_groups(X, y, {})}
    if dates is not None:
        found["time"] = find_time("date", X, y, dates)
    return {kind: fall for kind, fall in found.items() if fall is not None}


def _dates(n_rows: int) -> pd.Series:
    return pd.Series(pd.date_range("2020-01-01", periods=n_rows))


def _seasons(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Weather and a holiday each day, that all return each year: later days are like earlier ones."""
    day = np.arange(n_rows)
    warm = np.sin(2 * np.pi * day / 20) + 0.3 * rng.normal(size=n_rows)
    y = 3 * warm + rng.normal(size=n_rows)
    return pd.DataFrame({"warm": warm, "rain": rng.normal(size=n_rows), "y": y, "date": _dates(n_rows)})


def _levels(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """A district with an effect of its own, which new rows have too: nothing else tells it."""
    district = rng.integers(0, max(8, n_rows // 20), n_rows)
    size = rng.normal(size=n_rows)
    y = 2 * size + rng.normal(size=district.max() + 1)[district] + 0.5 * rng.normal(size=n_rows)
    return pd.DataFrame({"district": [f"d{each}" for each in district], "size": size, "y": y})


def _rounded(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Numbers that are rounded, and so return; two go together."""
    age = rng.integers(18, 60, n_rows)
    income = np.round(30 + age + 8 * rng.normal(size=n_rows), -1)
    return pd.DataFrame({"age": age, "income": income, "y": 0.5 * age + 0.1 * income + 4 * rng.normal(size=n_rows)})


def _named(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Patients who do not differ: what their column is called says nothing."""
    frame = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    return frame.assign(patient=rng.integers(0, max(8, n_rows // 5), n_rows), y=frame["a"] + rng.normal(size=n_rows))


def _noise_in_time(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Dates that tell nothing, in no order."""
    frame = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    y = frame["a"] * 2 + frame["b"] + rng.normal(size=n_rows)
    return frame.assign(y=y, date=_dates(n_rows).sample(frac=1, random_state=0).reset_index(drop=True))


WITHOUT: dict[str, Draw] = {
    "seasons that return": _seasons,
    "a district with an effect": _levels,
    "rounded numbers": _rounded,
    "patients who do not differ": _named,
    "dates in no order": _noise_in_time,
}


def _patients(noise: float, column: str = "patient", *, is_shuffled: bool = True) -> Draw:
    """Return tables of patients with a few rows each: age and size are theirs, and so is most of the target."""

    def draw(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
        sizes = rng.integers(2, 14, n_rows)
        who = np.repeat(np.arange(n_rows), sizes)[:n_rows]
        if is_shuffled:
            rng.shuffle(who)
        own = rng.normal(size=(who.max() + 1, 3))
        seen = own[who, :2] + noise * rng.normal(size=(n_rows, 2))
        y = 2 * own[who, 2] + rng.normal(size=n_rows) * 0.7
        words = [f"k{each}" for each in who]
        return pd.DataFrame(
            {column: words, "age": seen[:, 0], "height": seen[:, 1], "dose": rng.normal(size=n_rows), "y": y}
        )

    return draw


def _engines(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Twelve engines that run until they fail, by cycle: settings of each, and the life that is left."""
    unit, cycle = np.divmod(np.arange(n_rows), -(-n_rows // 12))
    life, setting = rng.uniform(0.5, 2, 12), rng.normal(size=12)
    sensor = setting[unit] + 0.05 * rng.normal(size=n_rows)
    left = (life[unit] * n_rows / 12 - cycle) / (n_rows / 12)
    return pd.DataFrame({"unit": unit, "cycle": cycle, "sensor": sensor, "y": left + 0.05 * rng.normal(size=n_rows)})


def _hidden(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Shops whose effect nothing but their column tells."""
    shop = rng.integers(0, n_rows // 10, n_rows)
    x = rng.normal(size=n_rows)
    y = 2 * rng.normal(size=n_rows // 10)[shop] + x + 0.5 * rng.normal(size=n_rows)
    return pd.DataFrame({"shop_id": [f"s{each}" for each in shop], "x": x, "z": rng.normal(size=n_rows), "y": y})


def _trend(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """A target that grows, and a column that tells how far."""
    day = np.arange(n_rows)
    x = rng.normal(size=n_rows)
    y = x + 6 * day / n_rows + 0.5 * rng.normal(size=n_rows)
    return pd.DataFrame({"x": x, "customers": day + rng.normal(size=n_rows) * 9, "y": y, "date": _dates(n_rows)})


def _wandering(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """A target that wanders as prices do, with a column that goes with it for a while."""
    level = np.cumsum(rng.normal(size=n_rows))
    other = np.cumsum(rng.normal(size=n_rows))
    x = rng.normal(size=n_rows)
    y = level + x
    return pd.DataFrame({"x": x, "other": other, "index": np.arange(n_rows), "y": y, "date": _dates(n_rows)})


def _growth(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """A target that grows while no column tells when a row is from: a random split predicts the mean of all times."""
    x = rng.normal(size=n_rows)
    y = x + 8 * np.arange(n_rows) / n_rows + 0.3 * rng.normal(size=n_rows)
    return pd.DataFrame({"x": x, "z": rng.normal(size=n_rows), "y": y, "date": _dates(n_rows)})


WITH: dict[str, tuple[str, int, Draw]] = {
    "patients, the same age and size in all rows": ("groups", 300, _patients(0)),
    "patients in any column, age and size about the same": ("groups", 500, _patients(0.05, "code")),
    "patients, row after row": ("groups", 300, _patients(0, is_shuffled=False)),
    "twelve engines until they fail": ("groups", 600, _engines),
    "shops, and nothing else tells them": ("groups", 500, _hidden),
    "a target that grows, with a counter": ("time", 400, _trend),
    "a target that wanders": ("time", 400, _wandering),
    "a target that grows, and no column tells": ("time", 400, _growth),
}
