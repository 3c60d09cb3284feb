"""Find what a person should look at in a table before fitting a model."""

from collections.abc import Iterator

import numpy as np

from bikeml.table.look import Column, Look

NEARLY_ONE = 0.98  # a column with a higher association is probably a copy of the target
SIGNIFICANT = 0.01  # level of the drift tests, over all columns together (Bonferroni)
MANY_LEVELS = 50
NAMES_SHOWN = 6
MANY_MISSING = 0.3


def find_hints(look: Look) -> Iterator[tuple[str, str]]:
    """Yield hints for a person, the most serious first: a headline, and what to do."""
    features = [column for column in look.columns if column.role != "target"]
    for column in features:
        if (column.association or 0) >= NEARLY_ONE:
            advice = "leave it out of the features" if column.role == "feature" else "keep it out of the features"
            yield f"{column.name} is almost the target", f"Their association is {column.association:.3f}: {advice}."
    if look.n_shared:
        yield (
            f"{look.n_shared:,} held-out rows have a twin in the rest",
            "Rows with the same features are on both sides of the split, so the held-out score may be too good.",
        )
    if look.n_duplicates:
        yield f"{look.n_duplicates:,} rows are copies of earlier ones", "Leave them out, unless they are true repeats."
    drifting = _find_drift(look)
    if drifting:
        shown = ", ".join(f"{column.name} {column.drift:.2f}" for column in drifting[:NAMES_SHOWN])
        more = f" and {len(drifting) - NAMES_SHOWN} more" if len(drifting) > NAMES_SHOWN else ""
        yield (
            f"{len(drifting)} {'column drifts' if len(drifting) == 1 else 'columns drift'}",
            f"The held-out rows are not like the rest in {shown}{more} (a distance from 0 to 1).",
        )
    for one, other, correlation in _find_pairs(look):
        yield (
            f"{one} and {other} say almost the same",
            f"Their correlation is {correlation:.3f}; coefficients and importances are divided between them.",
        )
    for column in look.columns:
        yield from _hint_at(column, len(look.frame))
    if look.why_not_split:
        yield "No rows can be held out", f"{look.why_not_split[0].upper()}{look.why_not_split[1:]}."


def _find_drift(look: Look) -> list[Column]:
    """Return the columns whose held-out part differs from the rest by more than chance, the largest drift first."""
    tested = [column for column in look.columns if column.drift_p is not None]
    drifting = [column for column in tested if (column.drift_p or 0) * len(tested) < SIGNIFICANT]
    return sorted(drifting, key=lambda column: -(column.drift or 0))


def _find_pairs(look: Look) -> Iterator[tuple[str, str, float]]:
    """Yield the pairs of numeric features that are almost proportional, with their correlation."""
    names = [column.name for column in look.columns if column.role == "feature" and column.kind == "number"]
    correlations = look.frame[names].corr().to_numpy()
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(correlations[i, j]) >= NEARLY_ONE:
            yield names[i], names[j], float(correlations[i, j])


def _hint_at(column: Column, n_rows: int) -> Iterator[tuple[str, str]]:
    if column.kind == "empty":
        yield f"{column.name} is empty", "It has no value to use; leave it out."
    elif column.n_levels == 1 and n_rows > 1:
        yield f"{column.name} is constant", "Its value is the same in every row; leave it out."
    elif column.role == "target" and column.n_missing:
        yield f"{column.name} is missing in {column.n_missing:,} rows", "Leave these rows out."
    elif column.share_missing >= MANY_MISSING:
        yield f"{column.name} is missing in {column.share_missing:.0%} of rows", "Fill the gaps, or leave it out."
    elif column.kind == "category" and column.n_levels > MANY_LEVELS and column.role == "feature":
        yield f"{column.name} has {column.n_levels:,} levels", "preprocessing=standard makes a column of each."
