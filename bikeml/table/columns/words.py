"""Decide what a column of words is: categories, text, ids, or what no step of preprocessing reads."""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.table.columns.kinds import COLUMN, NEARLY, WORDS_LOOKED_AT, Kind, as_id, factorize
from bikeml.table.columns.names import as_override
from bikeml.table.columns.numbers import one_value
from bikeml.table.reading.cells import to_numbers, unit_of
from bikeml.table.reading.dates import find_formats

FEW_LEVELS = 300
SHARE_OF_LEVELS = 0.5  # of the rows, at most, in a category of few levels
ROWS_A_LEVEL = 5  # at least, in a category of many levels
WORDS_OF_A_NAME = 1.5
WORDS_OF_A_SENTENCE = 4
FORMATS_TRIED = 20
MANY_CODES = 5
MOSTLY = 0.8
WORDS_SHOWN = 3
UNITS = 5  # more kinds are letters of codes
SHAPES = {
    "URLs": r"(https?|ftp|s3|file)://\S+|www\.\S+",
    "email addresses": r"\S+@\S+\.\w+",
    "nested values": r"(?s)\{.*\}|\[.*\]",
    "pairs of coordinates": r"(POINT ?)?[(\[]?-?\d{1,3}\.\d+[,; ]\s*-?\d{1,3}\.\d+[)\]]?",
}
"""What no step of preprocessing reads."""
ORDINAL = re.compile(r"(st|nd|rd|th)\b.*")
A_DURATION = re.compile(
    r"(?i)(\d+([.,]\d+)?\s?(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)[ ,]*)+|\d+:\d\d(:\d\d)?"
)


def look_at_words(cells: pd.Series, data: DataConfig, name: str, read_all: Callable[[], pd.Series]) -> Kind:
    """
    Decide what the cells of a column, as written and NaN for gaps, shape (n_rows,), are.

    `read_all` returns the cells of all rows: a word among numbers may stand in one that is not looked at.
    """
    codes, words = factorize(cells)
    levels = _count_levels(codes, words)
    key = _hash(codes, words)
    words, n_cells = list(levels.index), int(levels.sum())
    if not words:
        return Kind("ignored", "no values")
    some = words[:: 1 + len(words) // WORDS_LOOKED_AT]
    found = Kind("categorical", f"{len(words):,} levels", codes=_find_codes(words, data), key=key)
    if len(words) == 1:
        return one_value(found, has_gaps=n_cells < len(cells))
    if kind := _as_shape(found, some) or as_id(found, name, len(words), n_cells):
        return kind
    found = replace(found, notes=(*_ask(levels, data, name, read_all), *_tell_times(some), *_tell_units(some)))
    if not found.notes and (unique := _as_unique(found, words, n_cells)):
        return unique
    if _is_category(len(words), n_cells, _count_words(some)):
        return replace(found, notes=(*found.notes, *_tell_spellings(cells)))
    return replace(found, role="text", reason="words of many kinds")


def _as_shape(found: Kind, words: Sequence[str]) -> Kind | None:
    """Return the kind of words that all have a shape that no step of preprocessing reads."""
    shapes = (what for what, shape in SHAPES.items() if all(re.fullmatch(shape, word) for word in words))
    what = next(shapes, None)
    return replace(found, role="ignored", reason=what) if what else None


def _as_unique(found: Kind, words: Sequence[str], n_cells: int) -> Kind | None:
    """Return the kind of words that name the rows; None if they say something of them."""
    if len(words) < NEARLY * n_cells:
        return None
    if _count_words(words) > WORDS_OF_A_NAME:
        return None  # several words in a cell may tell something
    has_digits = sum(any(map(str.isdigit, word)) for word in words) >= MOSTLY * len(words)
    return replace(found, role="ignored", reason="unique codes" if has_digits else "a name of its own in each row")


def _is_category(n_levels: int, n_cells: int, words_a_cell: float) -> bool:
    if n_levels <= FEW_LEVELS and n_levels <= SHARE_OF_LEVELS * n_cells:
        return True
    return n_levels * ROWS_A_LEVEL <= n_cells and words_a_cell < WORDS_OF_A_SENTENCE


def _find_codes(words: Sequence[str], data: DataConfig) -> tuple[str, ...]:
    """Return NA if the words are codes of two capitals, as of countries: it is Namibia there."""
    is_code = len(words) >= MANY_CODES and all(re.fullmatch("[A-Z]{2}", word) for word in words)
    return ("NA",) if is_code and "NA" not in data.gaps else ()


def _count_words(words: Sequence[str]) -> float:
    return float(np.mean([len(word.split()) for word in words]))


def _hash(codes: np.ndarray, words: Sequence[str]) -> str:
    """Hash words, in any case, with the `codes` of the rows, shape (n_rows,)."""
    hashes = pd.util.hash_array(np.array([*[word.casefold() for word in words], ""], dtype=object))
    return hashlib.blake2b(hashes[codes].tobytes()).hexdigest()


def _tell_spellings(cells: pd.Series) -> Iterator[str]:
    """Tell of levels that differ in case and blanks alone."""
    alike: dict[str, list[str]] = {}
    for word in sorted(cells.dropna().unique()):
        alike.setdefault(word.strip().casefold(), []).append(word)
    several = [words for words in alike.values() if len(words) > 1]
    if several:
        shown = ", ".join(map(repr, several[0][:WORDS_SHOWN]))
        more = f" (and {len(several) - 1:,} more such levels)" if len(several) > 1 else ""
        yield f"{COLUMN}: {shown} are levels of their own{more}; spell them alike if they are one"


def _count_levels(codes: np.ndarray, words: list[str]) -> pd.Series:
    """Return how many rows have each word, in the order of the words; `codes` are those of the rows, -1 for a gap."""
    return pd.Series(np.bincount(codes[codes >= 0], minlength=len(words)), index=words, dtype=int).sort_index()


def _ask(levels: pd.Series, data: DataConfig, name: str, read_all: Callable[[], pd.Series]) -> Iterator[str]:
    """Ask whether the few words among numbers are gaps."""
    if _share_of_numbers(levels, data, name)[0] < MOSTLY:
        return
    levels = _count_levels(*factorize(read_all()))
    share, is_wrong = _share_of_numbers(levels, data, name)
    if share < MOSTLY or (~is_wrong).sum() < MANY_CODES:
        return
    words = list(levels[is_wrong].sort_values(ascending=False, kind="stable").index[:WORDS_SHOWN])
    shown = f"is {words[0]!r} a gap" if len(words) == 1 else f"are {', '.join(map(repr, words))} gaps"
    yield f"{math.floor(100 * share)} % of {COLUMN} are numbers; {shown}? set {as_override('gaps', words)}"


def _share_of_numbers(levels: pd.Series, data: DataConfig, name: str) -> tuple[float, np.ndarray]:
    """Return the share of the rows whose word is a number, and which words are none."""
    is_wrong = to_numbers(pa.chunked_array([pa.array(levels.index, pa.string())]), data, name).is_wrong
    return float(levels.to_numpy()[~is_wrong].sum() / levels.sum()), is_wrong


def _tell_times(words: Sequence[str]) -> Iterator[str]:
    """Tell of durations and dates that no format reads."""
    words = words[:: 1 + len(words) // FORMATS_TRIED]
    if all(map(A_DURATION.fullmatch, words)):
        yield f"{COLUMN}: durations are kept as words; write them as numbers, such as minutes"
    elif sum(bool(find_formats([word])) for word in words) >= MOSTLY * len(words):
        yield f"{COLUMN}: dates of several spellings are kept as words; spell them alike, or set data.date_format"


def _tell_units(words: Sequence[str]) -> Iterator[str]:
    """Tell of numbers with several units."""
    units = [unit for word in words if (unit := unit_of(word)) is not None]
    kinds = sorted(set(units))
    are_codes = any(ORDINAL.fullmatch(kind) for kind in kinds) or ("" in kinds and any(map(str.isalpha, kinds)))
    if 1 < len(kinds) <= UNITS and len(units) >= MOSTLY * len(words) and not are_codes:
        shown = ", ".join(repr(kind) if kind else "none" for kind in kinds)
        yield f"{COLUMN}: numbers with several units ({shown}) are kept as words; write them with one"
