"""What an experiment hands back, and how it lies in the run folder."""

import errno
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from bikeml.config import Config
from bikeml.evaluate import CrossValidation
from bikeml.files import move, write_text
from bikeml.model_file import FILE_NAME
from bikeml.model_folder import write_folder
from bikeml.provenance import Provenance
from bikeml.records.fingerprint import fingerprint
from bikeml.redaction import redact

MODEL_FOLDER = "model"
RESULT_FILE = "result.json"
FIGURE_DPI = 120
FILES = (
    *("evaluate.png", "residuals.png", "importance.png", "search.png", "tree.txt", "predictions.csv", "cv_results.csv"),
    *("config.yaml", "environment.json", "code.diff"),
)
"""What a run folder may hold beside result.json and the model."""


@dataclass(frozen=True)
class Invocation:
    """How an experiment was asked for: nothing in it changes a figure."""

    folder: Path
    """The run folder, as hydra.run.dir or hydra.sweep.dir say."""
    command: str
    """The command line or the Python call."""
    choices: Mapping[str, str]
    """The option chosen in each config group, such as {"model": "rf"}."""
    overrides: Sequence[str] = ()
    """What was changed against the files of conf/, as on the command line."""

    @property
    def name(self) -> str:
        """The chosen options in one word, such as rf-standard-grid."""
        words = [self.choices.get(group, "none") for group in ("model", "preprocessing", "search")]
        return "-".join(word for word in words if word != "none")


@dataclass(frozen=True)
class Dataset:
    """The table of a run, without its rows."""

    name: str
    source: str
    sha256: str
    columns: Mapping[str, str]
    """The features and the target with their types."""
    n_train: int
    n_test: int
    gaps: Mapping[str, int]
    """How many cells of each feature are missing, where any are."""


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found on the training rows."""

    best_params: Mapping[str, Any]
    """Arguments of the estimator, without the step's prefix."""
    best_score: float
    candidates: pd.DataFrame
    """GridSearchCV's cv_results_, one row per candidate."""
    n_fits: int
    """Models fitted to score the candidates on the folds."""
    n_fits_avoided: int
    """Models that GridSearchCV would have fitted in addition."""
    n_fits_resumed: int
    """Of `n_fits`, those found in the checkpoint of a killed search."""

    def counts(self) -> dict[str, int]:
        """Return how many candidates there were, and how many fits they took, spared and found."""
        return {
            "candidates": len(self.candidates),
            "fits": self.n_fits,
            "fits_avoided": self.n_fits_avoided,
            "fits_resumed": self.n_fits_resumed,
        }

    def plain_best_params(self) -> dict[str, Any]:
        """Return the best parameters as JSON can hold them."""
        return {key: _plain(value) for key, value in self.best_params.items()}


@dataclass(frozen=True)
class Result:
    """A finished experiment; `run_id` is None until it is recorded in a tracking store."""

    config: Config
    invocation: Invocation
    pipeline: Pipeline
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    """Of the test metrics, at evaluation.confidence."""
    cv: CrossValidation
    tuned_on_these_rows: bool
    """Whether the cross-validation scored parameters that a search chose on the same rows: it then flatters."""
    search: SearchOutcome | None
    dataset: Dataset
    predictions: pd.DataFrame
    """The held-out rows, shape (n_test, 3): row (from 1), actual, predicted."""
    example: pd.DataFrame
    """Five rows of the features as the signature's example: the first training rows, gaps filled from those below."""
    figures: Mapping[str, Figure]
    texts: Mapping[str, str]
    """Further files by name, such as tree.txt."""
    identity: Mapping[str, Any]
    """What determines the result, as :func:`bikeml.fingerprint.identify` found it."""
    reproducible: bool
    provenance: Provenance
    seconds: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    look: str | None = None
    """Where a person looks at the recorded run: the address of its page, or the command that serves one."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.invocation.folder

    @property
    def fingerprint(self) -> str:
        """The sha256 of what determines the result."""
        return fingerprint(self.identity)

    @property
    def run_name(self) -> str:
        """The name of the run in the tracking store."""
        return self.config.tracking.run_name or self.invocation.name

    def summary(self) -> dict[str, Any]:
        """Return the content of result.json."""
        return {
            "run_name": self.run_name,
            "choices": dict(self.invocation.choices),
            "metrics": dict(self.metrics),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "cv": {
                "r2": list(self.cv.r2),
                "rmse": list(self.cv.rmse),
                "folds": self.cv.folds,
                "n_fit": list(self.cv.n_fit),
                "n_score": list(self.cv.n_score),
                "tuned_on_these_rows": self.tuned_on_these_rows,
            },
            "best_params": self.search.plain_best_params() if self.search else None,
            "search": self.search.counts() if self.search else None,
            "dataset": {
                "name": self.dataset.name,
                "sha256": self.dataset.sha256,
                "source": self.dataset.source,
                "n_train": self.dataset.n_train,
                "n_test": self.dataset.n_test,
                "gaps": dict(self.dataset.gaps),
            },
            "fingerprint": self.fingerprint,
            "reproducible": self.reproducible,
            "seconds": dict(self.seconds),
            "command": self.provenance.command,
            "overrides": [redact(override) for override in self.invocation.overrides],
            "run_id": self.run_id,
        }


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _finite(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Replace what JSON has no word for by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _clear(folder: Path) -> None:
    """
    Take away what an earlier run left in the folder, result.json before all: nothing of two runs is ever mixed.

    Raises FileExistsError where the folder holds a `model` of other making, which is nobody's to delete.
    """
    model = folder / MODEL_FOLDER
    if model.exists() and not (model / FILE_NAME).is_file():
        raise FileExistsError(errno.EEXIST, f"the {MODEL_FOLDER!r} in it is not a run's")
    (folder / RESULT_FILE).unlink(missing_ok=True)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(model, ignore_errors=True)


def save(result: Result) -> None:
    """
    Write the run folder: the model, the figures and the record, and result.json last.

    All is written aside first and then moved: a full disk or an interrupt leaves no file of this run, and those of an
    earlier one as they were.
    """
    folder = result.folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
        _write(result, Path(unfinished))
        _clear(folder)
        for path in sorted(Path(unfinished).iterdir(), key=lambda path: path.name == RESULT_FILE):
            move(path, folder / path.name)


def _write(result: Result, folder: Path) -> None:
    write_folder(result.pipeline, result.example, result.fingerprint, folder / MODEL_FOLDER)
    for name, figure in result.figures.items():
        save_figure(figure, folder / name)
    for name, text in result.texts.items():
        write_text(folder / name, text)
    result.predictions.to_csv(folder / "predictions.csv", index=False)
    if result.search:
        result.search.candidates.to_csv(folder / "cv_results.csv", index=False)
    config = yaml.safe_dump(result.config.model_dump(), sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", redact(config))
    write_text(folder / "environment.json", json.dumps(result.provenance.environment(), indent=2))
    if result.provenance.git_diff:
        (folder / "code.diff").write_bytes(result.provenance.git_diff.encode(errors="surrogateescape"))
    write_text(folder / RESULT_FILE, summary_text(result))


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure as PNG: the pixels of its savefig, which would draw it twice and look long for the last tenth."""
    figure.set_dpi(FIGURE_DPI)
    FigureCanvasAgg(figure).print_png(file, pil_kwargs={"compress_level": 3})


def summary_text(result: Result) -> str:
    """Return the text of result.json."""
    return json.dumps(_finite(result.summary()), indent=2, allow_nan=False) + "\n"


def add_run_id(result: Result) -> None:
    """Write result.json again with the run's id, whole or not at all."""
    write_text(result.folder / RESULT_FILE, summary_text(result))
