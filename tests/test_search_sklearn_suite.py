"""scikit-learn's own tests of GridSearchCV, run against SharedFitGridSearchCV."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator

from bikeml.search import SharedFitGridSearchCV

# The class is replaced before scikit-learn's tests are imported.
RUN = """
import sys
import pytest
import sklearn.model_selection
import sklearn.model_selection._search
from bikeml.search import SharedFitGridSearchCV

sklearn.model_selection.GridSearchCV = sklearn.model_selection._search.GridSearchCV = SharedFitGridSearchCV
sys.exit(pytest.main(sys.argv[1:]))
"""

# Test name -> why it cannot pass with any other class.
EXCEPTIONS = {
    "test_custom_run_search": "compares every fitted attribute with a class of its own, which has no n_fits_",
}


@pytest.mark.long
def test_scikit_learns_own_tests_pass(tmp_path):
    skipped = " and ".join(f"not {name}" for name in EXCEPTIONS)
    suite = "sklearn.model_selection.tests.test_search"
    arguments = ["--pyargs", suite, "-q", "-p", "no:cacheprovider", "-k", skipped]
    root = str(Path(__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]


def failed_checks(search):
    """Name the checks of scikit-learn that a search fails."""
    failed = set()
    for estimator, check in estimator_checks_generator(search):
        try:
            check(estimator)
        except (Exception, SkipTestWarning):  # noqa: BLE001 whatever a check raises
            failed.add(check.func.__name__)
    return failed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (GradientBoostingRegressor(random_state=0), {"n_estimators": [2, 5]}),
        (Ridge(), {"alpha": [0.1, 1.0]}),
    ],
)
def test_check_estimator_passes_as_far_as_grid_searchs_does(model, grid):
    ours = failed_checks(SharedFitGridSearchCV(model, grid, cv=2))
    assert ours <= failed_checks(GridSearchCV(model, grid, cv=2))
