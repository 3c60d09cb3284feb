"""What Azure ML takes of names and values, checked on this side."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.azure.jobs.limits import NAME, RULES, check, find_excess
from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.errors import ConfigError
from bikeml.records.params import PARAM_VALUE, PARAMS, TAG_VALUE, shorten
from tests.azureml import limits as documented


def config(*overrides):
    return typed(resolve(compose(list(overrides))))


def test_the_config_as_it_comes_is_within_the_limits():
    assert find_excess(config("hydra/launcher=azureml")) == []


@pytest.mark.parametrize(
    "name", ["azureml:mine:3", "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"]
)
def test_an_environment_that_is_there_is_no_name_to_make(name):
    assert find_excess(config(f"azure.environment='{name}'")) == []


def test_both_sides_have_the_same_numbers():
    most = documented.MOST
    assert most["ExperimentDto.Name/Length"] == most["RunDto.DisplayName/Length"] == NAME
    assert most["RunDto.Tags.Value/Length"] == most["ExperimentDto.Tags.Value/Length"] == TAG_VALUE
    assert (most["Parameters"], most["Parameters.Value/Length"]) == (PARAMS, PARAM_VALUE)


@pytest.mark.parametrize("key", [key for key in RULES if key != "tracking.run_name"])
def test_a_value_has_its_limit_and_no_more(key):
    most = RULES[key].most
    assert find_excess(config(f"{key}={'n' * most}")) == []
    with pytest.raises(
        ConfigError, match=rf"^{re.escape(key)}='nnn\S+ has {most + 1} characters, and Azure ML takes .*"
    ):
        check(config(f"{key}={'n' * (most + 1)}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "azure.compute.name=ab",
            "azure.compute.name='ab' has 2 characters, and Azure ML takes 3 to 24; choose another",
        ),
        (
            "azure.compute.name=4cpu",
            "='4cpu' should have only letters, digits and -, and begin with a letter, for Azure",
        ),
        (
            "azure.data='my table'",
            "azure.data='my table' should have only letters, digits, - and _, and begin with one",
        ),
        ("azure.environment='größe'", "azure.environment='größe' should have only letters, digits, - and _"),
        (
            f"tracking.run_name={'n' * 257}",
            f"tracking.run_name='{'n' * 60}…' has 257 characters, .* takes at most 256;",
        ),
    ],
)
def test_what_is_refused_says_the_value_the_limit_and_what_to_do(override, message):
    with pytest.raises(ConfigError, match=message):
        check(config(override))


def test_everything_is_told_at_once():
    assert len(find_excess(config("azure.compute.name=ab", "azure.data=a/b"))) == 2


@pytest.mark.slow
@given(st.text(), st.text(), st.integers(30, 60))
def test_a_shortened_value_fits_and_is_equal_to_itself_alone(one, other, most):
    assert len(shorten(one, most)) <= most
    assert (shorten(one, most) == shorten(other, most)) == (one == other)


@given(st.text(min_size=61))
def test_a_shortened_value_begins_as_the_whole_does(text):
    assert text.startswith(shorten(text, 60).rpartition("… ")[0])
