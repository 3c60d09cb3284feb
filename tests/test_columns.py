"""Every column that no list of the config names gets a role from its cells, and a person is told."""

import datetime as dt
import io
import string

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bikeml.errors import DataError
from bikeml.table.columns import decide, decide_dates, decide_target, decision
from tests.test_cells import data_of

N = 60
RNG = np.random.default_rng(3)
TARGET = [f"{value:.3f}" for value in RNG.normal(size=N)]
SHUFFLED = RNG.permutation(N)


def repeat(*words, n=N):
    return [words[place % len(words)] for place in range(n)]


def table(columns):
    return pa.table({**columns, "y": TARGET})


def look(cells, name="x", **keys):
    """Return the role of one column beside a target and a feature, why, and the whole decision."""
    other = [f"{value:.4f}" for value in RNG.normal(size=N)]
    found = decide(table({"other": other, name: cells}), data_of(**keys))
    roles = {column: role for role, columns in found.data.roles.items() for column in columns}
    return roles[name], found.reasons.get(name), found


def role_of(cells, name="x", **keys):
    return look(cells, name, **keys)[:2]


def notes_of(cells, name="x", **keys):
    return list(look(cells, name, **keys)[2].notes[1:])


UNIQUE = [str(value) for value in RNG.permutation(np.arange(1000, 100_000, 7))[:N]]
NAMES = ["".join(RNG.choice(list(string.ascii_lowercase), 9)) for _ in range(N)]
SENTENCES = [f"a fine {NAMES[i]} of the hills with notes of {NAMES[-i]}" for i in range(N)]
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=3 * i) for i in range(N)]

COLUMNS = {
    # numbers
    "decimals": ([f"{i / 7:.3f}" for i in SHUFFLED], "numeric", "numbers"),
    "unique integers that are not dense": (UNIQUE, "numeric", "numbers"),
    "few integers": (repeat("1", "2", "3"), "numeric", "numbers"),
    "zeros and ones": (repeat("0", "1"), "numeric", "numbers"),
    "years": ([str(1950 + i % 40) for i in SHUFFLED], "numeric", "numbers"),
    "consecutive years": ([str(1950 + i) for i in range(N)], "numeric", "numbers"),
    "numbers with gaps": (repeat("1.5", "NA", "", "2", "n/a"), "numeric", "numbers"),
    "per cent": (repeat("45 %", "7 %", "0"), "numeric", "numbers"),
    "dollars": (repeat("$1.20", "$3", "-$2.5"), "numeric", "numbers"),
    "francs": (repeat("70.00 CHF", "5.5 CHF"), "numeric", "numbers"),
    "accounts": (repeat("(3.1)", "2.5"), "numeric", "numbers"),
    "question marks among numbers": (repeat("1", "2", "3", "?"), "numeric", "numbers"),
    "integers in another order": ([str(i) for i in SHUFFLED], "numeric", "numbers"),
    "big numbers": ([str(10**17 + 10**12 * i) for i in SHUFFLED], "numeric", "numbers"),
    # categories
    "words": (repeat("red", "green", "blue"), "categorical", "3 levels"),
    "yes and no": (repeat("Yes", "No"), "categorical", "2 levels"),
    "true and false": (repeat("TRUE", "FALSE", "NA"), "categorical", "2 levels"),
    "t and f": (repeat("t", "f"), "categorical", "2 levels"),
    "zeros in front": (repeat("01", "02", "10"), "categorical", "codes with zeros in front"),
    "shares": (repeat("<=50%", ">50%"), "categorical", "2 levels"),
    "genes": (repeat("TP53", "TP54", "BRCA1"), "categorical", "3 levels"),
    "days without a year": (repeat("December 10", "December 11"), "categorical", "2 levels"),
    "ranges": (repeat("0-9", "10-19", "20+"), "categorical", "3 levels"),
    "one word and gaps": (repeat("x", ""), "categorical", "one value and gaps"),
    "versions": (repeat("1.1.0", "1.10.0"), "categorical", "2 levels"),
    "numbers and words": (repeat("1", "2", "refused"), "categorical", "3 levels"),
    "many kinds of words among numbers": (repeat("1", "2", *"abcde"), "categorical", "7 levels"),
    "long labels": (repeat("a degree of a college or more", "no degree of any kind"), "categorical", "2 levels"),
    "places": (repeat("1st", "2nd", "3rd", "4th"), "categorical", "4 levels"),
    "levels of levels": (repeat("1", "1a", "1b", "2"), "categorical", "4 levels"),
    "seasons": (repeat("2019-20", "2020-21"), "categorical", "2 levels"),
    # dates
    "ISO": ([day.isoformat() for day in DAYS], "date", "dates"),
    "ISO with a time": ([f"{day}T10:30:00Z" for day in DAYS], "date", "dates"),
    "day first": ([day.strftime("%d/%m/%Y") for day in DAYS], "date", "dates"),
    "month first": ([day.strftime("%m/%d/%Y") for day in DAYS], "date", "dates"),
    "month by name": ([day.strftime("%b %d, %Y") for day in DAYS], "date", "dates"),
    "points": ([f"{day.day}.{day.month}.{day.year}" for day in DAYS], "date", "dates"),
    "digits": ([day.strftime("%Y%m%d") for day in DAYS], "date", "dates"),
    "dates with gaps": ([*[day.isoformat() for day in DAYS[2:]], "", "?"], "date", "dates"),
    "times of day": (repeat("9:30", "12:00", "23:59"), "date", "dates"),
    # text
    "sentences": (SENTENCES, "text", "words of many kinds"),
    "some words of many kinds": (NAMES[:45] + NAMES[:15], "text", "words of many kinds"),
    "dates of several spellings": ([*[str(day) for day in DAYS[2:]], "5.1.2020", "6.1.2020"], "text", "words of many kinds"),
    # left out
    "row numbers": ([str(i + 1) for i in range(N)], "ignored", "row numbers"),
    "row numbers from 0": ([str(i) for i in range(N)], "ignored", "row numbers"),
    "row numbers of some rows": ([str(i + i // 4) for i in range(N)], "ignored", "row numbers"),
    "codes": ([f"{i:03}-{name[:2].upper()}9" for i, name in enumerate(NAMES)], "ignored", "unique codes"),
    "codes of digits": ([f"{int(value):07}" for value in UNIQUE], "ignored", "unique codes"),
    "names": (NAMES, "ignored", "a name of its own in each row"),
    "a constant word": (["a"] * N, "ignored", "a constant"),
    "a constant number": (["1"] * (N - 1) + ["1.0"], "ignored", "a constant"),
    "a constant date": (["2020-01-01"] * N, "ignored", "a constant"),
    "nothing": ([None, "", " ", "NA"] * (N // 4), "ignored", "no values"),
    "URLs": ([f"https://a.org/{name}" for name in NAMES], "ignored", "URLs"),
    "email addresses": ([f"{name}@a.org" for name in NAMES], "ignored", "email addresses"),
    "coordinates": ([f"({i}.25, -{i}.5)" for i in SHUFFLED], "ignored", "pairs of coordinates"),
    "JSON": ([f'{{"a": {i}}}' for i in SHUFFLED], "ignored", "nested values"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_the_role_of_a_column_is_what_a_person_would_say(name):
    cells, role, reason = COLUMNS[name]
    assert role_of(cells) == (role, reason)


@pytest.mark.parametrize("name", [name for name in COLUMNS if not name.startswith("row numbers")])
def test_the_order_of_the_rows_does_not_matter(name):
    cells, role, reason = COLUMNS[name]
    assert role_of([cells[place] for place in SHUFFLED]) == (role, reason)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("called", ["Größe $ z" * 30, "number of rooms paid"])
def test_a_name_does_not_matter_unless_it_is_like_that_of_an_id(name, called):
    cells, role, reason = COLUMNS[name]
    assert role_of(cells, called) == (role, reason)


@pytest.mark.parametrize("name", ["id", "ID", "PID", "customerId", "customer_id", "tripid", "Order", "Ticket No", "serial"])  # fmt: skip
def test_unique_integers_with_the_name_of_an_id_are_one(name):
    assert role_of(UNIQUE, name) == ("ignored", "an id")
    assert role_of([f"{value}.0" for value in UNIQUE], name) == ("ignored", "an id")
    assert role_of([f"A{value}" for value in UNIQUE], name) == ("ignored", "an id")
    assert role_of([f"{value}.5" for value in UNIQUE], name) == ("numeric", "numbers")


def test_an_id_of_groups_is_a_category_if_the_groups_are_large():
    assert role_of(repeat("17", "4", "12"), "station_id") == ("categorical", "3 ids")
    assert role_of(repeat("17", "4", "12"), "nrEvents") == ("numeric", "numbers")
    assert role_of(repeat(*UNIQUE[:30]), "sample number") == ("ignored", "an id")
    assert role_of(repeat("17", "4", "12"), "bedrooms number") == ("numeric", "numbers")
    assert role_of(repeat("17", "4", "12"), "zip") == ("categorical", "3 codes")


def test_an_id_of_small_groups_is_a_number_with_a_note_and_left_out_if_it_is_a_word():
    twice, words = repeat(*UNIQUE[:30]), [f"A{value}" for value in repeat(*UNIQUE[:30])]
    assert role_of(twice, "station_id") == ("numeric", "30 ids that repeat")
    assert role_of(twice, "zip") == ("numeric", "30 codes that repeat")
    assert role_of(words, "station_id") == ("ignored", "an id")
    assert role_of([*UNIQUE[:31], *UNIQUE[:29]], "station_id") == ("ignored", "an id")
    assert notes_of(twice, "station_id") == [
        "'station_id': an id that repeats is kept as a number; if new rows have others, leave it out: data.ignored"
    ]


def test_a_permutation_is_row_numbers_only_with_the_name_of_an_id():
    assert role_of([str(i) for i in SHUFFLED], "index") == ("ignored", "row numbers")
    assert role_of([str(i) for i in SHUFFLED], "rank of 60") == ("numeric", "numbers")


def test_ages_and_times_that_count_from_one_are_numbers():
    assert [role_of([str(i) for i in range(N)], name)[0] for name in ("age", "days", "t", "model_year")] == [
        "numeric"
    ] * 4


@pytest.mark.parametrize("name", ["column_1", "Unnamed: 0", "X", "rownames", ""])
def test_a_first_column_without_a_name_is_left_out_if_it_names_the_rows(name):
    other = [f"{value:.4f}" for value in RNG.normal(size=N)]
    for cells in (UNIQUE, [f"{word} 4x4 {i}" for i, word in enumerate(NAMES)]):
        found = decide(table({name: cells, "other": other}), data_of())
        assert found.data.ignored == [name]
        assert found.reasons[name] == "row names"
    assert decide(table({name: UNIQUE, "other": other}), data_of(header=False)).data.numeric == [name, "other"]
    assert decide(table({name: repeat("1.5", "2"), "other": other}), data_of()).data.numeric == [name, "other"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (repeat("1", "2"), repeat("1.0", "2.00")),
        (repeat("$1", "$2"), repeat("1", "2")),
        (repeat("Yes", "No"), repeat("YES", "no ")),
        ([str(day) for day in DAYS], [day.strftime("%d.%m.%Y") for day in DAYS]),
        (repeat("1", "NA"), repeat("1", "?")),
        (SENTENCES, SENTENCES),
    ],
)
def test_a_copy_is_left_out_however_it_is_spelled(one, other):
    found = decide(table({"a": one, "b": other, "c": repeat("1", "4", "9")}), data_of())
    assert found.data.ignored == ["b"]
    assert found.reasons["b"] == "a copy of a"
    named = decide(table({"a": one, "b": other, "c": repeat("1", "4", "9")}), data_of(categorical=["b"]))
    assert named.data.ignored == ["a"]


def test_columns_that_differ_in_one_row_are_no_copies():
    almost = [*repeat("1", "2")[:-1], "7"]
    assert decide(table({"a": repeat("1", "2"), "b": almost}), data_of()).data.numeric == ["a", "b"]


@pytest.mark.parametrize("name", ["places", "levels of levels", "words", "sentences", "names", "codes", "ranges"])
def test_of_plain_words_there_is_nothing_to_tell(name):
    assert notes_of(COLUMNS[name][0]) == []


def test_units_are_recorded_and_told():
    found = look(repeat("70.00 CHF", "5 CHF", ""))[2]
    assert found.data.units == {"x": "CHF"}
    assert found.notes[1:] == ("'x': 'CHF' beside its numbers is their unit",)
    assert notes_of(repeat("(3.1)", "2")) == ["'x': (3.1) is read as -3.1, as accountants write it"]
    assert look(repeat("$1,200", "$3,500"), thousands=",")[2].data.units == {"x": "$"}


def test_words_that_look_like_gaps_among_numbers_are_gaps_of_the_numbers_alone():
    numbers = [*[str(i) for i in SHUFFLED[2:]], "nil", "missing"]
    found = decide(table({"a": numbers, "b": repeat("nil", "one", "two")}), data_of())
    assert found.data.numeric == ["a"]
    assert found.data.categorical == ["b"]
    assert found.data.gaps == ["missing", "nil"]
    assert found.data.not_gaps == {"b": ["nil"]}
    assert found.notes[1:] == ("'a': 'missing', 'nil' among its numbers are read as a gap",)


def test_other_words_among_numbers_are_asked_for():
    cells = [*[str(i % 20) for i in range(N - 1)], "refused"]
    role, _, found = look(cells)
    assert role == "categorical"
    assert found.data.gaps == []
    assert found.notes[1:] == ("98 % of 'x' are numbers; is 'refused' a gap? set 'data.gaps=[refused]'",)
    assert look(cells, gaps=["refused"])[0] == "numeric"
    assert role_of([*UNIQUE[:-1], "17b"], "id") == ("ignored", "an id")
    strange = notes_of([*[str(i % 20) for i in range(N - 2)], "it's", "no way"])
    assert strange == ["""96 % of 'x' are numbers; are "it's", 'no way' gaps? set 'data.gaps=["it'"'"'s","no way"]'"""]


def test_words_for_a_gap_are_numbers_only_if_nearly_all_cells_are():
    assert role_of(repeat("1", "2", "none"))[0] == "categorical"
    assert role_of(repeat("1", "2", "?"))[0] == "numeric"
    assert role_of(["?"] * (N - 1) + ["x"])[0] == "categorical"


def test_na_is_a_code_among_codes_of_two_letters():
    codes = repeat("NA", "ZA", "DE", "FR", "IT", "US")
    role, reason, found = look(codes)
    assert (role, reason) == ("categorical", "5 levels")
    assert found.data.not_gaps == {"x": ["NA"]}
    assert found.notes[1:] == ("'x': 'NA' is read as a code, as all others are of two letters, and not as a gap",)
    assert look(repeat("ZA", "DE", "FR", "IT", "US"))[2].data.not_gaps == {"x": ["NA"]}
    for others in (repeat("NA", "Za", "De", "Fr", "It", "Us"), repeat("NA", "ZA"), repeat("NA", "NA", "NA", *"ABCDE")):
        assert look(others)[2].data.not_gaps == {}
    assert look(codes, gaps=["NA"])[2].data.not_gaps == {}


def test_the_format_of_dates_is_recorded_once_for_the_column_and_told():
    first = [day.strftime("%d/%m/%Y") for day in DAYS]
    found = look(first)[2]
    assert found.data.date_format == {"x": "%d/%m/%Y"}
    assert found.notes[1:] == ("'x': the day stands first in its dates, read as %d/%m/%Y",)
    assert look([str(day) for day in DAYS])[2].data.date_format is None
    assert look(repeat("9:30", "12:00"))[2].data.date_format == {"x": "%H:%M"}
    assert notes_of(repeat("9:30", "12:00")) == ["'x': times of day are read as dates of one day"]


def test_day_and_month_that_cannot_be_told_apart_are_told_or_read_like_the_others():
    unsure = repeat("05/01/2020", "06/02/2020", "07/03/2021")
    assert notes_of(unsure) == [
        (
            "'x': day and month cannot be told apart, so dates are read as %m/%d/%Y; if they are %d/%m/%Y, set "
            "data.date_format"
        )
    ]
    sure = [day.strftime("%d/%m/%Y") for day in DAYS]
    found = decide(table({"a": unsure, "b": sure}), data_of())
    assert found.data.date_format == {"a": "%d/%m/%Y", "b": "%d/%m/%Y"}
    given = look(unsure, date_format={"x": "%d/%m/%Y"})[2]
    assert given.data.date_format == {"x": "%d/%m/%Y"}
    assert look(unsure, date_format="%d/%m/%Y")[2].data.date_format == "%d/%m/%Y"


def test_the_first_date_is_a_date_and_no_time_of_day():
    found = decide(table({"a": repeat("9:30", "12:00"), "b": [str(day) for day in DAYS]}), data_of())
    assert found.data.date == ["b", "a"]


def test_no_dates_are_used_if_none_are_wanted():
    role, reason, found = look([str(day) for day in DAYS], date=None)
    assert (role, reason) == ("ignored", "a date, and data.date is null")
    assert found.data.date == []


@pytest.mark.parametrize(
    ("cells", "name", "note"),
    [
        ([str(1_600_000_000 + 5000 * i) for i in SHUFFLED], "created_at", "'created_at': seconds since 1970 are kept as numbers"),
        ([str(1_600_000_000_123 + 5000 * i) for i in SHUFFLED], "timestamp", "'timestamp': milliseconds since 1970"),
        (repeat("1h 30m", "2h"), "x", "'x': durations are kept as words"),
        (repeat("25:10", "61:00"), "x", "'x': durations are kept as words"),
        ([f"{'$€'[i % 2]}{i}.5" for i in SHUFFLED], "x", "'x': numbers with several units ('$', '€') are kept as words"),
        (repeat("1 month", "2 months", "3 months"), "x", "'x': numbers with several units ('month', 'months') are kept"),
        (repeat("5 %", "5", "6"), "x", "'x': numbers with several units (none, '%') are kept as words"),
        ([*[str(day) for day in DAYS[2:]], "5.1.2020", "6.1.2020"], "x", "'x': dates of several spellings are kept as words"),
        (repeat("Yes", "yes ", "YES", "no"), "x", "'x': 'YES', 'Yes', 'yes ' are levels of their own; spell them alike"),
        ([*[str(day) for day in DAYS[1:]], "?"], "x", "'x': '?' among its dates is read as a gap"),
    ],
)  # fmt: skip
def test_a_person_is_told_what_may_be_amiss(cells, name, note):
    (found,) = notes_of(cells, name)
    assert found.startswith(note)


def test_columns_with_a_type_are_decided_like_those_of_text():
    typed = {
        "float": pa.array(RNG.normal(size=N)),
        "integer": pa.array([int(value) for value in UNIQUE]),
        "flag": pa.array(repeat(True, False, None)),
        "day": pa.array(DAYS),
        "moment": pa.array([dt.datetime.combine(day, dt.time(1)) for day in DAYS[::-1]]),
        "time": pa.array(repeat(dt.time(9, 30), dt.time(12))),
        "level": pa.array(repeat("a", "b")).dictionary_encode(),
        "codes": pa.array(repeat(1, 2)).dictionary_encode(),
        "nothing": pa.nulls(N),
        "nan": pa.array([float("nan")] * N),
        "list": pa.array([[1]] * N),
        "bytes": pa.array([b"1"] * N),
        "length": pa.array([dt.timedelta(1)] * N),
        "row": pa.array(range(N)),
        "user_id": pa.array([int(value) for value in UNIQUE]),
    }
    found = decide(pa.table({**typed, "y": pa.array(RNG.normal(size=N))}), data_of())
    assert found.data.numeric == ["float", "integer", "codes"]
    assert found.data.categorical == ["flag", "level"]
    assert found.data.date == ["day", "moment", "time"]
    assert found.data.ignored == ["nothing", "nan", "list", "bytes", "length", "row", "user_id"]


def test_the_first_note_counts_the_columns_and_names_those_left_out():
    found = decide(table({"a": repeat("1", "2.5"), "b": repeat("x", "z"), "PID": UNIQUE, "Order": [str(i) for i in range(N)]}), data_of())  # fmt: skip
    assert found.notes == ("columns  1 numeric, 1 categorical; left out: PID (an id), Order (row numbers)",)
    assert found.reasons == {"a": "numbers", "b": "2 levels", "PID": "an id", "Order": "row numbers"}


def test_many_columns_are_named_in_one_line():
    many = {f"q{i}": [*[str(value) for value in RNG.normal(size=N - 1)], "?"] for i in range(20)}
    empty = {f"e{i}": [None] * N for i in range(20)}
    notes = decide(
        table({**many, **{name: pa.array(cells, pa.string()) for name, cells in empty.items()}}), data_of()
    ).notes
    assert notes == (
        (
            "columns  20 numeric; left out: e0 (no values), e1 (no values), e2 (no values), e3 (no values), "
            "e4 (no values), e5 (no values) and 14 more"
        ),
        "'q0', 'q1', 'q2', 'q3', 'q4', 'q5' and 14 more: '?' among its numbers is read as a gap",
    )


def test_what_a_list_names_stays():
    cells = table({"id": UNIQUE, "code": repeat("1", "2"), "rent": repeat("7 CHF", "8 CHF"), "other": repeat("a", "b"), "row": [str(i) for i in range(N)]})  # fmt: skip
    found = decide(cells, data_of(numeric=["id", "rent"], ignored=["other"], text=["code"]))
    assert found.data.roles == {
        "target": ["y"],
        "numeric": ["id", "rent"],
        "categorical": [],
        "date": [],
        "text": ["code"],
        "ignored": ["other", "row"],
        "weight": [],
    }
    assert found.data.units == {"rent": "CHF"}
    assert set(found.reasons) == {"row"}


def test_a_named_column_of_dates_gets_its_format():
    found = look([day.strftime("%d/%m/%Y") for day in DAYS], date=["x"])[2]
    assert found.data.date == ["x"]
    assert found.data.date_format == {"x": "%d/%m/%Y"}


def test_nothing_is_decided_if_numbers_and_categories_are_listed():
    data = data_of(numeric=["a"], categorical=[])
    found = decide(table({"a": repeat("$1", "$2"), "b": repeat("x", "z")}), data)
    assert found.data is data
    assert found.notes == ()
    assert decide_target(table({}), data) == (data, [])
    assert decide_dates(table({"d": [str(day) for day in DAYS]}), data) is data


def test_a_table_without_a_feature_is_an_error_that_names_the_reasons():
    with pytest.raises(
        DataError, match=r"no column is left to learn from: id \(an id\), b \(a constant\); name one in data.numeric"
    ):
        decide(table({"id": UNIQUE, "b": ["1"] * N}), data_of())


def test_the_unit_and_the_gaps_of_the_target_are_found_in_all_rows():
    cells = pa.table({"y": [*[f"${i}" for i in SHUFFLED[1:]], "?"], "b": repeat("?", "z")})
    data, notes = decide_target(cells.append_column("c", [repeat("1", "?", "2.5")]), data_of())
    assert (data.units, data.gaps, data.not_gaps) == ({"y": "$"}, ["?"], {"b": ["?"]})
    assert notes == ["'y': '$' beside its numbers is their unit", "'y': '?' among its numbers is read as a gap"]
    with_gaps = decide(cells.append_column("c", [repeat("1", "?", "2.5")]), data).data
    assert (with_gaps.numeric, with_gaps.not_gaps) == (["c"], {"b": ["?"]})
    plain = data_of()
    assert decide_target(table({}), plain) == (plain, [])
    assert decide_target(pa.table({"y": ["a"], "b": ["c"]}), plain) == (plain, [])


def test_dates_are_found_in_all_rows_before_the_split():
    cells = table(
        {"t": repeat("9:30", "12:00"), "d": [day.strftime("%d.%m.%Y") for day in DAYS], "b": repeat("x", "z")}
    )
    data = decide_dates(cells, data_of())
    assert (data.date, data.date_format, data.numeric) == (["d"], {"d": "%d.%m.%Y"}, "auto")
    assert decide(cells, data).data.date == ["d", "t"]
    plain = data_of()
    assert decide_dates(table({"b": repeat("x", "z")}), plain) is plain


def test_a_large_table_is_looked_at_in_a_sample_but_its_numbers_in_all_rows(monkeypatch):
    monkeypatch.setattr(decision, "ROWS_LOOKED_AT", 40)
    rows = set(decision._take_sample(N))
    unseen = next(place for place in range(N) if place not in rows)
    numbers = [str(i % 20) for i in range(N)]
    for word, role in (("refused", "categorical"), ("?", "numeric"), ("7", "numeric")):
        assert role_of([*numbers[:unseen], word, *numbers[unseen + 1 :]])[0] == role
    dates = [day.strftime("%m/%d/%Y") if day.day <= 12 else "01/01/2020" for day in DAYS]
    assert look([*dates[:unseen], "13/01/2020", *dates[unseen + 1 :]])[2].data.date_format == {"x": "%d/%m/%Y"}
    for name in ("words", "sentences", "row numbers", "names", "URLs", "nothing", "codes"):
        cells, role, reason = COLUMNS[name]
        assert role_of(cells) == (role, reason)


TRAIN, HELD_OUT = SHUFFLED[:40], SHUFFLED[40:]


def hold_out(cells, *words):
    """Put other words into the rows that are held out."""
    changed = list(cells)
    for row, word in zip(HELD_OUT, words, strict=False):
        changed[row] = word
    return changed


def decide_held_out(cells, *words):
    found = decide(table({"other": TARGET[::-1], "x": hold_out(cells, *words)}), data_of(), TRAIN)
    roles = {column: role for role, columns in found.data.roles.items() for column in columns}
    return roles["x"], found


NUMBERS = repeat(*map(str, range(20)))


def test_a_word_among_numbers_is_seen_in_a_row_that_is_held_out():
    role, found = decide_held_out(NUMBERS, "rotary")
    assert role == "categorical"
    assert found.notes[1:] == ("98 % of 'x' are numbers; is 'rotary' a gap? set 'data.gaps=[rotary]'",)
    role, found = decide_held_out(NUMBERS, "?")
    assert (role, found.data.gaps) == ("numeric", ["?"])
    role, found = decide_held_out(NUMBERS, "")
    assert (role, found.data.gaps) == ("numeric", [])


def test_a_date_that_is_held_out_tells_the_format():
    days = [day.strftime("%m/%d/%Y") if day.day <= 12 else "01/01/2020" for day in DAYS]
    assert decide_held_out(days, "13/01/2020")[1].data.date_format == {"x": "%d/%m/%Y"}
    assert decide_held_out(days, "soon")[0] == "categorical"


def test_what_is_held_out_counts_for_no_level():
    assert decide_held_out(repeat("red", "blue"), *NAMES)[1].reasons["x"] == "2 levels"
    assert decide_held_out(repeat("red"), *NAMES)[1].reasons["x"] == "a constant"
    assert decide_held_out(repeat("1"), "2", "3")[1].reasons["x"] == "a constant"
    assert decide_held_out(NAMES, *repeat("red"))[1].reasons["x"] == "a name of its own in each row"


def test_a_named_column_of_numbers_has_its_gaps_in_all_rows():
    cells = table({"x": hold_out(NUMBERS, "?"), "b": repeat("u", "v")})
    assert decide(cells, data_of(numeric=["x"]), TRAIN).data.gaps == ["?"]


cell = st.one_of(
    st.sampled_from(
        ["", "NA", "?", "1", "2.5", "01", "yes", "No", "2020-01-05", "13/01/2020", "45 %", "$1", "a b c d e"]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
    st.text(max_size=8),
)
columns = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name != "y"),
    st.one_of(st.lists(cell, min_size=12, max_size=12), cell.map(lambda word: [word] * 12), st.permutations(list("0123456789ab"))),
    min_size=1,
    max_size=5,
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(columns)
def test_a_decision_decides_nothing_anew(cells):
    found_all = pa.table({**cells, "y": TARGET[:12]})
    try:
        first = decide(found_all, data_of())
    except DataError as error:
        assert "no column is left" in str(error)
        return
    listed = [name for names in first.data.roles.values() for name in names]
    assert sorted(listed) == sorted([*cells, "y"])
    assert first.data.model_validate(first.data.model_dump()) == first.data
    again = decide(found_all, first.data)
    assert again.data == first.data
    assert again.notes == ()


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(columns, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_matters_to_row_numbers_alone(cells, random):
    order = random.sample(range(12), 12)
    both = []
    for rows in (range(12), order):
        picked = {name: [column[row] for row in rows] for name, column in {**cells, "y": TARGET[:12]}.items()}
        try:
            found = decide(pa.table(picked), data_of())
        except DataError:
            return
        if "row numbers" in found.reasons.values():
            return
        both.append((found.data, found.notes, found.reasons))
    assert both[0] == both[1]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(columns, st.integers(0, 4))
def test_what_one_column_holds_decides_nothing_of_another_that_is_no_copy(cells, place):
    name = sorted(cells)[place % len(cells)]
    others = {"f": TARGET[:12][::-1]}
    alone = decide(pa.table({**others, name + "!": cells[name], "y": TARGET[:12]}), data_of())
    renamed = {f"{key}!": column for key, column in cells.items() if key == name or key not in others}
    together = decide(pa.table({**others, **renamed, "y": TARGET[:12]}), data_of())
    reason = together.reasons[name + "!"]
    dates = "dates" in (reason, alone.reasons[name + "!"])  # day and month may be told apart by other columns
    assert reason == alone.reasons[name + "!"] or reason.startswith("a copy of") or dates


def test_csv_and_parquet_of_one_table_are_decided_alike():
    frame = pd.DataFrame(
        {
            "float": RNG.normal(size=N),
            "whole": [float(i % 9) for i in SHUFFLED],
            "gappy": [None if i % 5 == 0 else i % 3 for i in range(N)],
            "integer": [int(value) for value in UNIQUE],
            "flag": repeat(True, False),
            "day": pd.to_datetime([str(day) for day in DAYS]),
            "moment": pd.to_datetime([f"{day} 10:30" for day in DAYS[::-1]]),
            "word": repeat("a", "b", "NA"),
            "code": repeat("01", "02"),
            "date": [day.strftime("%d.%m.%Y") for day in DAYS[::-1]],
            "sentence": SENTENCES,
            "user_id": [int(value) for value in UNIQUE],
            "row": range(N),
            "constant": [1.0] * N,
            "copy": repeat(True, False),
            "y": RNG.normal(size=N),
        }
    )
    written = pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype=str, keep_default_na=False)
    text = decide(pa.Table.from_pandas(written), data_of())
    typed = decide(pa.Table.from_pandas(frame, preserve_index=False), data_of())
    assert text == typed
    assert text.data.ignored == ["user_id", "row", "constant", "copy"]
    assert text.data.date == ["day", "moment", "date"]
