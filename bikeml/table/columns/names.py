"""What the name of a column says: whether it is one of ids, measures or clocks."""

import re
from collections.abc import Sequence

from bikeml.config.overrides import override, shell

ID = re.compile(r"ids?|[ug]uid|[up]id|identifier")
UNIT_OF_STUDY = re.compile(r"nr|subject|patient|person|individual|participant|respondent|customer|household|flight")
"""Whole numbers of this name alone are ids."""
LIKE_ID = re.compile(
    r"no|nr|number|phone|ean|upc|index|idx|code|serial|rows?|obs|ref|sku|order|isbn|ssn|vin|case|record|ticket|account|"
    r"barcode|key"
)
CODE = re.compile(r".*(code?|fips|zip)", re.IGNORECASE)
NOT_IDS = re.compile(r".*(pa|b|w|ac|a|gr|hum|sol|liqu|flu|cov|val|m|k|hybr|rap)id")
"""English words that end like customerid."""
MEASURES = frozenset({"age", "year", "month", "week", "day", "hour", "minute", "second", "time", "t", "trend", "dose"})
"""What is counted from 0 or 1 in steps of 1, as rows are."""
CLOCKS = ("epoch", "unix", "timestamp", "time", "date", "created", "updated")
UNNAMED = re.compile(r"[Uu]nnamed(: ?\d+)?|column_1|\.\.\.1|X|row[._]?names?|index|")
"""Of a first column without a name of its own, as R and pandas write it."""


def is_id(name: str) -> bool:
    """Return whether a name is plainly one of ids, such as `id`, `PID`, `customer_id` or `tripid`."""
    words = _split(name)
    last = words[-1] if words else ""
    ends_like_id = last.endswith("id") and not NOT_IDS.fullmatch(last)
    return (
        any(map(ID.fullmatch, words)) or ends_like_id or (len(words) == 1 and UNIT_OF_STUDY.fullmatch(last) is not None)
    )


def is_code(name: str) -> bool:
    """Return whether whole numbers of this name are codes, such as `zip` or `district_code`."""
    return CODE.fullmatch(name.strip()) is not None


def is_number_of_one(name: str) -> bool:
    """Return whether a name is one such as `Sample Number`; `number of rooms` is a count."""
    return len(_split(name)) > 1 and _split(name)[-1] in ("number", "no", "nr")


def is_like_id(name: str) -> bool:
    """Return whether a name may be one of ids, such as `order` or `ticket number`."""
    return is_id(name) or is_code(name) or any(map(LIKE_ID.fullmatch, _split(name)[-1:]))


def is_measure(name: str) -> bool:
    """Return whether whole numbers of this name may begin with 1 and yet not number the rows."""
    return any(word in MEASURES or word.removesuffix("s") in MEASURES for word in _split(name))


def is_clock(name: str) -> bool:
    """Return whether large numbers of this name may count the seconds since 1970."""
    return any(word in name.lower() for word in CLOCKS)


def is_unnamed(name: str) -> bool:
    """Return whether a first column has no name of its own: R and pandas write row names so."""
    return UNNAMED.fullmatch(name.strip()) is not None


def _split(name: str) -> list[str]:
    """Return the words of a name in lower case: customerID, customer_id and CUSTOMER ID have customer and id."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+", name)]


def as_override(key: str, words: Sequence[str]) -> str:
    """Return what sets a list of the data section, for a shell."""
    return shell(override(f"data.{key}", words))
