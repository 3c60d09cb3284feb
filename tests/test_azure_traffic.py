"""How the requests of an endpoint are shared among its deployments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")

from bikeml.azure.endpoint.traffic import share_traffic
from bikeml.errors import ConfigError


@pytest.mark.parametrize(
    ("current", "share", "expected"),
    [
        ({}, 100, {"new": 100}),
        ({}, 0, {"new": 0}),
        ({"blue": 100}, 10, {"new": 10, "blue": 90}),
        ({"blue": 100, "new": 0}, 100, {"new": 100, "blue": 0}),
        ({"blue": 0, "new": 100}, 10, {"new": 10, "blue": 90}),
        ({"blue": 60, "green": 40, "new": 0}, 50, {"new": 50, "blue": 30, "green": 20}),
        ({"blue": 100}, 0, {"new": 0, "blue": 100}),
    ],
)
def test_the_others_divide_what_is_left_as_before(current, share, expected):
    assert share_traffic(current, "new", share) == expected


@pytest.mark.parametrize(
    ("current", "message"),
    [
        ({}, r"traffic=10 leaves 90 % of the requests to nobody: there is no other deployment; set traffic=100"),
        ({"a": 0, "b": 0, "new": 100}, r"to nobody: none of a, b has traffic now; set traffic=100"),
    ],
)
def test_requests_for_nobody_are_refused(current, message):
    with pytest.raises(ConfigError, match=message):
        share_traffic(current, "new", 10)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), max_size=6), st.integers(0, 100))
def test_the_shares_are_whole_and_add_up(current, share):
    try:
        shares = share_traffic(current, "a", share)
    except ConfigError:
        return
    assert shares["a"] == share
    assert sum(shares.values()) in ({100} if share or any(shares.values()) else {0})
    assert all(0 <= part <= 100 for part in shares.values())
    assert {*shares} == {*current, "a"}
