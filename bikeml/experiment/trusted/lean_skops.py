"""
Import skops without its lists of scikit-learn's estimators and SciPy's functions; only for bikeml's own processes.

To know their names when it loads a file, skops 0.16 imports every estimator, and with them dask and pytest if they are
installed: a second and 60 MiB. For each function of scipy.special it looks into all modules: 0.2 s. model_file needs
neither list. Other code that loads files with skops in the same process does, so do not import this module there.
"""

import sys
from types import ModuleType
from typing import Any

import scipy
import scipy.special
import sklearn.utils

if "skops.io" not in sys.modules:
    _scipy: Any = scipy
    _walk, _functions = sklearn.utils.all_estimators, scipy.special
    sklearn.utils.all_estimators, _scipy.special = list, ModuleType("scipy.special")
    try:
        import skops.io  # noqa: F401
    finally:
        sklearn.utils.all_estimators, _scipy.special = _walk, _functions
