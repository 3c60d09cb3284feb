"""The typed schema of the data and split sections: which table, what its columns are, and which rows are held out."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bikeml.config.fields import (
    AUTO,
    AddedLater,
    ColumnName,
    Columns,
    DateColumns,
    DateFormat,
    Encoding,
    Mapped,
    Name,
    NotInResult,
    Section,
    Seed,
    Separator,
    Sign,
    Target,
    TestSize,
    Value,
)
from bikeml.system.spelling import show, some

HOW_WRITTEN = (
    "ignored",
    "categories",
    "date_format",
    "units",
    "gaps",
    "not_gaps",
    "separator",
    "encoding",
    "decimal",
    "thousands",
    "header",
    "skip_rows",
)
"""The keys that say how the cells of a table are written. A model's rows are read by those of its training table."""

NO_ROLES = {
    "target": "",
    "numeric": AUTO,
    "categorical": AUTO,
    "date": None,
    "text": AUTO,
    "group": None,
    "weight": None,
    "test_path": None,
}
"""The model knows its columns."""


def check_range(ends: Sequence[float | None]) -> Sequence[float | None]:
    """Return the low and the high end of a range; raises ValueError if they are no range."""
    known = [end for end in ends if end is not None]
    is_range = len(ends) == 2 and known and known == sorted(set(known)) and abs(sum(known)) < math.inf  # noqa: PLR2004
    if not is_range:
        raise ValueError("should be the least and the greatest value, such as [0, 1], or [0, null] for no greatest one")
    return ends


ValueRange = Annotated[list[float | None], AfterValidator(check_range)]


class DataConfig(Section):
    """
    Which table, how its file is written, what to predict, and the role of each column.

    A role is a list of columns, or `auto`: then the training rows decide about the columns that no list names. A key
    that an earlier version lacked is by default what that version did.
    """

    name: Annotated[Name | None, NotInResult]
    path: Annotated[Name, NotInResult]  # the table's sha256 counts
    test_path: Annotated[Name | None, AddedLater(None), NotInResult]  # so does that of the test file
    target: Target
    target_range: Annotated[ValueRange | None, AddedLater(None), NotInResult]  # bounds intervals, and no figure
    missing_target: Annotated[Literal["drop", "refuse"], AddedLater("refuse")]
    numeric: Columns
    categorical: Columns
    date: DateColumns
    text: Annotated[Columns, AddedLater([])]
    ignored: Annotated[Columns, AddedLater([]), NotInResult]  # what is left out changes no figure
    group: Annotated[ColumnName | None, AddedLater(None)]
    weight: Annotated[ColumnName | None, AddedLater(None)]
    categories: Annotated[Literal["text", "inferred"], AddedLater("inferred")]
    date_format: DateFormat
    units: Annotated[Mapped[Name], AddedLater({})]
    gaps: Annotated[list[Name], AddedLater([])]
    not_gaps: Annotated[Mapped[list[Name]], AddedLater({})]
    allowed: Annotated[dict[str, Annotated[list[Value], Field(min_length=1)]], NotInResult]
    separator: Separator
    encoding: Encoding
    decimal: Annotated[Literal[".", ",", "auto"], AddedLater(".")]
    thousands: Annotated[Sign | None, AddedLater(None)]
    header: Annotated[bool, AddedLater(default=True)]
    skip_rows: Annotated[int, Field(ge=0), AddedLater(0)]

    @property
    def features(self) -> list[str]:
        """The columns that every model sees, in no particular order; preprocessing says whether it sees the dates."""
        return [*_listed(self.numeric), *_listed(self.categorical), *_listed(self.text)]

    @property
    def dates(self) -> list[str]:
        """The columns of dates that are named; the first is that of split=chronological."""
        return [self.date] if isinstance(self.date, str) and self.date != AUTO else _listed(self.date)

    @property
    def roles(self) -> Mapping[str, list[str]]:
        """The columns that are named, by role; the column of groups has a role of its own if no list names it."""
        roles = {
            "target": [self.target] if self.target else [],
            "numeric": _listed(self.numeric),
            "categorical": _listed(self.categorical),
            "date": self.dates,
            "text": _listed(self.text),
            "ignored": _listed(self.ignored),
            "weight": [self.weight] if self.weight else [],
        }
        is_listed = self.group is None or any(self.group in names for names in roles.values())
        return roles if is_listed else {**roles, "group": [str(self.group)]}

    @property
    def is_decided(self) -> bool:
        """Whether no role is left to decide: if numbers and categories are both listed, other columns are left out."""
        return AUTO not in (self.numeric, self.categorical)

    def date_format_of(self, column: str) -> str | None:
        """Return the format of a column of dates; None is that of ISO dates."""
        return self.date_format.get(column) if isinstance(self.date_format, Mapping) else self.date_format

    def describe_writing(self) -> dict[str, object]:
        """Return the keys of HOW_WRITTEN as plain values."""
        values = self.model_dump()
        return {key: values[key] for key in HOW_WRITTEN}

    def written_as(self, recorded: Mapping[str, object], given: Collection[str] = ()) -> Self:
        """
        Return the section for rows that are written as the `recorded` keys say; keys in `given` keep their values.

        Raises ValueError if a recorded value is not allowed for its key.
        """
        known = {key: recorded[key] for key in HOW_WRITTEN if key in recorded and key not in given}
        return type(self).model_validate({**self.model_dump(), **NO_ROLES, **known})

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> Self:
        named: dict[str, list[str]] = {}
        for role, columns in self.roles.items():
            for column in columns:
                named.setdefault(column, []).append(f"data.{role}")
        twice = [(column, keys) for column, keys in sorted(named.items()) if len(keys) > 1]
        if twice:
            shown = some(twice, show=lambda each: f"{show(each[0])} is in {' and '.join(each[1])}")
            raise ValueError(f"gives columns more than one role: {shown}; take each from all but one")
        if self.group is not None and self.group == self.target:
            raise ValueError(f"has {self.group!r} for both target and group; set data.group to another column")
        if self.group is not None and self.group == self.weight:
            raise ValueError(f"has {self.group!r} for both weight and group; set data.weight to another column")
        return self

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.decimal == self.thousands != AUTO:
            raise ValueError(f"has {self.decimal!r} for both decimal and thousands; set one of them to auto")
        return self


def _listed(columns: str | list[str] | None) -> list[str]:
    return list(columns) if isinstance(columns, list) else []


class _Split(Section):
    """What every kind of split has."""

    kind: str
    test_size: TestSize
    folds: Annotated[int, Field(ge=2)]

    @property
    def is_seeded(self) -> bool:
        """Whether every run makes the same split."""
        return True


class _DrawnSplit(_Split):
    """A split that is drawn at random."""

    random_state: Seed
    repeats: Annotated[int, Field(ge=1, le=1000)]

    @property
    def is_seeded(self) -> bool:
        return self.random_state is not None


class RandomSplit(_DrawnSplit):
    """Rows held out at random; shuffled k-fold on the rest."""

    kind: Literal["random"]
    shuffle: Annotated[bool, AddedLater(default=True)]

    @property
    def is_seeded(self) -> bool:
        return not self.shuffle or self.random_state is not None

    @model_validator(mode="after")
    def _repeats_differ(self) -> Self:
        if not self.shuffle and self.repeats > 1:
            raise ValueError(
                f"has repeats={self.repeats} and shuffle=false, so that all repeats would be the same; set one of them "
                "to its default"
            )
        return self


class ChronologicalSplit(_Split):
    """The latest dates held out; expanding windows on the rest."""

    kind: Literal["chronological"]
    gap: Annotated[int, Field(ge=0), AddedLater(0)]


class StratifiedSplit(_DrawnSplit):
    """Rows held out at random; every part has about as many rows of each bin of the target."""

    kind: Literal["stratified"]
    bins: Annotated[int, Field(ge=2)]


class GroupSplit(_DrawnSplit):
    """Whole groups held out at random; every fold scores other groups than those it is fitted on."""

    kind: Literal["group"]


SplitConfig = Annotated[
    RandomSplit | ChronologicalSplit | StratifiedSplit | GroupSplit,
    Field(discriminator="kind"),
]
