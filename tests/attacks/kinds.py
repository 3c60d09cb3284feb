"""The kinds of attack: each is a module of this folder with a function `plan`, and has the module's name."""

import importlib
from pathlib import Path
from typing import Protocol

from tests.attacks.session import Case


class Plan(Protocol):
    """Lay out below `session` what is attacked, and return every combination; of a short form, fewer."""

    def __call__(self, session: Path, *, is_short: bool) -> list[Case]: ...


def list_kinds() -> list[str]:
    """Return the names of the kinds, without importing them."""
    return sorted(file.stem for file in Path(__file__).parent.glob("*.py") if "\ndef plan(" in file.read_text("utf-8"))


def find_plan(kind: str) -> Plan:
    """Return the function that plans a kind of attack."""
    plan: Plan = importlib.import_module(f"tests.attacks.{kind}").plan
    return plan
