"""Read the predictions of a run, for the held-out rows and for the folds."""

import io

import pandas as pd

from bikeml.errors import RecordError
from bikeml.records.run_folder import RunFolder


def read_predictions(folder: RunFolder, name: str) -> pd.DataFrame:
    """
    Return a file of predictions, shape (n_rows, 3 or 4): row (from 1), actual, predicted, and fold if out-of-fold.

    Raises RecordError if the file is missing, was changed, or holds no predictions.
    """
    try:
        # float() reads each number to the last bit, in every version of pandas
        exact = {"actual": float, "predicted": float}
        return pd.read_csv(io.BytesIO(folder.read_file(name)), converters=exact).astype({"row": int, **exact})
    except (ValueError, KeyError) as error:
        raise RecordError(f"{str(folder.path / name)!r} holds no predictions: {error}; restore it") from error
