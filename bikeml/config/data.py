"""The typed schema of the data section: which table, how its file is written, and what each column is."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bikeml.config.fields import (
    AUTO,
    AddedLater,
    Columns,
    DateColumns,
    DateFormat,
    Encoding,
    Mapped,
    Name,
    NotInResult,
    Section,
    Separator,
    Sign,
    Target,
    Value,
)
from bikeml.config.spelling import show, some

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

NO_ROLES = {"target": "", "numeric": AUTO, "categorical": AUTO, "date": None, "text": AUTO}
"""The model knows its columns."""


class DataConfig(Section):
    """
    Which table, how its file is written, what to predict, and the role of each column.

    A role is a list of columns, or `auto`: then the training rows decide about the columns that no list names. A key
    that an earlier version lacked is by default what that version did.
    """

    name: Annotated[Name | None, NotInResult]
    path: Annotated[Name, NotInResult]  # the table's sha256 counts
    target: Target
    missing_target: Annotated[Literal["drop", "refuse"], AddedLater("refuse")]
    numeric: Columns
    categorical: Columns
    date: DateColumns
    text: Annotated[Columns, AddedLater([])]
    ignored: Annotated[Columns, AddedLater([]), NotInResult]  # what is left out changes no figure
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
        """The columns that are named, by role."""
        return {
            "target": [self.target] if self.target else [],
            "numeric": _listed(self.numeric),
            "categorical": _listed(self.categorical),
            "date": self.dates,
            "text": _listed(self.text),
            "ignored": _listed(self.ignored),
        }

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
        return self

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.decimal == self.thousands != AUTO:
            raise ValueError(f"has {self.decimal!r} for both decimal and thousands; set one of them to auto")
        return self


def _listed(columns: str | list[str] | None) -> list[str]:
    return list(columns) if isinstance(columns, list) else []
