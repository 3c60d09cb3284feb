"""Say in a few lines what stands out in a table; the page of explore has all of it."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from bikeml.system.printable import printable

if TYPE_CHECKING:
    from bikeml.table.look import Look

NEAREST, HINTS = 4, 5
"""How many columns and hints are told."""


def tell(look: "Look") -> Iterator[str]:
    """Yield the columns that go with the target most, and the most serious hints, a line each."""
    from bikeml.table.hints import find_hints  # seconds of imports

    related = [each for each in look.columns if each.is_feature and each.association is not None]
    nearest = sorted(related, key=lambda each: -(each.association or 0))[:NEAREST]
    if nearest:
        shown = ", ".join(f"{each.name} {each.association:.2f}" for each in nearest)
        yield printable(f"{look.target.name} goes most with {shown} (from 0 to 1)")
    hints = find_hints(look)
    told = 0
    for headline, advice in islice(hints, HINTS):
        yield f"{headline}. {advice}"
        told += 1
    more = sum(1 for _ in hints)
    if more:
        yield f"and {more} more on the page"
    elif not told:
        yield "nothing stands out"
