"""Repeated folds: a run takes the folds that a recorded one has fitted, and fits the others."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

import bikeml
from bikeml.cli import start
from bikeml.records.fingerprint import hash_folds, identify
from bikeml.records.judgement import RecordedFolds
from bikeml.records.run_folder import FOLDS
from tests.conftest import config_of

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("model=tree", "evaluation.bootstrap_samples=100", "evaluation.importance=none", "split.folds=3")


@pytest.fixture
def fits(monkeypatch):
    """Count the pipelines that are fitted."""
    made, fit = [], Pipeline.fit
    monkeypatch.setattr(
        Pipeline, "fit", lambda self, *rows, **given: made.append(len(rows[0])) or fit(self, *rows, **given)
    )
    return made


def scores(result):
    return {name: result.record.cv.scores[name] for name in ("r2", "mae")}, (result.folder / FOLDS).read_bytes()


@pytest.mark.slow
def test_only_the_folds_of_more_repeats_are_fitted_and_all_scores_are_the_same(workdir, fits):
    first = bikeml.run(*FAST)
    assert len(fits) == 1 + 3
    assert first.record.cv.reused is None
    fits.clear()
    more = bikeml.run(*FAST, "split.repeats=2", "evaluation.metrics=[r2,mae]")
    assert len(fits) == 1 + 3
    assert more.record.cv.reused == type(more.record.cv.reused)(run_id=first.run_id, n_folds=3)
    fits.clear()
    whole = bikeml.run(*FAST, "split.repeats=2", "reuse=none")
    assert len(fits) == 1 + 6
    assert scores(more) == scores(whole)
    assert more.record.cv.folds == whole.record.cv.folds
    assert more.record.cv.scores["r2"][:3] == first.record.cv.scores["r2"]
    fits.clear()
    most = bikeml.run(*FAST, "split.repeats=3")
    assert len(fits) == 1 + 3
    assert most.record.cv.reused.n_folds == 6


@pytest.mark.slow
def test_runs_have_the_same_folds_if_only_their_number_or_their_judging_differs():
    def of(*overrides):
        return hash_folds(identify(config_of("model=tree", *overrides), "0" * 64))

    for same in ("split.repeats=7", "evaluation.metrics=[mae]", "evaluation.random_state=3"):
        assert of(same) == of()
    others = ("model.estimator.max_depth=3", "split.random_state=1", "split.folds=2", "seed=1", "data.numeric=[temp]")
    assert len({of(), *map(of, others), of("search=grid"), of("search=grid", "evaluation.nested=true")}) == 8


@pytest.mark.slow
def test_folds_that_chance_has_drawn_are_not_taken(workdir):
    bikeml.run(*FAST, "seed=null")
    assert bikeml.run(*FAST, "seed=null", "split.repeats=2").record.cv.reused is None


@pytest.mark.slow
def test_folds_that_were_changed_are_fitted_and_it_is_said(workdir, capsys):
    first = bikeml.run(*FAST)
    (file,) = workdir.glob(f"mlartifacts/{first.run_id}/artifacts/{FOLDS}")
    file.write_text(file.read_text().replace("1", "2"))
    whole = bikeml.run(*FAST, "split.repeats=2")
    assert whole.record.cv.reused is None
    assert "each fold is fitted, since the recorded ones cannot be taken: run" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.slow
def test_a_sweep_takes_the_folds_of_each_of_its_cells(workdir):
    sweep = ["-m", *FAST[1:], "model=tree,linear"]
    assert start([*sweep, "hydra.sweep.dir=few"]) == 0
    assert start([*sweep, "hydra.sweep.dir=many", "split.repeats=2"]) == 0
    taken = [json.loads((workdir / "many" / cell / "result.json").read_text())["cv"]["reused"] for cell in "01"]
    ran = [json.loads((workdir / "few" / cell / "store.json").read_text())["run_id"] for cell in "01"]
    assert taken == [{"run_id": run_id, "n_folds": 3} for run_id in ran]


def test_recorded_folds_match_up_to_the_first_with_other_rows():
    table = pd.DataFrame(
        {"row": [1, 2, 3, 4], "fold": [1, 1, 2, 2], "actual": [1.0, 2, 3, 4], "predicted": [1.5, 2, 3, 4]}
    )
    recorded = RecordedFolds("a", table)
    one, two = (np.array([1, 2]), np.array([1.0, 2])), (np.array([3, 4]), np.array([3.0, 4]))
    assert [each.tolist() for each in recorded.match([one, two, one])] == [[1.5, 2], [3, 4]]
    assert [each.tolist() for each in recorded.match([one, one])] == [[1.5, 2]]
    assert list(recorded.match([(one[0], two[1])])) == []
