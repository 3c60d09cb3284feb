"""Find the format of a column of dates: one for the column, never one for each row."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import pandas as pd

from bikeml.errors import DataError

ISO = "ISO8601"
"""The format of ISO dates, as pandas names it; data.date_format need not name it."""
FIRST_LOOK = 20  # words; a format that does not read these is not tried on all

AN_ISO_DATE = re.compile(
    r"\d{4}-\d{1,2}(-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?)?"
)
DATES = ["%Y/%m/%d", "%Y.%m.%d", "%Y-%b-%d", "%d.%m.%Y", "%d. %m. %Y", "%d.%m.%y"]
DATES += ["%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%m-%d-%y", "%d-%m-%y"]
DATES += ["%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b. %d, %Y"]
DATES += ["%a, %b %d, %Y", "%A, %B %d, %Y", "%A, %b %d, %Y", "%a, %d %b %Y", "%A, %d %B %Y", "%a %d %b %Y"]
DATES += ["%d %b %Y", "%d %B %Y", "%d. %b %Y", "%d. %B %Y", "%d-%b-%Y", "%d/%b/%Y", "%d%b%Y", "%d-%b-%y", "%d%b%y"]
DATES += ["%m/%Y", "%m-%Y", "%Y/%m", "%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%Y %b", "%Y %B", "%Y-%b"]
TIMES = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p"]
ZONES = ["", "%z", " %z", " UTC", " GMT"]
MOMENT = re.compile(r"(?P<date>.*?)(?P<joint>T|,? )?(?P<time>\d{1,2}:\d{2}.*)?")


def find_formats(words: Sequence[str]) -> list[str]:
    """
    Return the formats in which all `words` are dates or times of day, as far as they differ; ISO dates have ISO.

    Two formats mean that the day and the month cannot be told apart; the likelier is the first.
    """
    first = words[:FIRST_LOOK]
    formats = [form for form in _propose(first[0]) if _reads(form, first)] if first else []
    formats = [form for form in formats if _reads(form, words)]
    return sorted(formats, key=lambda form: _count_days(form, words)) if len(formats) > 1 else formats


def is_day_first(date_format: str) -> bool | None:
    """Return whether a format has the day before the month, both as numbers; None if it has not both."""
    day, month = date_format.find("%d"), date_format.find("%m")
    return day < month if min(day, month) >= 0 and not date_format.startswith("%Y") else None


def is_time_of_day(date_format: str) -> bool:
    """Return whether a format has no date."""
    return not re.search(r"%[YyBb]", date_format) and date_format != ISO


def parse(words: Iterable[str], date_format: str) -> pd.Series:
    """
    Return the dates of `words`, in UTC without a zone; NaT for what is not a date in this format.

    Raises DataError for a bad format.
    """
    column = words if isinstance(words, pd.Series) else pd.Series(list(words), dtype=object)
    try:
        dates = pd.to_datetime(column, format=date_format, errors="coerce", utc=True)
    except (ValueError, re.error) as error:  # re.error for a directive that occurs twice
        raise DataError(
            f"data.date_format={date_format!r} is not a date format: {error}; write one such as %m/%d/%Y"
        ) from error
    return dates.dt.tz_localize(None)


def _reads(date_format: str, words: Sequence[str]) -> bool:
    if date_format == ISO and not all(map(AN_ISO_DATE.fullmatch, words)):
        return False  # pandas takes a year for a date
    return bool(parse(words, date_format).notna().all())


def _propose(word: str) -> list[str]:
    """Return the formats that read a word."""
    if AN_ISO_DATE.fullmatch(word):
        return [ISO]
    if word.isdecimal():
        return {8: ["%Y%m%d"], 14: ["%Y%m%d%H%M%S"]}.get(len(word), [])
    parts = MOMENT.fullmatch(word)
    if not parts or not any(map(str.isdigit, word)):
        return []
    dates = [form for form in [*DATES, "%Y-%m-%d"] if _fits(parts["date"], form)] if parts["date"] else [""]
    moments = [time + zone for zone in ZONES for time in TIMES]
    times = [form for form in moments if _fits(parts["time"], form)] if parts["time"] else [""]
    return [f"{date}{parts['joint'] or ''}{time}" for date in dates for time in times]


def _fits(word: str, date_format: str) -> bool:
    try:
        datetime.strptime(word, date_format)  # noqa: DTZ007  only whether it can be read
    except ValueError:
        return False
    return True


def _count_days(date_format: str, words: Sequence[str]) -> tuple[int, bool]:
    """Count the days of a month: the first of each month is likelier than January of each year, then month first."""
    days = parse(words, date_format).dt.day.nunique()
    return (days if days == 1 else 2), bool(is_day_first(date_format))
