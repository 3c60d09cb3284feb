"""Run one experiment: check the estimators, build the pipeline, fit, judge, and write the model."""

import os
from pathlib import Path

# skrub 0.11 makes ~/skrub_data when it is imported, and cannot be where the home may not be written, as in a container.
_home = os.path.expanduser("~")  # noqa: PTH111  where there is none, pathlib raises
if not (os.path.isdir(_home) and os.access(_home, os.W_OK)):  # noqa: PTH112
    os.environ.setdefault("SKB_DATA_DIRECTORY", Path(__file__).anchor)
