"""Find the decimal sign and the thousands sign of a table from the cells of many columns, if they are unambiguous."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bikeml.config.fields import AUTO

ONE_GROUP = 4  # characters: a sign and three digits
MIN_SHARE = 0.5  # of the filled cells of a column have to be numbers before it says anything
CELL = re.compile(
    r"\s*[-+\N{MINUS SIGN}(]?\s?(?:[$€£¥]|[A-Z]{3}\b)?\s?[-+\N{MINUS SIGN}]?"
    r"(?P<number>(?:\d|[.,]\d)[\d.,'\N{RIGHT SINGLE QUOTATION MARK} \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]*"
    r"(?<=\d))(?:[eE][-+]?\d+)?\s?[%°A-Za-z$€£¥)]{0,4}\s*"
)
ONE_SIGN = re.compile(r"(?P<whole>\d*)(?P<sign>[.,])(?P<fraction>\d+)")
GROUPED = re.compile(r"[1-9]\d{0,2}(?P<groups>(?P<sign>\D)(?:\d{2,3}(?P=sign))*\d{3})(?:(?P<decimal>[.,])\d+)?")


@dataclass(frozen=True)
class Signs:
    """The decimal sign and the thousands sign (None: none) of a table."""

    decimal: str
    thousands: str | None
    note: str = ""


@dataclass
class Evidence:
    """The columns that speak for a sign."""

    decimal: dict[str, list[str]] = field(default_factory=dict)
    thousands: dict[str, list[str]] = field(default_factory=dict)
    either: dict[str, list[str]] = field(default_factory=dict)
    """1,234 is 1234 or 1.234."""


def find_signs(columns: Mapping[str, Iterable[str]], decimal: str, thousands: str | None, *, is_quoted: bool) -> Signs:
    """
    Return the signs of the numbers in `columns` of text; those that are not auto stay.

    `is_quoted`: the separator is a comma, so that a comma in a number stands in quotes. "1,234" is then 1234.
    """
    found = Evidence()
    for name, cells in columns.items():
        _look_at(name, cells, found, is_quoted=is_quoted)
    decimals = {*found.decimal} | {"," if sign == "." else "." for sign in found.thousands if sign in ".,"}
    is_certain = decimal != AUTO or len(decimals) == 1 or (is_quoted and not decimals)
    note = "" if is_certain else _describe_doubt(found)
    if decimal == AUTO:
        decimal = "," if len(found.decimal.get(",", [])) > len(found.decimal.get(".", [])) or decimals == {","} else "."
    if thousands == AUTO:
        thousands = _find_thousands(found, decimal, is_certain=is_certain, is_quoted=is_quoted)
    return Signs(decimal, thousands, note)


def _find_thousands(found: Evidence, decimal: str, *, is_certain: bool, is_quoted: bool) -> str | None:
    signs = Counter({sign: len(names) for sign, names in found.thousands.items() if is_certain or sign not in ".,"})
    if is_certain:
        # 1.234 in a table that is separated by commas is nearly always a number of three decimals
        signs.update({sign: len(names) for sign, names in found.either.items() if sign == "," or not is_quoted})
    del signs[decimal]
    return signs.most_common(1)[0][0] if signs else None


def _describe_doubt(found: Evidence) -> str:
    signs = {sign: found.decimal.get(sign) or found.thousands.get(other) for sign, other in (",.", ".,")}
    if all(signs.values()):
        shown = " and ".join(f"{sign!r} in {names[0]!r}" for sign, names in signs.items() if names)
        return f"the decimal sign is {shown}; the more frequent one is taken, or set data.decimal"
    if "," in found.either:
        return f"a comma in {found.either[','][0]!r} may be decimal or between thousands; set data.decimal"
    return ""


def _look_at(name: str, cells: Iterable[str], found: Evidence, *, is_quoted: bool) -> None:
    """Add what the cells of a column say to what is `found`; a column of other things than numbers says nothing."""
    filled = [cell for cell in cells if cell.strip()]
    matches = [CELL.fullmatch(cell) for cell in filled if re.search(r"\d", cell)]
    if not matches or None in matches or len(matches) < MIN_SHARE * len(filled):
        return
    signs = Evidence()
    for number in {match["number"] for match in matches if match}:
        if not _look_at_number(number, name, signs):
            return
    if is_quoted and sum("," in cell for cell in filled) < MIN_SHARE * len(filled):
        signs.decimal.pop(",", None)  # "2,3" beside 41 is a list of choices
    clear = {*signs.decimal, *signs.thousands}
    has_long = any(match["number"].isdigit() and len(match["number"]) > 3 for match in matches if match)  # noqa: PLR2004
    for sign in signs.decimal:
        found.decimal.setdefault(sign, []).append(name)
    for sign in {*signs.thousands} - {*signs.decimal}:
        found.thousands.setdefault(sign, []).append(name)
    for sign in {*signs.either} - clear if not has_long else ():  # 1234 beside 1,234 says neither
        found.either.setdefault(sign, []).append(name)


def _look_at_number(number: str, name: str, found: Evidence) -> bool:
    """Add what a number says to what is `found`; False for a date, an address or a list."""
    one, grouped = ONE_SIGN.fullmatch(number), GROUPED.fullmatch(number)
    if grouped and grouped["decimal"] != grouped["sign"]:
        is_clear = grouped["decimal"] or len(grouped["groups"]) > ONE_GROUP or grouped["sign"] not in ".,"
        (found.thousands if is_clear else found.either)[grouped["sign"]] = [name]
        if grouped["decimal"]:
            found.decimal[grouped["decimal"]] = [name]
    elif one:
        found.decimal[one["sign"]] = [name]
    return bool(one or grouped or number.isdigit())
