"""The models of recorded runs, fetched and checked."""

from pathlib import Path

from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError
from bikeml.experiment.model_folder import check_folder
from bikeml.tracking.recorded import RecordedRun


def fetch_checked(run: RecordedRun, folder: Path) -> tuple[Path, Pipeline]:
    """
    Bring the model of a run below `folder`, fit to be handed to a server; return its folder and the pipeline in it.

    Raises RunNotFoundError where the run has no model, ModelFileError where it is not as bikeml writes models, and
    TrackingError.
    """
    place = run.fetch_model(folder)
    try:
        return place, check_folder(place)
    except ModelFileError as error:
        raise ModelFileError(f"the model of run {run.run_id} ({run.name}) is refused: {error}") from error
