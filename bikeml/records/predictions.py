"""The predictions that a run keeps, of the held-out rows and of the folds."""

import io

import pandas as pd

from bikeml.errors import RecordError
from bikeml.records.run_folder import RunFolder


def read_predictions(folder: RunFolder, name: str) -> pd.DataFrame:
    """
    Return a file of predictions as it was recorded: row (from 1), actual, predicted, and the fold of out-of-fold ones.

    Raises RecordError if it is missing, changed or no such file.
    """
    try:
        # float() gives each number to the last bit, and in every version of pandas
        exact = {"actual": float, "predicted": float}
        return pd.read_csv(io.BytesIO(folder.read_file(name)), converters=exact).astype({"row": int, **exact})
    except (ValueError, KeyError) as error:
        raise RecordError(f"{str(folder.path / name)!r} holds no predictions: {error}; restore it") from error
