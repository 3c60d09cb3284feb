"""Turn the cells of a column into numbers, or into text as written; a gap is NaN in both."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bikeml.config.data import DataConfig
from bikeml.config.fields import AUTO

# The words that pandas reads as a gap by default
GAPS = ["", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "None"]
GAPS += ["NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]
LIKE_A_GAP = re.compile(
    r"\?+|-+|–|—|\.+|\*+|:|_|/|nil|none|missing|unknown|unavailable|undefined|empty|blank|nan?|n\.a\.?|n\.?d\.?|null|"
    r"not (available|applicable|recorded)|no data|#(value|ref|div/0|name|num|null)[!?]|0000-00-00( 00:00:00)?",
    re.IGNORECASE,
)
"""Words and signs that stand for a gap if all other cells of a column are numbers, or dates."""
BOOLEANS = {"true": 1.0, "t": 1.0, "yes": 1.0, "false": 0.0, "f": 0.0, "no": 0.0}
INFINITE = r"(?i)^[-+]?inf(inity)?$"
IN_BRACKETS = "()"
"""The unit of a column in the way of accountants: (3.1) is -3.1."""
SIGN = re.compile(
    r"(US|A|C|R)?\$|[€£¥₹₽₩₺₪฿]|kr|Rs\.?|Fr\.|AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|"
    r"ILS|INR|ISK|JPY|KES|KRW|MAD|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|"
    r"VND|ZAR"
)
"""What may stand before a number as its unit: other letters there make a code, such as TP53."""
NO_UNIT = re.compile(r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|.*\s\d")
WITH_UNIT = re.compile(
    r"[-+]?(?P<before>[^\d\s.,()<>=+-][^\d\s()<>=+-]{0,3})?\s?[-+]?[\d.,' \u00a0\u202f]*\d[.,]?([eE][-+]?\d+)?"
    r"(\s?(?P<after>([^\W\d]|[%‰°$€£¥₹\"'])[^\d<>=+():;,-]{0,14}[23²³]?))?"
)


class Numbers(NamedTuple):
    """The numbers of a column."""

    values: pd.Series
    """As float64, shape (n_rows,), with NaN for a gap and for what is not a number."""
    is_wrong: np.ndarray
    """Whether a cell is neither a number nor a gap, shape (n_rows,)."""


def to_numbers(column: pa.ChunkedArray, data: DataConfig, name: str) -> Numbers:
    """
    Read the numbers of a column, to the last digit.

    A column of nothing but yes and no, true and false, or t and f in any case is 1.0 and 0.0.
    """
    column = _decode(column)
    kind = column.type
    if is_text(kind):
        values, is_wrong = _text_to_numbers(column, data, name)
    elif is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        cast = column.cast(pa.uint8()) if pa.types.is_boolean(kind) else column
        values = cast.cast(pa.float64(), safe=False).to_numpy()
        is_wrong = np.zeros(len(column), dtype=bool)
    else:
        values, is_wrong = np.full(len(column), np.nan), _to_mask(pc.is_valid(column))
    codes = [float(word) for word in data.gaps if re.fullmatch(_number_pattern(".", None), word)]
    if codes:  # a gap such as -999 is also -999.0
        values = np.where(np.isin(values, codes), np.nan, values)
    return Numbers(pd.Series(values, name=name), is_wrong)


def as_text(column: pa.ChunkedArray, data: DataConfig, name: str) -> pd.Series:
    """
    Return the cells of a column as written, as objects, shape (n_rows,); a gap is NaN.

    Cells with a type, as of Parquet, are spelled as pandas writes them into a CSV file, and dates in the format that
    `data` has for the column.
    """
    column = _decode(column)
    text = column if is_text(column.type) else _spell(column, data.date_format_of(name))
    encoded = _encode(text)
    words = encoded.dictionary
    distinct = np.append(
        np.where(_to_mask(is_gap(words, data, name)), np.nan, words.to_numpy(zero_copy_only=False)), np.nan
    )
    return pd.Series(distinct[_places(encoded)], dtype=object, name=name)  # cells that are equal share one str


def is_gap(text: pa.ChunkedArray | pa.Array, data: DataConfig, name: str) -> pa.ChunkedArray | pa.Array:
    """Return whether a cell of text is a gap of the column `name`, without the blanks around it."""
    words = gaps_of(data, name)
    return pc.or_kleene(pc.is_null(text), pc.is_in(pc.utf8_trim_whitespace(text), pa.array(words, text.type)))


def gaps_of(data: DataConfig, name: str) -> list[str]:
    """Return the words that are a gap in the column `name`."""
    return [word for word in [*GAPS, *data.gaps] if word not in data.not_gaps.get(name, ())]


def looks_like_gap(word: str) -> bool:
    """Return whether a word that stands among numbers or dates is one for a gap, such as `?` or `missing`."""
    return LIKE_A_GAP.fullmatch(word) is not None


def find_unit(words: Iterable[str]) -> str | None:
    """Return what stands beside the number in all of `words` but zeros, such as `%`, `$` or `CHF`; None if nothing."""
    units = {unit_of(word) for word in words if set(word) - set("0.,+-")}
    if units == {"", IN_BRACKETS}:
        return IN_BRACKETS
    return (units.pop() or None) if len(units) == 1 else None


def unit_of(word: str) -> str | None:
    """Return the unit of a number, empty for a bare one; None for another word."""
    in_brackets = re.fullmatch(r"\((.*)\)", word)
    match = WITH_UNIT.fullmatch(in_brackets[1] if in_brackets else word)
    if not match or (match["before"] and match["after"]):
        return None
    before, after = match["before"] or "", (match["after"] or "").strip()
    if (before and not SIGN.fullmatch(before)) or NO_UNIT.fullmatch(after):
        return None
    return before or after or (IN_BRACKETS if in_brackets else "")


def _decode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a column of pandas' categories; of another, the column."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _text_to_numbers(text: pa.ChunkedArray, data: DataConfig, name: str) -> tuple[np.ndarray, np.ndarray]:
    if data.decimal != ",":  # most columns: plain numbers, and the usual words for gaps
        for has_gap_words in (False, True):
            plain = pc.if_else(is_gap(text, data, name), None, text) if has_gap_words else text
            with suppress(pa.ArrowInvalid):
                return plain.cast(pa.float64()).to_numpy(), np.zeros(len(text), dtype=bool)
    encoded = _encode(text)
    values, is_wrong = _words_to_numbers(encoded.dictionary, data, name)
    places = _places(encoded)
    return np.append(values, np.nan)[places], np.append(is_wrong, False)[places]


def _encode(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return the distinct cells and their places; a null has no place."""
    encoded = pc.dictionary_encode(column).combine_chunks()
    return encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded


def _places(encoded: pa.DictionaryArray) -> np.ndarray:
    """Return the place of each cell in the dictionary, shape (n_rows,); a null has the place behind the last one."""
    return np.asarray(encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False))


def _words_to_numbers(words: pa.Array, data: DataConfig, name: str) -> tuple[np.ndarray, np.ndarray]:
    gap = is_gap(words, data, name)
    plain = pc.replace_substring(pc.utf8_trim_whitespace(words), "\N{MINUS SIGN}", "-")
    if unit := data.units.get(name):
        plain = _take_unit(plain, unit)
    decimal, thousands = (data.decimal if data.decimal != AUTO else "."), data.thousands
    is_known = pc.match_substring_regex(plain, f"^({_number_pattern(decimal, thousands)})$")
    if thousands and thousands != AUTO:
        plain = pc.replace_substring(plain, thousands, "")
    plain = pc.replace_substring(plain, decimal, ".")
    is_known = pc.or_(is_known, pc.match_substring_regex(plain, INFINITE))
    known = pc.and_not(is_known, gap)
    values = pc.if_else(known, plain, None).cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_wrong = _to_mask(pc.invert(pc.or_(is_known, gap)))
    if not _to_mask(known).any() and is_wrong.any():  # perhaps all are booleans
        lower = pc.utf8_lower(plain)
        spelled = _to_mask(pc.is_in(lower, pa.array(list(BOOLEANS), words.type)))
        if (spelled == is_wrong).all():
            values = np.array([BOOLEANS.get(word, np.nan) for word in lower.to_pylist()])
            return np.where(spelled, values, np.nan), np.zeros(len(words), dtype=bool)
    return values, is_wrong


def _take_unit(words: pa.Array, unit: str) -> pa.Array:
    """Return the words without the unit; of one in brackets, the negative number, as accountants write it."""
    inner = pc.replace_substring_regex(words, r"^\((.*)\)$", r"-\1")
    if unit == IN_BRACKETS:
        return inner
    escaped = re.escape(unit)
    bare = pc.replace_substring_regex(inner, rf"^([-+]?)\s*{escaped}\s*|\s*{escaped}$", r"\1")
    return pc.utf8_trim_whitespace(bare)


def _number_pattern(decimal: str, thousands: str | None) -> str:
    """Return the pattern of a number: signs between thousands stand at each third digit, in India at each second."""
    whole = r"\d+"
    if thousands and thousands != AUTO:
        sign = re.escape(thousands)
        whole = rf"(?:\d+|\d{{1,3}}(?:{sign}\d{{2,3}})*{sign}\d{{3}})"
    point = re.escape(decimal)
    return rf"[-+]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?"


def _spell(column: pa.ChunkedArray, date_format: str | None) -> pa.ChunkedArray:
    """Spell each distinct value once."""
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_nested(kind):
        return pa.chunked_array([[None if value is None else str(value) for value in column.to_pylist()]], pa.string())
    encoded = _encode(column)
    values = encoded.dictionary
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        dates = values.to_pandas(date_as_object=False)
        words = dates.dt.strftime(date_format) if date_format else dates.astype(str)
    elif pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        words = pd.Series(values.to_numpy(zero_copy_only=False)).astype(str)
    else:
        words = values.to_pandas().astype(str)
    spelled = pa.array(words, pa.string(), from_pandas=True)
    return pa.chunked_array([spelled.take(encoded.indices)])


def _to_mask(flags: pa.ChunkedArray | pa.Array) -> np.ndarray:
    array = flags.to_numpy() if isinstance(flags, pa.ChunkedArray) else flags.to_numpy(zero_copy_only=False)
    return np.asarray(array, dtype=bool)
