"""
Import skops without its walk through scikit-learn; for processes of bikeml's own alone.

skops 0.16 imports every estimator there is (and with them dask and pytest, where they are installed), to know their
names when a file is loaded: a second and 60 MiB. model_file knows scikit-learn's estimators without that list; other
code in the process that loads with skops would miss it.
"""

import sys

import sklearn.utils

if "skops.io" not in sys.modules:
    _walk, sklearn.utils.all_estimators = sklearn.utils.all_estimators, list
    try:
        import skops.io  # noqa: F401
    finally:
        sklearn.utils.all_estimators = _walk
