"""Find what a person should look at in a table before fitting a model."""

from collections.abc import Iterator, Sequence

import numpy as np

from bikeml.config.estimators import PreprocessingConfig
from bikeml.table.look import Column, Look
from bikeml.table.structure.groups import find_left_out
from bikeml.table.structure.ties import RANDOM, find_ties

PREDICTS = 0.99  # what alone predicts the target so well is probably made of it; chance does not reach it
NEARLY_ONE = 0.98  # a column with a higher association is probably a copy of the target
SIGNIFICANT = 0.01  # level of the drift tests, over all columns and their gaps together (Bonferroni)
MANY_LEVELS = 50
NAMES_SHOWN = 6
LINES_SHOWN = 3  # of one kind; more are one line
MANY_MISSING = 0.3

Hint = tuple[str, str]
"""A headline, and what to do."""


def find_hints(look: Look) -> Iterator[Hint]:
    """Yield hints for a person, the most serious first."""
    copies = look.copies
    yield from _find_leaks(look.columns)
    if copies.are_shared:
        yield (
            f"{copies.n_shared:,} held-out {_plural(copies.n_shared, 'row has', 'rows have')} a twin in the rest",
            "Rows with the same features are on both sides of the split, so the held-out score may be too good.",
        )
    n_copies = copies.n_duplicates
    if copies.are_duplicates:
        yield (
            f"{n_copies:,} {_plural(n_copies, 'row is a copy', 'rows are copies')} of earlier ones",
            "Leave them out, unless they are true repeats.",
        )
    yield from _find_structure(look)
    yield from _find_drift(look)
    yield from _find_pairs(look)
    if look.target.n_missing:
        yield (
            f"{look.target.name} is missing in {look.target.n_missing:,} rows",
            "Leave these rows out: data.missing_target=drop does.",
        )
    # A column that was left out for a reason needs no hint.
    columns = [column for column in look.columns if column.is_feature or not column.reason]
    yield from _find_useless(columns, len(look.frame))
    yield from _find_gaps(columns, look.config.preprocessing)
    yield from _find_levels(columns, look.config.preprocessing)
    if look.why_not_split:
        yield "No rows can be held out", f"{look.why_not_split[0].upper()}{look.why_not_split[1:]}."


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _find_leaks(columns: Sequence[Column]) -> Iterator[Hint]:
    for column in columns:
        advice = "leave it out of the features" if column.is_feature else "keep it out of the features"
        if column.kind != "category" and (column.association or 0) >= NEARLY_ONE:
            yield f"{column.name} is almost the target", f"Their association is {column.association:.3f}: {advice}."
        elif (column.predicts or 0) >= PREDICTS:
            what = f"Alone it predicts the target's order, with a correlation of {column.predicts:.3f}"
            yield f"{column.name} is almost the target", f"{what}: {advice}."


def _find_structure(look: Look) -> Iterator[Hint]:
    """Yield what ties rows together that a random split puts on both sides, with the split that does not."""
    if look.config.split.kind not in RANDOM:
        return
    known = look.frame[look.frame[look.target.name].notna()]
    features = [column.name for column in look.columns if column.is_feature and column.kind != "empty"]
    y, X = known[look.target.name].to_numpy(float), known[features]
    left_out = [column.name for column in look.columns if column.role == "ignored" and column.kind != "empty"]
    dates = [known[column.name] for column in look.columns if column.kind == "date" and column.role == "date"]
    yield from find_ties(X, y, look.target.name, next(iter(dates), None), find_left_out(known, left_out))


def _find_drift(look: Look) -> Iterator[Hint]:
    """Yield the columns whose held-out part differs from the rest by more than chance, the largest drift first."""
    p_values = [p for column in look.columns for p in (column.drift_p, column.gap_drift_p) if p is not None]

    def is_drift(p_value: float | None) -> bool:
        return p_value is not None and p_value * len(p_values) < SIGNIFICANT

    drifting = [column for column in look.columns if is_drift(column.drift_p)]
    drifting.sort(key=lambda column: -(column.drift or 0))
    gappy = [column for column in look.columns if is_drift(column.gap_drift_p)]
    gappy.sort(key=lambda column: -abs(column.gap_drift or 0))
    if drifting:
        shown = _some([f"{column.name} {column.drift:.2f}" for column in drifting])
        yield (
            f"{len(drifting)} {_plural(len(drifting), 'column drifts', 'columns drift')}",
            f"The held-out rows are not like the rest in {shown} (a distance from 0 to 1).",
        )
    if gappy:
        shown = _some([f"{column.name} {column.gap_drift:+.0%}" for column in gappy]).replace("-", "−")
        yield (
            f"The gaps of {len(gappy)} {_plural(len(gappy), 'column drift', 'columns drift')}",
            f"The held-out rows have another share of missing cells than the rest: {shown}.",
        )


def _find_pairs(look: Look) -> Iterator[Hint]:
    """Yield the pairs of numeric features that are almost proportional."""
    names = [column.name for column in look.columns if column.is_feature and column.kind == "number"]
    correlations = look.correlations.loc[names, names].to_numpy()
    found = np.argwhere(np.triu(np.abs(correlations) >= NEARLY_ONE, 1))
    pairs = [(f"{names[i]} and {names[j]}", correlations[i, j]) for i, j in found]
    divided = "coefficients and importances are divided between them."
    if len(pairs) > LINES_SHOWN:
        shown = _some([f"{pair} {correlation:.3f}" for pair, correlation in pairs])
        yield f"{len(pairs):,} pairs of columns say almost the same", f"{shown} (their correlations); {divided}"
        return
    for pair, correlation in pairs:
        yield f"{pair} say almost the same", f"Their correlation is {correlation:.3f}; {divided}"


def _find_useless(columns: Sequence[Column], n_rows: int) -> Iterator[Hint]:
    empty = [column.name for column in columns if column.kind == "empty"]
    yield from _tell(empty, ("is empty", "are empty"), "It has no value to use; leave it out.")
    constant = [column.name for column in columns if column.n_levels == 1 and n_rows > 1]
    yield from _tell(constant, ("is constant", "are constant"), "Its value is the same in every row; leave it out.")


def _tell(names: Sequence[str], what: tuple[str, str], advice: str) -> Iterator[Hint]:
    if len(names) > LINES_SHOWN:
        yield f"{len(names)} columns {what[1]}", f"Leave them out: {_some(names)}."
        return
    for name in names:
        yield f"{name} {what[0]}", advice


def _find_gaps(columns: Sequence[Column], preprocessing: PreprocessingConfig) -> Iterator[Hint]:
    gappy = sorted(
        (column for column in columns if column.n_missing and column.role != "target" and column.kind != "empty"),
        key=lambda column: -column.n_missing,
    )
    many = [column for column in gappy if column.share_missing >= MANY_MISSING]
    if len(many) <= LINES_SHOWN:
        for column in many:
            yield f"{column.name} is missing in {column.share_missing:.0%} of rows", "Fill the gaps, or leave it out."
        gappy = gappy[len(many) :]
    if gappy:
        shown = _some([f"{column.name} {show_share(column.share_missing)}" for column in gappy])
        what = _plural(len(gappy), "column has gaps", "columns have gaps")
        fills = "The preprocessing fills those of numbers" if "imputer" in preprocessing.numeric else ""
        fills = fills or "preprocessing=auto fills those of numbers"
        yield f"{len(gappy)} {what}", f"Missing cells: {shown}. {fills}, unless the model takes gaps."


def _find_levels(columns: Sequence[Column], preprocessing: PreprocessingConfig) -> Iterator[Hint]:
    """Yield the categories that the preprocessing makes very many columns of, and the text that it makes none of."""
    is_onehot = any(str(step["_target_"]).endswith(".OneHotEncoder") for step in preprocessing.categorical.values())
    if is_onehot and not preprocessing.high_cardinality:
        large = [each for each in columns if each.role == "categorical" and each.n_levels > MANY_LEVELS]
        advice = "One-hot encoding makes a column of each; preprocessing=auto encodes them by the target's mean."
        if len(large) > LINES_SHOWN:
            shown = _some([f"{column.name} {column.n_levels:,}" for column in large])
            yield f"{len(large)} columns have many levels", f"{shown}. {advice}"
            large = []
        for column in large:
            yield f"{column.name} has {column.n_levels:,} levels", advice
    text = [column.name for column in columns if column.role == "text"]
    if text and not preprocessing.text:
        what = _plural(len(text), "column of text is", "columns of text are")
        yield f"{len(text)} {what} not used", f"{_some(text)}: preprocessing=auto has steps for text."


def show_share(value: float) -> str:
    """Return a share in percent; a little is not nothing."""
    return "<1 %" if 0 < value < 0.01 else f"{100 * value:.0f} %"  # noqa: PLR2004
