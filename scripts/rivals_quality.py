"""What bench_quality.py compares with: each tool as its own documentation uses it, in an environment of its own.

python rivals_quality.py TOOL TRAIN.csv TEST.csv TARGET SECONDS PREDICTED.csv
"""

import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd


def predict_flaml(train: pd.DataFrame, test: pd.DataFrame, target: str, seconds: float) -> Any:
    """FLAML's search within the time, with its ensemble; all else as it comes."""
    from flaml import AutoML

    automl = AutoML()
    settings = {"task": "regression", "metric": "r2", "time_budget": seconds, "seed": 0, "n_jobs": 1, "verbose": 0}
    automl.fit(train.drop(columns=target), train[target], **settings)
    return automl.predict(test)


def predict_autogluon(train: pd.DataFrame, test: pd.DataFrame, target: str, seconds: float) -> Any:
    """AutoGluon's best quality within the time."""
    from autogluon.tabular import TabularPredictor

    predictor = TabularPredictor(target, problem_type="regression", eval_metric="r2", path="autogluon", verbosity=0)
    predictor.fit(train, presets="best_quality", time_limit=seconds, num_cpus=1, num_gpus=0)
    return predictor.predict(test)


def predict_lightgbm(train: pd.DataFrame, test: pd.DataFrame, target: str, seconds: float) -> Any:  # noqa: ARG001
    """LightGBM as it comes; words are its own categories."""
    from lightgbm import LGBMRegressor

    X, X_test = _categorize(train.drop(columns=target), test)
    return LGBMRegressor(n_jobs=1, random_state=0, verbose=-1).fit(X, train[target]).predict(X_test)


def predict_catboost(train: pd.DataFrame, test: pd.DataFrame, target: str, seconds: float) -> Any:  # noqa: ARG001
    """CatBoost as it comes; words are its own categories."""
    from catboost import CatBoostRegressor

    words = list(train.select_dtypes(exclude="number").columns)
    X, X_test = (table.assign(**{name: table[name].fillna("") for name in words}) for table in (train, test))
    model = CatBoostRegressor(cat_features=words, thread_count=1, random_seed=0, verbose=False)
    return model.fit(X.drop(columns=target), train[target]).predict(X_test)


def _categorize(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both with their words as categories, those of the training rows."""
    words = train.select_dtypes(exclude="number").columns
    kinds = {name: pd.CategoricalDtype(train[name].dropna().astype(str).unique()) for name in words}
    return tuple(  # type: ignore[return-value]
        table.assign(**{name: table[name].astype(kind) for name, kind in kinds.items()}) for table in (train, test)
    )


def read_tables(train: str, test: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables, a column of words in the training rows as words in both, and one of numbers as numbers."""
    tables = pd.read_csv(train, low_memory=False), pd.read_csv(test, low_memory=False, dtype="object")
    known = tables[0].select_dtypes("number").columns.intersection(tables[1].columns)
    return tables[0], tables[1].assign(**{name: pd.to_numeric(tables[1][name], errors="coerce") for name in known})


PACKAGES = {"flaml": "flaml", "autogluon": "autogluon.tabular", "lightgbm": "lightgbm", "catboost": "catboost"}


def main() -> None:
    tool, train, test, target, seconds, output = sys.argv[1:]
    importlib.import_module(PACKAGES[tool])  # the time of the imports is no part of a budget
    predicted = globals()[f"predict_{tool}"](*read_tables(train, test), target, float(seconds))
    pd.DataFrame({"prediction": predicted}).to_csv(output, index=False)
    Path("versions.json").write_text(json.dumps({PACKAGES[tool]: version(PACKAGES[tool])}), encoding="utf-8")


if __name__ == "__main__":
    main()
