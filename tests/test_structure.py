"""Explore tells what ties rows together, groups and time, with the split that does not flatter."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bikeml.table.hints import find_hints
from bikeml.table.look import look_at
from bikeml.table.structure.groups import find_groups, find_likeness, is_named_as_group
from bikeml.table.structure.time import find_time
from tests.conftest import config_of

N = 300
DATES = pd.Series(pd.date_range("2020-01-01", periods=N))


def patients(seed=0):
    """Three rows each of 100 patients, whose age and height are the same in each; the target is mostly their own."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(100), 3))
    own = rng.normal(size=(100, 3))
    X = pd.DataFrame({"patient": [f"p{each}" for each in who], "age": own[who, 0], "height": own[who, 1]})
    return X.assign(dose=rng.normal(size=N)), 2 * own[who, 2] + 0.5 * rng.normal(size=N)


def test_patients_on_both_sides_are_told():
    X, y = patients()
    fall = find_groups(X, y, {})
    assert (fall.column, fall.with_kin > 0.4, fall.without < 0.1) == ("patient", True, True)


def test_a_column_that_is_no_feature_is_found_by_the_rows_that_it_ties():
    X, y = patients()
    codes = pd.factorize(X["patient"])[0]
    assert find_groups(X.drop(columns="patient"), y, {"record_key": codes}).column == "record_key"


def test_groups_that_do_not_differ_and_levels_that_nothing_else_tells_are_not_told():
    X, _ = patients()
    rng = np.random.default_rng(1)
    assert find_groups(X, X["dose"] + rng.normal(size=N), {}) is None
    district = rng.integers(0, 20, N)
    y = rng.normal(size=20)[district] + 0.5 * rng.normal(size=N)
    assert find_groups(pd.DataFrame({"district": district.astype(str), "x": rng.normal(size=N)}), y, {}) is None
    assert find_groups(pd.DataFrame({"x": rng.normal(size=N)}), np.ones(N), {}) is None


@pytest.mark.parametrize("name", ["patient", "PatientID", "shop_no", "customer id", "subject", "engine", "storeId"])
def test_a_name_of_a_person_or_a_thing_is_known(name):
    assert is_named_as_group(name)


@pytest.mark.parametrize("name", ["price", "temp", "unitary", "classic", "workshop", "sitemap", "hum"])
def test_other_names_are_not(name):
    assert not is_named_as_group(name)


def test_likeness_is_one_within_equal_groups_and_none_by_chance():
    codes = np.repeat(np.arange(50), 4)
    alike, p_value = find_likeness(codes.astype(float), codes)
    assert (alike, p_value) == (1.0, 0.0)
    alike, p_value = find_likeness(np.random.default_rng(0).normal(size=200), codes)
    assert abs(alike) < 0.15
    assert p_value > 0.01
    assert find_likeness(np.ones(200), codes) == (0.0, 1.0)


def test_a_target_that_grows_is_told_and_one_that_returns_each_year_is_not():
    rng = np.random.default_rng(0)
    x, day = rng.normal(size=N), np.arange(N)
    X = pd.DataFrame({"x": x, "counter": day + rng.normal(size=N)})
    fall = find_time("sold", X, x + 6 * day / N + 0.3 * rng.normal(size=N), DATES)
    assert (fall.column, fall.with_kin > fall.without + 0.1) == ("sold", True)
    season = np.sin(2 * np.pi * day / 30)
    again = pd.DataFrame({"x": x, "warm": season + 0.1 * rng.normal(size=N)})
    assert find_time("sold", again, x + 3 * season + 0.3 * rng.normal(size=N), DATES) is None
    assert find_time("sold", X[:20], x[:20], DATES[:20]) is None


@pytest.mark.slow
def test_explore_tells_the_split_that_can_be_typed():
    X, y = patients()
    frame = X.assign(y=y, sold=DATES.astype(str))
    words = ["data=csv", "data.path=t.csv", "data.target=y", "data.numeric=[age,height,dose]", "data.date=[sold]"]
    words += ["data.categorical=[patient]"]
    hints = dict(find_hints(look_at(frame, config_of(*words), N)))
    assert hints["Rows of one patient are alike"].endswith("of others: split=group data.group=patient")
    grouped = look_at(frame, config_of(*words[:-1], "data.categorical=[]", "split=group", "data.group=patient"), N)
    assert "Rows of one patient are alike" not in dict(find_hints(grouped))
    later = frame.assign(y=y / 10 + np.arange(N) / 30, height=np.arange(N) + y)
    hints = dict(find_hints(look_at(later, config_of(*words), N)))
    assert hints["y changes with sold"].endswith("If new rows are later ones: split=chronological data.date=sold")


def test_a_second_look_at_the_held_out_rows_is_refused_and_the_docs_show_what_the_first_saw():
    root = Path(__file__).parents[1]
    spec = spec_from_file_location("look_held_out", root / "scripts" / "look_held_out.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    looks = json.loads(script.LOOKS.read_text(encoding="utf-8"))
    assert "To look again, say why: --again" in script.refuse(looks, None)
    assert script.refuse(looks, "a reason") == script.refuse([], None) == ""
    docs = (root / "docs" / "models.md").read_text(encoding="utf-8")
    for recipe, seen in looks[-1]["recipes"].items():
        assert f"| `{recipe}` | {seen['test_r2']:.3f} |" in docs
