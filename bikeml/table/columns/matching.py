"""Find the columns that the keys of preprocessing.columns mean: names, or patterns with wildcards."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.system.spelling import did_you_mean, show, some

WILDCARDS = "*?["


def match_columns(keys: Iterable[str], features: Sequence[str], data: DataConfig) -> dict[str, list[str]]:
    """
    Return the features of each key, in the order of `features`.

    A key is a name, a pattern, or several of them with commas between; the name of a feature is always taken as such.
    Raises DataError, which tells all keys that match nothing and all columns that two keys match.
    """
    matched = {key: list(_match(key, features)) for key in keys}
    problems = [problem for key in matched for problem in _find_unmatched(key, features, data)]
    for name in features:
        both = [key for key, names in matched.items() if name in names]
        if len(both) > 1:
            problems.append(f"preprocessing.columns has {some(both)} for column {show(name)}; take it from all but one")
    if problems:
        raise DataError("\n".join(problems))
    return matched


def _match(key: str, features: Sequence[str]) -> Iterator[str]:
    parts = _split(key, features)
    return (name for name in features if any(_fits(name, part, features) for part in parts))


def _split(key: str, features: Sequence[str]) -> list[str]:
    return [key] if key in features else [part.strip() for part in key.split(",")]


def _fits(name: str, part: str, features: Sequence[str]) -> bool:
    return name == part or (part not in features and fnmatchcase(name, part))


def _find_unmatched(key: str, features: Sequence[str], data: DataConfig) -> Iterator[str]:
    roles: Mapping[str, str] = {name: role for role, names in data.roles.items() for name in names}
    for part in _split(key, features):
        if any(_fits(name, part, features) for name in features):
            continue
        if part in roles:
            yield f"preprocessing.columns names {show(part)}, which is no feature: it is in data.{roles[part]}"
        elif any(sign in part for sign in WILDCARDS):
            yield f"preprocessing.columns has the pattern {show(part)}, which matches none of [{some(features)}]"
        else:
            yield f"preprocessing.columns names {show(part)}, which is no column{did_you_mean(part, features)}"
