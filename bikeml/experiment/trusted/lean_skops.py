"""
Import skops without its list of scikit-learn's estimators; only for bikeml's own processes.

To know their names when it loads a file, skops 0.16 imports every estimator, and with them dask and pytest if they are
installed. That takes a second and 60 MiB. model_file knows scikit-learn's estimators without that list. Other code that
loads files with skops in the same process needs it, so do not import this module there.
"""

import sys

import sklearn.utils

if "skops.io" not in sys.modules:
    _walk, sklearn.utils.all_estimators = sklearn.utils.all_estimators, list
    try:
        import skops.io  # noqa: F401
    finally:
        sklearn.utils.all_estimators = _walk
