"""What is done to one value, and to a tree of values such as JSON and YAML hold."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

LONG = 3_000_000
MANY = 200_000
DEPTHS = (200, 3_000, 100_000)
OTHERS = (None, True, 0, -1, 1.5, "", "text", [], [1], {}, {"a": 1}, "2026-01-01", "../..", 10**30)
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999")
HUGE_NUMBERS = ("1e308", "-1e308", str(10**400), "9" * 5_000)
HOLE = "\x00hole"


@dataclass(frozen=True)
class Mutation:
    """What was done."""

    text: str
    is_plausible: bool = False
    """Whether a reader without a digest could take what stands there now for what was written."""


@dataclass(frozen=True)
class Place:
    """A key or an index in a tree of values."""

    holder: dict[str, Any] | list[Any]
    key: Any
    path: str

    @property
    def value(self) -> Any:
        return self.holder[self.key]


def find_places(tree: Any, path: str = "") -> Iterator[Place]:
    """Yield every key and index of a tree, at any depth."""
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            here = f"{path}.{key}" if isinstance(tree, dict) else f"{path}[{key}]"
            yield Place(tree, key, here.lstrip("."))
            yield from find_places(value, here)


def _missing_key(place: Place, _: Random) -> str | None:
    del place.holder[place.key]
    return None


def _extra_key(place: Place, rng: Random) -> str:
    name = rng.choice(["extra", "", "a.b", "$ref", "__class__", "ünï", "_target_"])
    if isinstance(place.value, list):
        return json.dumps([*place.value, "extra"])
    if isinstance(place.holder, dict) and not isinstance(place.value, dict):
        place.holder[name] = "extra"
        return json.dumps(place.value)
    return json.dumps({**place.value, name: "extra"} if isinstance(place.value, dict) else [place.value, "extra"])


def _wrong_type(place: Place, rng: Random) -> str:
    return json.dumps(rng.choice([other for other in OTHERS if _kind(other) != _kind(place.value)]))


def _kind(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def _huge_number(_: Place, rng: Random) -> str:
    return rng.choice(HUGE_NUMBERS)


def _huge_string(_: Place, rng: Random) -> str:
    return json.dumps(rng.choice(["x", "ä\u2028", "\x1b[2J\n", "{a: "]) * (LONG // 3))


def _huge_list(place: Place, rng: Random) -> str:
    if rng.random() < 0.5:
        return json.dumps({f"key {number}": number for number in range(MANY)})
    return f"[{', '.join([json.dumps(place.value)] * (MANY if _size(place.value) < 20 else 1_000))}]"


def _size(value: object) -> int:
    return len(json.dumps(value))


def _deep(_: Place, rng: Random) -> str:
    depth = rng.choice(DEPTHS)
    return "[" * depth + "]" * depth if rng.random() < 0.5 else '{"a":' * depth + "1" + "}" * depth


def _no_number(_: Place, rng: Random) -> str:
    return rng.choice(NO_NUMBERS)


TREE: dict[str, Callable[[Place, Random], str | None]] = {
    "missing key": _missing_key,
    "extra key": _extra_key,
    "wrong type": _wrong_type,
    "huge number": _huge_number,
    "huge string": _huge_string,
    "huge list": _huge_list,
    "deep": _deep,
    "no number": _no_number,
}
"""What is done to the value at a place: each returns JSON that takes its place, or None where there is to be none."""


def mutate_tree(tree: Any, name: str, rng: Random) -> tuple[str, Mutation]:
    """Return a tree as JSON with one of TREE done to it at a random place, and what was done."""
    place = rng.choice(list(find_places(tree)))
    before, path = place.value, place.path
    text = TREE[name](place, rng)
    if text is None:
        return json.dumps(tree, indent=2), Mutation(f"{path} is missing")
    place.holder[place.key] = HOLE
    mutated = json.dumps(tree, indent=2).replace(json.dumps(HOLE), text)
    return mutated, Mutation(f"{path}: {_short(json.dumps(before))} -> {_short(text)}", _is_plausible(before, text))


def _is_plausible(before: object, text: str) -> bool:
    if _kind(before) == "number":
        return text in HUGE_NUMBERS
    return isinstance(before, str) and text.startswith('"')


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:50]}... of {len(text):,} characters"
