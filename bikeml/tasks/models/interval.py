"""The intervals around the predictions of a recorded run: their widths, and what they promise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bikeml.config.data import DataConfig, check_range
from bikeml.errors import ConfigError, RecordError
from bikeml.evaluation.uncertainty.conformal import conformal_interval, conformal_width
from bikeml.records.judgement import read_predictions, read_weights
from bikeml.records.run_folder import PREDICTIONS, SCALE, SCALES, RunFolder

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import Pipeline

UNLIMITED = (None, None)


@dataclass(frozen=True)
class Interval:
    """Makes intervals of one level around the predictions of a run."""

    level: float
    width: float
    """Half the width of each interval: in the target's unit, or in units of a row's scale if there is a scale."""
    scale: "RandomForestRegressor | None"
    """A model of the absolute errors; None of a run whose rows all have one width."""
    possible: Sequence[float | None]

    def around(self, pipeline: "Pipeline", X: pd.DataFrame, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the intervals of rows X, shape (n_rows, n_features), and predictions, (n_rows,)."""
        if self.scale is None:
            return conformal_interval(predicted, self.width, self.possible)
        from bikeml.evaluation.scale import predict_scale

        return conformal_interval(
            predicted, self.width * predict_scale(self.scale, pipeline, X, predicted), self.possible
        )

    def describe(self, params: Mapping[str, str], mean_width: float) -> Iterator[str]:
        """Yield what the intervals promise, for a run with these parameters; `mean_width` is that of the rows."""
        of_whom = f"for {100 * self.level:.4g} % of rows such as the held-out ones"
        if self.scale is None:
            yield f"interval ± {self.width:.6g}, {of_whom}"
            yield "all rows have one width, since the run recorded no scale of its errors"
        else:
            yield f"intervals of {mean_width:.6g} on average, wider where errors are larger, {of_whom}"
        if (column := params.get("data.weight")) not in (None, "None"):
            yield f"the held-out rows are weighted by {column!r}: the interval is for rows drawn by such weights"
        if params.get("split.kind") == "chronological":
            yield "the held-out rows are the latest ones: of later rows the interval promises nothing"
        if params.get("split.kind") == "group":
            yield "rows of one group are alike: with few held-out groups the interval may cover fewer rows"


def read_interval(recorded: RunFolder, level: float, data: DataConfig, given: Sequence[str]) -> Interval:
    """
    Return the intervals of a run with their scale, calibrated on its held-out rows.

    The target's range is the run's own, unless the command line has `given` data.target_range. Raises ConfigError if
    there are too few held-out rows or they are out of the range, and RecordError and ModelFileError.
    """
    held_out = read_predictions(recorded, PREDICTIONS)
    possible = data.target_range if "target_range" in given else _read_range(recorded)
    actual, predicted = held_out["actual"].to_numpy(), held_out["predicted"].to_numpy()
    _check_range(actual, possible)
    scale, scales = None, None
    if SCALES in held_out:
        from bikeml.experiment.model_file import load_pipeline

        scale, scales = load_pipeline(recorded.path / SCALE), held_out[SCALES].to_numpy(float)
    width = conformal_width(actual - predicted, level, scales, read_weights(held_out))
    return Interval(level, width, scale, possible or UNLIMITED)


def list_files(recorded: RunFolder) -> list[str]:
    """Return the names of the files that the intervals of a run need; a run of an earlier version has no scale."""
    return [PREDICTIONS, *([SCALE] if SCALE in recorded.require().files else [])]


def _read_range(recorded: RunFolder) -> Sequence[float | None] | None:
    section = recorded.read_config().get("data")
    found = section.get("target_range") if isinstance(section, dict) else None
    try:
        return None if found is None else check_range(found)
    except (ValueError, TypeError) as error:
        raise RecordError(
            f"the run's config has data.target_range={found!r}, which is no range; name another run"
        ) from error


def _check_range(actual: np.ndarray, possible: Sequence[float | None] | None) -> None:
    """Raise ConfigError if a held-out row has a target that the config calls impossible."""
    least, most = possible or UNLIMITED
    strange = [
        *(actual[actual < least] if least is not None else ()),
        *(actual[actual > most] if most is not None else ()),
    ]
    if strange:
        raise ConfigError(
            f"data.target_range={list(possible or ())} does not hold the target {strange[0]:.6g} of a held-out row; "
            "set it to what the target can be"
        )
