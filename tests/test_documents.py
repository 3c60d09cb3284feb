"""YAML and JSON of somebody else are read in bounded time and memory, and every fault is one ValueError in one line."""

import json
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bikeml.system.documents import MOST_BYTES, parse_json, parse_yaml, read_json, read_yaml

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
TREES = st.recursive(LEAVES, lambda below: st.lists(below) | st.dictionaries(st.text(max_size=3), below), max_leaves=9)


def laugh(levels, width):
    """A billion laughs: each level repeats the one before it."""
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(["a0: &a0 [x]", *lines])


FAULTS = {
    laugh(9, 9): "it has more than 200,000 values, if its aliases are followed",
    laugh(200, 1): "it has more than 100 levels",
    "a: &a {b: 1}\n" + "b: {<<: [" + "*a, " * 250_000 + "*a]}": "it has more than 200,000 values",
    "[" + "1, " * 300_000 + "1]": "it has more than 200,000 values",
    "[" * 200_000: "it has more than 100 levels",
    "- " * 200_000: "it has more than 100 levels",
    "? " * 200_000: "it has more than 100 levels",
    "a: " + "{a: " * 200_000: "it has more than 100 levels",
    "a: &a [1, *a]": r"its alias \*a names no value, or the one that it stands in",
    "a: &a {<<: *a}": r"its alias \*a names no value, or the one that it stands in",
    "a: *b": r"its alias \*b names no value, or the one that it stands in",
    "a: 1" + ":1" * 400_000: "it has a number of 800,001 digits",
    "a: !!int 1" + ":1" * 400_000: "it has a number of 800,001 digits",
    "a: 1" + "0" * 5_000: "it has a number of 5,001 digits",
    "a: !!timestamp x": "it has a value that its type cannot have",
    "a: !!bool x": "it has a value that its type cannot have",
    'a: !!int ""': "it has a value that its type cannot have",
    "a: 2026-99-99": "month must be in 1..12",
    "a: !!python/object/apply:os.system [ls]": "not valid YAML: could not determine a constructor",
    "a: [\nb": r"not valid YAML: .* \(line \d+, column \d+\)$",
    "a: x\0": "not valid YAML: control characters are not allowed|not valid YAML: unacceptable character",
    "--- 1\n--- 2": "not valid YAML: but found another document",
    "a: " + "x" * 2_999_997: "it has 3,000,000 bytes, and at most 2,000,000 are read",
}


@pytest.mark.parametrize(("content", "message"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_in_yaml_is_one_line_before_anything_is_expanded(content, message):
    for each in (content, content.encode()):
        with pytest.raises(ValueError, match=message) as caught:
            parse_yaml(each)
        assert len(str(caught.value).splitlines()) == 1


def test_aliases_that_repeat_little_are_followed():
    assert parse_yaml("a: &a [1]\nb: [*a, *a]\nc: {<<: &c {d: 2}}\ne: *c") == {
        "a": [1],
        "b": [[1], [1]],
        "c": {"d": 2},
        "e": {"d": 2},
    }


@pytest.mark.slow
@given(TREES)
def test_what_yaml_and_json_can_hold_is_read_as_their_libraries_read_it(tree):
    assert parse_yaml(yaml.safe_dump(tree)) == tree
    assert parse_json(json.dumps(tree)) == tree


def test_the_size_of_a_text_is_that_of_a_text_only():
    digits = "1" * 5_000
    assert parse_yaml(f'"{digits}"') == digits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 200_000, "it has more than 100 levels"),
        ("[" * 101 + "]" * 101, "it has more than 100 levels"),
        ('{"a":' * 101 + "1" + "}" * 101, "it has more than 100 levels"),
        ("9" * 5_000, "Exceeds the limit"),
        ("{", "Expecting property name"),
        ("[" + "0," * MOST_BYTES + "0]", "it has 4,000,003 bytes, and at most 2,000,000 are read"),
    ],
)
def test_a_fault_in_json_is_a_value_error(content, message):
    with pytest.raises(ValueError, match=message):
        parse_json(content)


def test_json_of_a_hundred_levels_is_read():
    assert json.dumps(parse_json("[" * 100 + "]" * 100)) == "[" * 100 + "]" * 100


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_only_a_regular_file_of_few_bytes_is_read(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is not a regular file"):
        read(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)  # a sparse file, which needs no room on the disk
    with pytest.raises(ValueError, match="it has 1,000,000,000,000 bytes, and at most 2,000,000 are read"):
        read(tmp_path / "large")
    (tmp_path / "small").write_text("[1]")
    assert read(tmp_path / "small") == [1]
