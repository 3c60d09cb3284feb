"""The kinds of attack: each is a function that lays things out below a folder and returns the cases."""

from pathlib import Path
from typing import Protocol

from tests.attacks import models, records
from tests.attacks.session import Case


class Plan(Protocol):
    """Lay out below `session` what is attacked, and return every combination; of a short form, fewer."""

    def __call__(self, session: Path, *, is_short: bool) -> list[Case]: ...


ATTACKS: dict[str, Plan] = {"records": records.plan, "models": models.plan}
