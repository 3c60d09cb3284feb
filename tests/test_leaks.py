"""Nothing leaks: rows that a model is judged on, and rows of the future, change nothing of what it learns."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from bikeml.config.composition import config_dir
from bikeml.evaluation.choice import decide_metrics
from bikeml.evaluation.evaluate import cross_validation
from bikeml.experiment.check import find_tolerance
from bikeml.experiment.fit import fit
from bikeml.table.data import read_table
from bikeml.table.split import split_table
from bikeml.terminal.progress import silent
from tests.conftest import config_of

NAMES = ("auto preprocessing.text_as_categories=true", "native preprocessing.text_as_categories=true")
PREPROCESSINGS = [*sorted(file.stem for file in (config_dir() / "preprocessing").glob("*.yaml")), *NAMES]
TARGETS = sorted(file.stem for file in (config_dir() / "target").glob("*.yaml"))
ROLES = ("data.numeric=[size,rooms]", "data.date=sold", "data.categories=inferred")
OF_AUTO = ("data.categorical=[city,street]", "+data.text=[advert]")
OF_OTHERS = ("data.categorical=[city,street]", "data.ignored=[advert]")
CODES = ("data.categorical=[floor]", "data.ignored=[advert,city,street]")
N, FOLDS = 90, 2
CITIES, STREETS, WORDS = ["Ulm", "Bonn", "Jena"], [f"{number} street" for number in range(30)], ["sunny", "old", "lift"]


def make_table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-31") + pd.to_timedelta(np.arange(N) * 5, unit="D")
    size, floor = draw.normal(70, 20, N).round(1), draw.integers(1, 5, N)
    return pd.DataFrame(
        {
            "sold": days.strftime("%Y-%m-%d"),
            "size": size,
            "rooms": draw.integers(1, 5, N),
            "floor": floor,
            "city": draw.choice(CITIES, N),
            "street": draw.choice(STREETS, N),
            "advert": [" ".join(draw.choice(WORDS, 2)) for _ in range(N)],
            "price": (3 * size + 10 * floor + draw.normal(0, 9, N)).round(1) + 100,
        }
    )


TABLE = make_table()
FEWER = {"quantile": ("target.transformer.n_quantiles=20",)}


def alter(rows: np.ndarray, *, columns: bool = True, known: bool = False) -> pd.DataFrame:
    """Return the table with other values in these rows: such as no other row has, or only `known` ones."""
    table = TABLE.copy()
    table.loc[rows, "price"] = table.loc[rows, "price"] * 9 + 1
    if columns:
        table.loc[rows, "size"] = table.loc[rows, "size"] * -3 + 1000
        table.loc[rows, "rooms"] = 40
        table.loc[rows, "sold"] = [f"{2030 + place // 300}-{1 + place % 12:02}-{1 + place % 28:02}" for place in rows]
        for name, new in {"city": "Oslo", "street": "new street", "advert": "noisy", "floor": 9}.items():
            table.loc[rows, name] = TABLE.loc[rows, name].iloc[::-1].to_numpy() if known else new
    return table


class Learned:
    """What is learned from a table: encodings, predictions for training rows, and those of each fold."""

    def __init__(self, table, folder, *overrides):
        file = folder / f"{len(list(folder.iterdir()))}.csv"
        table.to_csv(file, index=False)
        config = decide_metrics(
            config_of("data=csv", f"data.path={file}", "data.target=price", f"split.folds={FOLDS}", *ROLES, *overrides)
        )
        read = read_table(config, find_tolerance(config))
        self.split = split_table(read, config.split, config.search.folds if config.search.kind != "none" else None)
        X, y = read.X.iloc[self.split.train], read.y[self.split.train]
        self.fitted = fit(config, read, self.split, "name", silent)
        pipeline = self.fitted.pipeline
        self.encoded = np.asarray(pipeline[:-1].transform(X), dtype=float)
        self.predicted = pipeline.predict(X)
        self.of_folds = cross_validation([pipeline] * FOLDS, X, y, self.split.folds, ["r2"]).predictions

    @property
    def test(self):
        return self.split.test

    def assert_same(self, other):
        np.testing.assert_array_equal(self.split.train, other.split.train)
        np.testing.assert_array_equal(self.encoded, other.encoded)
        np.testing.assert_array_equal(self.predicted, other.predicted)
        for ours, theirs in zip(self.of_folds, other.of_folds, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def learn_once(tmp_path_factory):
    """Learn from the table as it is; each choice of words once."""
    return cache(lambda *words: Learned(TABLE, tmp_path_factory.mktemp("learned"), *words))


def options(preprocessing):
    option, *more = preprocessing.split()
    columns = OF_AUTO if option in ("auto", "native") else CODES if option == "none" else OF_OTHERS
    model = ("model=hist_gbr", "model.estimator.max_iter=5") if option == "native" else ("model=ridge",)
    return (f"preprocessing={option}", *more, *model, *columns)


@pytest.mark.parametrize(
    ("preprocessing", "more"),
    [
        *((each, ()) for each in PREPROCESSINGS),
        ("auto", ("split=chronological",)),
        ("calendar", ("split=chronological",)),
    ],
)
def test_rows_that_are_held_out_and_those_of_the_future_change_nothing(preprocessing, more, learn_once, workdir):
    words = (*options(preprocessing), *more)
    before = learn_once(*words)
    after = Learned(alter(before.test), workdir, *words)
    before.assert_same(after)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_that_are_held_out_change_no_transformation_of_the_target(target, workdir):
    words = (*options("standard"), f"target={target}", *FEWER.get(target, ()))
    before = Learned(TABLE, workdir, *words)
    before.assert_same(Learned(alter(before.test), workdir, *words))


@pytest.mark.parametrize("search", [("search=grid",), ("search=random", "search.n_candidates=3")])
def test_a_search_chooses_the_same_whatever_is_held_out(search, workdir):
    words = (*options("standard"), *search, "search.folds=2")
    before = Learned(TABLE, workdir, *words)
    after = Learned(alter(before.test), workdir, *words)
    before.assert_same(after)
    scores = [each.fitted.outcome.candidates["mean_test_score"].tolist() for each in (before, after)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_the_rows_that_a_fold_scores_change_nothing_of_what_it_predicts_for_its_other_rows(
    preprocessing, learn_once, workdir
):
    before = learn_once(*options(preprocessing))
    scored = before.split.train[before.split.folds[0][1]]
    some = scored[: len(scored) // 2]
    targets = Learned(alter(scored, columns=False), workdir, *options(preprocessing))
    columns = Learned(alter(some, known=True), workdir, *options(preprocessing))
    np.testing.assert_array_equal(before.of_folds[0], targets.of_folds[0])
    np.testing.assert_array_equal(before.of_folds[0][len(some) :], columns.of_folds[0][len(some) :])
    assert not np.array_equal(before.of_folds[1], targets.of_folds[1])  # there these rows are learned from


def test_a_leak_would_be_seen(learn_once, workdir, monkeypatch):
    def read_leaking(*arguments):
        table = read(*arguments)
        return replace(table, X=table.X.assign(size=table.X["size"] - table.X["size"].mean()))

    read, before = read_table, learn_once(*options("standard"))
    monkeypatch.setattr("tests.test_leaks.read_table", read_leaking)
    learned = [Learned(table, workdir, *options("none")) for table in (TABLE, alter(before.test))]
    with pytest.raises(AssertionError):
        learned[0].assert_same(learned[1])
