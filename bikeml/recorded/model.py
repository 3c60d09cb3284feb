"""Fetch the model of a recorded run, and check it."""

from pathlib import Path

from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError
from bikeml.experiment.model_folder import check_folder
from bikeml.recorded.run import RecordedRun
from bikeml.records.tags import MODEL


def fetch_checked(run: RecordedRun, folder: Path) -> tuple[Path, Pipeline]:
    """
    Download the model of a run below `folder`, check that a server can load it, and return its folder and pipeline.

    Raises RunNotFoundError if the run has no model, ModelFileError if the model is not as bikeml writes models, and
    TrackingError.
    """
    place = run.fetch_model(folder)
    try:
        return place, check_folder(place, run.tags[MODEL])
    except ModelFileError as error:
        raise ModelFileError(f"the model of run {run.run_id} ({run.name}) is refused: {error}") from error
