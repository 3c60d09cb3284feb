"""A column of dates has one format, found from all of its cells."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.table.reading.dates import ISO, find_formats, is_day_first, is_time_of_day, parse


@pytest.mark.parametrize(
    ("words", "formats"),
    [
        (["2020-01-05", "2021-12-31"], [ISO]),
        (["2020-1-5"], [ISO]),
        (["2020-01", "1999-12"], [ISO]),
        (["2020-01-05", "2020-01-05 10:00", "2020-01-05T10:00:00.25Z"], [ISO]),
        (["2020-01-05T10:00:00+02:00", "2020-07-05T10:00:00+01:00"], [ISO]),
        (["2020-01-05 10:00:00 UTC"], ["%Y-%m-%d %H:%M:%S UTC"]),
        (["2020/01/05"], ["%Y/%m/%d"]),
        (["5.1.2020", "31.12.2021"], ["%d.%m.%Y"]),
        (["05.01.20", "31.12.21"], ["%d.%m.%y"]),
        (["13/01/2020", "05/01/2020"], ["%d/%m/%Y"]),
        (["05/01/2020", "01/13/2020"], ["%m/%d/%Y"]),
        (["05/02/2020", "01/03/2020"], ["%m/%d/%Y", "%d/%m/%Y"]),
        (["01/02/2020", "01/03/2020"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["2/1/2020", "3/1/2020"], ["%m/%d/%Y", "%d/%m/%Y"]),
        (["1/25/20 9:30 PM"], ["%m/%d/%y %I:%M %p"]),
        (["1/25/2020 21:30:05"], ["%m/%d/%Y %H:%M:%S"]),
        (["25-01-2020T21:30"], ["%d-%m-%YT%H:%M"]),
        (["Jan 5, 2020", "Dec 31, 2021"], ["%b %d, %Y"]),
        (["May 5, 2020", "January 31, 2021"], ["%B %d, %Y"]),
        (["5 Jan 2020"], ["%d %b %Y"]),
        (["05-Jan-20"], ["%d-%b-%y"]),
        (["01JAN2020"], ["%d%b%Y"]),
        (["Monday, January 6, 2020"], ["%A, %B %d, %Y"]),
        (["Jan 2020"], ["%b %Y"]),
        (["01/2020", "12/2021"], ["%m/%Y"]),
        (["20200105", "20211231"], ["%Y%m%d"]),
        (["20200105103000"], ["%Y%m%d%H%M%S"]),
        (["9:30", "23:59"], ["%H:%M"]),
        (["9:30 PM"], ["%I:%M %p"]),
        (["09:30:15"], ["%H:%M:%S"]),
    ],
)
def test_the_usual_spellings_are_found(words, formats):
    assert find_formats(words) == formats


@pytest.mark.parametrize(
    "words",
    [
        ["2020"],
        ["2020-13-01"],
        ["2020-21"],
        ["2020-01-05", "05/01/2020"],
        ["13/01/2020", "01/13/2020"],
        ["30.02.2020"],
        ["December 10"],
        ["10 December"],
        ["Jan-20"],
        ["201501BS70001"],
        ["12345678"],
        ["20201301"],
        ["2020Q1"],
        ["25:10"],
        ["1.2.3"],
        ["1/2"],
        ["3.14"],
        ["May"],
        ["192.168.0.1"],
        ["12:30:45:10"],
        ["a word", ""],
        ["", "2020-01-05"],
        [],
    ],
)
def test_other_words_are_no_dates(words):
    assert find_formats(words) == []


def test_only_a_format_of_numbers_has_the_day_first_or_not():
    assert [is_day_first(form) for form in ("%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%Y-%m-%d", ISO)] == [
        *[True, False, None, None, None]
    ]


def test_a_time_of_day_has_no_date():
    assert [is_time_of_day(form) for form in ("%H:%M", "%I:%M %p", "%d/%m/%Y %H:%M", ISO)] == [True, True, False, False]


@given(
    st.lists(st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2100-01-01")), min_size=1),
    st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%B %d, %Y", "%d-%b-%Y", "%Y-%m-%dT%H:%M:%S", "%Y%m%d"]),
)
def test_what_is_written_in_a_format_is_read_in_it(moments, date_format):
    words = [moment.strftime(date_format) for moment in moments]
    formats = find_formats(words)
    assert formats
    for form in formats:
        assert parse(words, form).dt.strftime(date_format).tolist() == words


@given(st.lists(st.dates(pd.Timestamp("1900-01-01").date(), pd.Timestamp("2100-01-01").date()), min_size=1))
def test_day_and_month_are_told_apart_if_any_day_is_above_twelve(days):
    words = [day.strftime("%d/%m/%Y") for day in days]
    assert "%d/%m/%Y" in find_formats(words)
    if any(day.day > 12 for day in days):
        assert find_formats(words) == ["%d/%m/%Y"]


@given(st.lists(st.text()))
def test_any_words_are_looked_at_without_an_error(words):
    find_formats(words)
