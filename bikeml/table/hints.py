"""What a person should look at in a table before fitting anything."""

from collections.abc import Iterator

import numpy as np

from bikeml.table.look import Column, Look

NEARLY_ONE = 0.98  # an association above it is rather a copy of the target than a feature of it
SIGNIFICANT = 0.01  # of drift, over all columns together (Bonferroni)
MANY_LEVELS = 50
NAMES_SHOWN = 6
MANY_MISSING = 0.3


def find_hints(look: Look) -> Iterator[tuple[str, str]]:
    """Yield what a person should look at before fitting anything, gravest first: a headline, and what to do."""
    features = [column for column in look.columns if column.role != "target"]
    for column in features:
        if (column.association or 0) >= NEARLY_ONE:
            used = "leave it out of the features" if column.role == "feature" else "it is no feature now; keep it so"
            yield f"{column.name} is almost the target", f"Their association is {column.association:.3f}: {used}."
    if look.n_shared:
        yield (
            f"{look.n_shared:,} held-out rows have a twin in the rest",
            "The same features stand on both sides of the split, so the score on the held-out rows may flatter.",
        )
    if look.n_duplicates:
        yield f"{look.n_duplicates:,} rows are copies of earlier ones", "Leave them out, unless they are true repeats."
    drifting = _find_drift(look)
    if drifting:
        shown = ", ".join(f"{column.name} {column.drift:.2f}" for column in drifting[:NAMES_SHOWN])
        more = f" and {len(drifting) - NAMES_SHOWN} more" if len(drifting) > NAMES_SHOWN else ""
        yield (
            f"{len(drifting)} {'column drifts' if len(drifting) == 1 else 'columns drift'}",
            f"The held-out part differs from the rest, from 0 to 1, in {shown}{more}: a model is judged on other rows.",
        )
    for one, other, correlation in _find_pairs(look):
        yield (
            f"{one} and {other} say almost the same",
            f"Their correlation is {correlation:.3f}; coefficients and importances are shared out between them.",
        )
    for column in look.columns:
        yield from _hint_at(column, len(look.frame))
    if look.why_not_split:
        yield "No rows can be held out", f"{look.why_not_split[0].upper()}{look.why_not_split[1:]}."


def _find_drift(look: Look) -> list[Column]:
    """Return the columns whose held-out part differs from the rest by more than chance, farthest first."""
    tested = [column for column in look.columns if column.drift_p is not None]
    drifting = [column for column in tested if (column.drift_p or 0) * len(tested) < SIGNIFICANT]
    return sorted(drifting, key=lambda column: -(column.drift or 0))


def _find_pairs(look: Look) -> Iterator[tuple[str, str, float]]:
    """Yield the pairs of numeric features that are almost the same up to a factor, with their correlation."""
    names = [column.name for column in look.columns if column.role == "feature" and column.kind == "number"]
    correlations = look.frame[names].corr().to_numpy()
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(correlations[i, j]) >= NEARLY_ONE:
            yield names[i], names[j], float(correlations[i, j])


def _hint_at(column: Column, n_rows: int) -> Iterator[tuple[str, str]]:
    if column.kind == "empty":
        yield f"{column.name} is empty", "No row has a value to use; leave it out."
    elif column.n_levels == 1 and n_rows > 1:
        yield f"{column.name} is constant", "It tells no row from another; leave it out."
    elif column.role == "target" and column.n_missing:
        yield f"{column.name} is missing in {column.n_missing:,} rows", "A row without its target teaches nothing."
    elif column.share_missing >= MANY_MISSING:
        yield f"{column.name} is missing in {column.share_missing:.0%} of rows", "Fill the gaps, or leave it out."
    elif column.kind == "category" and column.n_levels > MANY_LEVELS and column.role == "feature":
        yield f"{column.name} has {column.n_levels:,} levels", "Each becomes a column by preprocessing=standard."
