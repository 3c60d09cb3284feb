"""What every process of a day must know."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Plan:
    """What every process of the day must know."""

    cells: int
    nodes: int
    seed: int

    def fingerprints(self) -> list[str]:
        """Return the cells' identities."""
        return [sha256(f"{self.seed} {number}".encode()).hexdigest() for number in range(self.cells)]
