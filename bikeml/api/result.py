"""A finished experiment as Python has it: its values, its model, its files, and predictions."""

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikeml.api.files import Files, LocalFiles
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.run import FinishedRun, to_score
from bikeml.records.judgement import read_predictions
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import KEPT, MODEL, PAGE, PREDICTIONS, RunFolder
from bikeml.system.printable import show_path

if TYPE_CHECKING:
    import os

    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from bikeml.api.frame import ArrowTable
    from bikeml.experiment.model_file import ModelDescription


class Result:
    """
    A finished experiment. What it holds is read, or fetched from the store, when it is asked for.

    >>> import bikeml
    >>> result = bikeml.run("model=linear", "tracking=none")
    >>> result
    Result('linear', test_r2=0.6040, folder=...)
    >>> result.metrics["test_r2"]
    0.604...
    """

    def __init__(self, files: Files, pipeline: "Pipeline | None" = None, index: "pd.Index[Any] | None" = None) -> None:
        self._files, self._pipeline, self._index = files, pipeline, index

    @classmethod
    def of(cls, run: FinishedRun, index: "pd.Index[Any] | None" = None) -> "Result":
        """Return the result of a run that has just finished, with its pipeline, and the `index` of its DataFrame."""
        result = cls(LocalFiles(RunFolder(run.folder)), run.pipeline, index)
        result.__dict__["record"] = run.record  # a later run may write to the same folder
        return result

    @cached_property
    def record(self) -> RunRecord:
        """Everything that is recorded of the run: figures, config, table, code, packages and machine."""
        return self._files.bring().require()

    @property
    def pipeline(self) -> "Pipeline":
        """The fitted scikit-learn pipeline; loading it runs no code of the file. Raises ModelFileError."""
        from bikeml.experiment.encoding.unseen import name_dates

        if self._pipeline is None:
            from bikeml.experiment.model_folder import check_folder
            from bikeml.experiment.trusted.mlmodel import FILE_NAME

            self._pipeline = check_folder(self._files.bring_model(), self.record.files.get(f"{MODEL}/{FILE_NAME}"))
        name_dates(self._pipeline)  # a notebook draws it
        return self._pipeline

    @property
    def hints(self) -> tuple[str, ...]:
        """What makes the score doubtful, each with what to do."""
        return self.record.hints

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided of the table and its columns by looking at the rows."""
        return self.record.dataset.notes

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics by name, those of the held-out rows as test_r2 and those of the folds as cv_r2_mean."""
        return self.record.metrics

    @property
    def intervals(self) -> Mapping[str, tuple[float | None, float | None]]:
        """The ends of the intervals, on the held-out rows and on those of all folds, by the name of the metric."""
        return self.record.intervals

    @property
    def score(self) -> float:
        """The mean over the folds of the metric that ranks, negative for a loss; NaN if it is undefined."""
        return to_score(self.record)

    @property
    def name(self) -> str:
        """The name of the run, such as rf-standard-grid."""
        return self.record.run_name

    @property
    def fingerprint(self) -> str:
        """The sha256 of what determines the result."""
        return self.record.fingerprint

    @property
    def folder(self) -> Path:
        """The folder of its files; if only a store has them, a temporary one with what was fetched so far."""
        return self._files.bring().path

    @property
    def is_local(self) -> bool:
        """Whether its files are in the run's own folder, and not fetched from a store."""
        return isinstance(self._files, LocalFiles)

    @property
    def run_id(self) -> str | None:
        """The id of the run in the tracking store; None if it is in none."""
        return self._files.run_id

    @property
    def look(self) -> str | None:
        """What shows the run in its store to a person, a command or an address; None if it is in none."""
        return self._files.look

    @property
    def predictions(self) -> "pd.DataFrame":
        """
        The held-out rows, shape (n_test, 3 to 5): row (from 1), actual, predicted, and scale and weight if there are.

        After :func:`bikeml.run` or :func:`bikeml.sweep` of a DataFrame of pandas, the index is that of its rows.
        """
        found = read_predictions(self._files.bring(PREDICTIONS), PREDICTIONS)
        if self._index is None or self.record.dataset.test_source is not None:  # the rows are those of the test file
            return found
        return found.set_axis(self._index[found["row"] - 1])

    @property
    def figures(self) -> "dict[str, Figure]":
        """The figures by file name, drawn when they are asked for; a notebook shows one as a picture."""
        from bikeml.api.card import draw_picture
        from bikeml.pages.figures import draw

        figures = draw(self._bring_shown())
        for figure in figures.values():
            # matplotlib's own support for notebooks knows the figures of pyplot only
            figure._repr_png_ = partial(draw_picture, figure)  # type: ignore[attr-defined]
        return figures

    @property
    def page(self) -> Path:
        """The page of the run, one HTML file; it is made if the folder has none."""
        from bikeml.pages.run.report import write_run_page

        folder = self._bring_shown()
        return folder.path / PAGE if folder.has(PAGE) else write_run_page(folder)

    def predict(
        self, rows: "pd.DataFrame | ArrowTable | str | os.PathLike[str]", *, interval: float | None = None
    ) -> "pd.DataFrame":
        """
        Predict the rows of a DataFrame, or of a file, which are read and checked as the training table was.

        Returns `predicted`, and with `interval`, such as 0.9, the ends `low` and `high` of a conformal interval that
        holds the truth for this share of rows like the held-out ones; the index is that of the rows, shape
        (n_rows, 1 or 3). Raises DataError for rows that do not fit the model, and ConfigError for a level that the
        held-out rows are too few for.

        >>> import bikeml, pandas as pd
        >>> houses = pd.DataFrame({"rooms": [1, 2, 3, 4, 5] * 8, "price": [110, 190, 310, 390, 510] * 8})
        >>> result = bikeml.run("model=linear", "tracking=none", data=houses, target="price")
        >>> result.predict(pd.DataFrame({"rooms": [3, 6]})).round()
           predicted
        0      300.0
        1      605.0
        """
        from bikeml.api.predict import predict_rows

        return predict_rows(self._files, self.pipeline, self._description, rows, interval)

    def __repr__(self) -> str:
        """Return the run, its score and its folder in one line."""
        metric = find_metric(self.record.rank)
        value = metric.show(self.metrics.get(metric.test))
        return f"Result({self.name!r:.80}, {metric.test}={value}, folder={show_path(self.folder)!r})"

    def _repr_html_(self) -> str:
        from bikeml.api.card import draw_run

        return draw_run(self.record, self.folder, self.run_id)

    @cached_property
    def _description(self) -> "ModelDescription":
        from bikeml.experiment.model_file import read_description

        return read_description(self._files.bring_model())

    def _bring_shown(self) -> RunFolder:
        """Return the folder with what a picture or a page of the run is made of."""
        return self._files.bring(*(name for name in KEPT if name in self.record.files))
