"""Predict the rows of a DataFrame or a file with the model of a run, as the task predict does."""

from contextlib import closing
from typing import TYPE_CHECKING

import pandas as pd

from bikeml.api.given import as_file
from bikeml.config.data import DataConfig
from bikeml.config.sections import complete
from bikeml.errors import ConfigError
from bikeml.experiment.encoding.unseen import Unseen
from bikeml.experiment.model_file import ModelDescription, read_as_trained
from bikeml.records.run_folder import CONFIG
from bikeml.table.rows import read_rows
from bikeml.tasks.models.interval import Interval, list_files, read_interval
from bikeml.tasks.models.predict import predict_chunk, read_allowed
from bikeml.terminal.tables import show_notice

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from bikeml.api.files import Files


def predict_rows(
    files: "Files", pipeline: "Pipeline", description: ModelDescription, rows: object, level: float | None
) -> pd.DataFrame:
    """
    Return the predictions of rows, shape (n_rows, 1), or (n_rows, 3) with intervals of this level.

    A notice names the values that data.allowed of the run does not list, or that no training row had. Raises what
    Result.predict says.
    """
    recorded = files.bring(CONFIG)
    unseen = Unseen(pipeline, read_allowed(recorded))
    with as_file(rows) as file:
        given = {**complete(recorded.read_config())["data"], "path": file.path}
        data = read_as_trained(DataConfig.model_validate(given), description, ())
        interval = None if level is None else _read_interval(files, level, data)
        parts = []
        with closing(read_rows(data, description.inputs)) as chunks:
            for chunk in chunks:
                unseen.look_at(chunk.X, data.path)
                part = {"predicted": predict_chunk(pipeline.predict, chunk.X, data.path)}
                if interval is not None:
                    part["low"], part["high"] = interval.around(pipeline, chunk.X, part["predicted"])
                parts.append(pd.DataFrame(part))
    for line in unseen.describe():
        show_notice(line)
    predicted = pd.concat(parts, ignore_index=True)
    return predicted.set_axis(rows.index) if isinstance(rows, pd.DataFrame) else predicted


def _read_interval(files: "Files", level: float, data: DataConfig) -> Interval:
    if not isinstance(level, float) or not 0 < level < 1:
        raise ConfigError(f"interval={level!r} should be the share of rows that it holds, between 0 and 1, such as 0.9")
    recorded = files.bring(CONFIG)
    return read_interval(files.bring(CONFIG, *list_files(recorded)), level, data, ())
