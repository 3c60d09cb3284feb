"""What explore says of a table: hints on clean tables, which are false, and on tables that have what a hint names."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from bikeml.config.composition import compose, resolve
from bikeml.config.schema import Config, typed
from bikeml.table.hints import NEARLY_ONE, SIGNIFICANT, find_hints
from bikeml.table.look import Column, look_at
from simulations import Finding

N_CLEAN, N_TRUE = 300, 100
MOST_FALSE, LEAST_FOUND = 0.02, 0.95
GAPS, HALF = 0.1, 0.5
SIZES = (60, 500, 3_000)
KINDS = {"leak": "almost the target", "twins": "a twin in the rest", "copies": "of earlier ones", "drift": " drift"}
"""Words of the headline of each kind of hint."""
Draw = Callable[[np.random.Generator, int], pd.DataFrame]


def simulate(seed: int, share: float) -> Iterator[Finding]:
    """Yield the share of clean tables with each kind of hint, and the share of true ones that are found."""
    for n_rows in SIZES:
        for name, draw in CLEAN.items():
            rng = np.random.default_rng([seed, n_rows, len(name)])
            said = [_hint(draw(rng, n_rows)) for _ in range(max(3, round(share * N_CLEAN)))]
            for kind, words in KINDS.items():
                false = np.mean([any(words in line for line in lines) for lines, _ in said])
                before = np.mean([kind in kinds for _, kinds in said])
                yield Finding(
                    f"{n_rows:,} rows, {name}", f"false {kind}", float(false), None, MOST_FALSE, float(before)
                )
    for name, (kind, n_rows, draw) in TRUE.items():
        rng = np.random.default_rng([seed, 1, len(name)])
        said = [_hint(draw(rng, n_rows)) for _ in range(max(3, round(share * N_TRUE)))]
        found = np.mean([any(KINDS[kind] in line for line in lines) for lines, _ in said])
        before = np.mean([kind in kinds for _, kinds in said])
        yield Finding(f"{n_rows:,} rows, {name}", f"found {kind}", float(found), LEAST_FOUND, None, float(before))


def _hint(frame: pd.DataFrame) -> tuple[list[str], set[str]]:
    """Return the headlines for a table, and the kinds of hints that the rules before these had for it."""
    look = look_at(frame, _configure(frame), len(frame))
    drifts = [column.drift_p for column in look.columns if column.drift_p is not None]
    before = {
        "leak": any(_associate(column, frame) >= NEARLY_ONE for column in look.columns),
        "twins": look.copies.n_shared > 0,
        "copies": look.copies.n_duplicates > 0,
        "drift": bool(drifts) and min(drifts) * len(drifts) < SIGNIFICANT,
    }
    return [headline for headline, _ in find_hints(look)], {kind for kind, is_said in before.items() if is_said}


def _associate(column: Column, frame: pd.DataFrame) -> float:
    """Return the correlation ratio of a category by Kelley (1935), however few rows its levels have in common."""
    y = frame["y"]
    groups = y.groupby(frame[column.name].to_numpy())
    freedom = len(y) - groups.ngroups
    if column.kind != "category" or freedom == 0:
        return column.association or 0.0
    within = ((y - groups.transform("mean")) ** 2).sum() / freedom
    return float(np.sqrt(max(0.0, 1 - within / y.var())))


def _configure(frame: pd.DataFrame) -> Config:
    numbers = [str(name) for name in frame if name != "y" and frame[name].dtype.kind in "if"]
    words = [str(name) for name in frame if frame[name].dtype == object]
    roles = {"target": "y", "numeric": numbers, "categorical": words, "text": [], "ignored": [], "date": None}
    data = CONFIG.data.model_copy(update={**roles, "allowed": {}})
    return CONFIG.model_copy(update={"data": data})


CONFIG = typed(resolve(compose(())))


def _words(codes: np.ndarray) -> pd.Series:
    return pd.Series(codes).map(lambda code: f"v{code}").astype(object)


def draw_numbers(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return normal columns, one of which has gaps at random."""
    table = pd.DataFrame(rng.normal(size=(n_rows, 6)), columns=list("abcdey"))
    table["a"] = table["a"].where(rng.random(n_rows) < 1 - GAPS)
    return table.assign(y=table["y"] + table["b"])


def draw_few(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return categories of few levels that go together, and a small count to predict."""
    first = rng.integers(0, 3, n_rows)
    second = np.where(rng.random(n_rows) < HALF, first, rng.integers(0, 3, n_rows))
    others = {name: _words(rng.choice(n, n_rows, p=rng.dirichlet(np.ones(n)))) for name, n in (("c", 2), ("d", 4))}
    return pd.DataFrame({"a": _words(first), "b": _words(second), **others, "y": rng.poisson(2 + first).astype(float)})


def draw_places(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return a city that determines its region and country, a kind, and a count to predict."""
    city = rng.choice(60, n_rows, p=rng.dirichlet(np.full(60, 0.5)))
    columns = {"city": city, "region": city // 5, "country": city // 20, "kind": rng.integers(0, 3, n_rows)}
    words = {name: _words(codes) for name, codes in columns.items()}
    return pd.DataFrame({**words, "y": rng.poisson(3, n_rows).astype(float)})


def draw_many(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return categories of very many levels, one of them all but unique, and a number."""
    almost = np.arange(n_rows)
    almost[0] = 1
    levels = {"code": rng.permutation(almost), "zip": rng.integers(0, n_rows // 3, n_rows)}
    words = {name: _words(codes) for name, codes in levels.items()}
    return pd.DataFrame({**words, "x": rng.normal(size=n_rows), "y": rng.normal(size=n_rows)})


def draw_counts(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return counts, an id, a skewed number, and a skewed target that is often 0."""
    x = rng.gamma(1, 2, n_rows)
    y = np.where(rng.random(n_rows) < HALF, 0, np.round(np.exp(rng.normal(size=n_rows) + x / 5), 1))
    counts = {"a": rng.poisson(3, n_rows), "b": rng.poisson(20, n_rows), "id": np.arange(n_rows)}
    return pd.DataFrame({**counts, "x": np.round(x, 1), "y": y})


CLEAN: dict[str, Draw] = {
    "numbers": draw_numbers,
    "few categories that go together": draw_few,
    "city, region, country": draw_places,
    "categories of many levels": draw_many,
    "counts, an id and skewed numbers": draw_counts,
}


def _square(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    table = draw_numbers(rng, n_rows)
    return table.assign(y=table["c"] ** 2)


def _levels(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    table = draw_numbers(rng, n_rows)
    return table.assign(y=np.round(table["y"], 1), leak=_words(np.round(table["y"], 1).to_numpy()))


def _noisy_leak(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    table = draw_numbers(rng, n_rows)
    return table.assign(leak=np.exp(table["y"] + 0.05 * rng.normal(size=n_rows)))


def _gaps(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Return a column whose gaps rise from 5 to 25 % in the rows that the split of the config holds out."""
    table = draw_numbers(rng, n_rows)
    is_late = look_at(table, _configure(table), n_rows).held_out
    return table.assign(b=table["b"].where(rng.random(n_rows) > np.where(is_late, 0.25, 0.05)))


def _copied(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    table = draw_counts(rng, n_rows - n_rows // 20)
    whole = pd.concat([table, table.sample(n_rows // 20, random_state=rng.integers(2**32))])
    return whole.sample(frac=1, random_state=rng.integers(2**32)).reset_index(drop=True)


def _twins(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    table = _copied(rng, n_rows)
    return table.assign(y=table["y"] + rng.normal(size=n_rows))


TRUE: dict[str, tuple[str, int, Draw]] = {
    "y = x²": ("leak", 500, _square),
    "y = x², few rows": ("leak", 150, _square),
    "a level for each value of the target": ("leak", 500, _levels),
    "exp(y) with noise": ("leak", 500, _noisy_leak),
    "gaps that rise from 5 to 25 % in the held-out rows": ("drift", 500, _gaps),
    "5 % copied rows": ("copies", 500, _copied),
    "5 % twins": ("twins", 500, _twins),
}
