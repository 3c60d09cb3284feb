"""What is wrong with the cells of a column, and how a message tells of many such columns in a few lines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bikeml.system.spelling import show, some

COLUMNS_SHOWN = 3  # more columns with the same fault are one line
LINES_SHOWN = 8


@dataclass(frozen=True)
class Fault:
    """Cells of one column that do not fit."""

    column: str
    what: str
    """Follows the name of the column, such as `is not a number`."""
    where: str
    """The first rows with their cells, such as `row 1: 'x'`."""
    n_cells: int
    advice: str

    def __str__(self) -> str:
        """Return the line of one column."""
        return f"{self.describe()}; {self.advice}"

    def describe(self) -> str:
        """Return the line of one column without the advice."""
        return f"column {show(self.column)} {self.what} in {self.where}"


def tell(faults: Iterable[Fault | str]) -> list[str]:
    """Return a few lines that tell of all faults: what many columns share is one line, and an advice is given once."""
    groups: dict[object, list[Fault | str]] = {}
    for fault in faults:
        groups.setdefault((fault.what, fault.advice) if isinstance(fault, Fault) else fault, []).append(fault)
    told = [line for group in groups.values() for line in _tell_group(group)]
    following = [*(advice for _, advice in told[1:]), ""]
    lines = [
        line if not advice or advice == below else f"{line}; {advice}"
        for (line, advice), below in zip(told, following, strict=False)
    ]
    more = len(lines) - LINES_SHOWN
    return lines if more <= 1 else [*lines[:LINES_SHOWN], f"and {more:,} more problems"]


def _tell_group(group: Sequence[Fault | str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of the faults that differ in the column alone, each with its advice."""
    faults = [fault for fault in group if isinstance(fault, Fault)]
    if not faults:
        yield str(group[0]), ""
    elif len(faults) <= COLUMNS_SHOWN:
        yield from ((fault.describe(), fault.advice) for fault in faults)
    else:
        first = faults[0]
        columns = some(faults, show=lambda fault: f"{show(fault.column)} ({fault.n_cells:,})")
        if first.what == "is missing":
            yield f"{len(faults):,} columns have gaps: {columns}", first.advice
        else:
            example = f"{show(first.column)} in {first.where}"
            yield f"{len(faults):,} columns have a cell that {first.what}: {columns}; {example}", first.advice
