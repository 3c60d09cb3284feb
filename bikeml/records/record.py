"""Base classes of the record files: each file is one typed value that one class writes and reads."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json, to_json

from bikeml.errors import RecordError
from bikeml.system.documents import read_bounded
from bikeml.system.files import write_text
from bikeml.system.redaction import hide_values, holds_known

MAX_BYTES = 200_000_000
"""The size of a record of a search with a million candidates. A larger file is not read."""
MAX_SHOWN = 80  # characters of a wrong value

Text = Annotated[str, Field(max_length=1_000_000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in hex."""
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0)]


class Value(BaseModel):
    """A part of a record. It is frozen, and refuses NaN and unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


class Record(Value):
    """A file of a run or a sweep."""

    FILE: ClassVar[str]
    """The name of the file in its folder."""
    form: Literal[2] = Field(default=2, alias="schema")
    """The version of the file's form. Form 1, of commit 3345f79, has no number and is read too; tests keep examples."""

    @classmethod
    def upgrade(cls, earlier: dict[str, Any]) -> dict[str, Any]:
        """Return the content of a file of form 1, converted to this form."""
        return earlier

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the record in `folder`, or None if the file is missing; raises RecordError if it cannot be read."""
        file = folder / cls.FILE
        try:
            content = read_bounded(file, MAX_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RecordError(f"cannot read {str(file)!r}: {reason}; repair it, or delete it") from error
        return cls.parse(content, str(file))

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Return the record in `content`; raises RecordError, which names `source` and the first invalid field."""
        try:
            plain = from_json(content, allow_inf_nan=False)
        except ValueError as error:
            raise RecordError(f"{source!r} is broken: it is not JSON: {error}; restore it, or delete it") from error
        try:
            if isinstance(plain, dict) and "schema" not in plain:
                return cls.model_validate(cls.upgrade(plain) | {"schema": 2}, strict=False)
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise RecordError(f"{source!r} is broken: {_describe(error)}; restore it, or delete it") from error
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:  # raised by upgrade
            raise RecordError(
                f"{source!r} is broken: {type(error).__name__}: {error}; restore it, or delete it"
            ) from error

    def to_json(self) -> str:
        """Return the text of the file, without known secrets."""
        text = self.model_dump_json(indent=2, by_alias=True) + "\n"
        if not holds_known(text):
            return text
        return to_json(hide_values(self.model_dump(mode="json", by_alias=True)), indent=2).decode() + "\n"

    def write(self, folder: Path) -> None:
        """Write the record to its file in `folder`, completely or not at all; raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / self.FILE, self.to_json())


def require_own(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the paths of files that are to be sent; raises RecordError if one is a link out of the folder."""
    files = [folder / name for name in names]
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise RecordError(
                f"{str(file)!r} leads out of its folder, of which only its own files are recorded; put the file itself "
                "there, or delete it"
            )
    return files


def _describe(error: ValidationError) -> str:
    first, *others = error.errors()
    path = ".".join(map(str, first["loc"])) or "the whole"
    message = str(first["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    value = repr(first["input"])
    shown = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
    said = "is missing" if first["type"] == "missing" else f"={shown} {message}"
    more = f", and {len(others)} more" if others else ""
    return f"{path}{'' if said.startswith('=') else ' '}{said}{more}"


def as_json(value: Any) -> JsonValue:  # noqa: ANN401  any value of a config or an estimator
    """Return `value` as JSON: NumPy numbers become Python numbers, and what JSON cannot express becomes its repr."""
    if isinstance(value, FunctionType):  # its repr has an address
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return value if isinstance(value, str | int | bool | None) else repr(value)


def as_score(value: float) -> float | None:
    """Return a figure as a JSON number, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None
