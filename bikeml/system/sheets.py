"""Write tables for people: a spreadsheet shows the text in them, and takes none of it for a formula."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet calculates (OWASP, CSV injection), the wide forms of the signs too."""


_LATER = re.compile(r"([;\t\n][\"\s]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
"""A spreadsheet of a language with decimal commas begins a cell at a semicolon, in the middle of one of ours."""


def to_sheet(table: "pd.DataFrame") -> str:
    """Return a table as CSV with an apostrophe before every text that a spreadsheet would calculate; numbers stay."""
    safe = table.copy(deep=False)
    for name, dtype in table.dtypes.items():
        if str(dtype).startswith(("object", "str")):
            safe[name] = table[name].map(_as_text, na_action="ignore")
    return safe.to_csv(index=False)


def _as_text(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    cell = _LATER.sub(r"\1'", cell.replace("\r", "␍"))  # no quotes stand around it, and it would begin a row
    if not cell.startswith(FORMULA):
        return cell
    with suppress(ValueError):
        float(cell)
        return cell
    return f"'{cell}"
