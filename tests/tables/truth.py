"""The truth of truth.yaml: which roles each column of a table may have."""

import functools
from pathlib import Path

import yaml

TRUTH = Path(__file__).with_name("truth.yaml")
ROLES = ("numeric", "categorical", "date", "text", "ignored")


@functools.cache
def read_truth() -> dict:
    """Return for each table its target, and lists of columns by role."""
    return yaml.safe_load(TRUTH.read_text(encoding="utf-8"))


def read_roles(name: str) -> dict[str, tuple[str, ...]]:
    """Return the roles that are right for each column of a table, the target aside."""
    entry = read_truth()[name]
    return {column: split_role(role) for role in entry if role != "target" for column in entry[role]}


def split_role(role: str) -> tuple[str, ...]:
    """Return the roles of ``numeric, categorical or ignored``."""
    return tuple(role.replace(" or ", ", ").split(", "))
