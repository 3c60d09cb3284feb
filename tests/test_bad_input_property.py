"""Overrides and tables drawn at random, right or wrong by construction: the status tells them apart, in words."""

import contextlib
import io
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import assert_nothing_left_behind

pytestmark = pytest.mark.filterwarnings("ignore")  # a run writes them to its log, which is tested elsewhere

CSV = ("tracking=none", "hydra.run.dir=out", "data=csv", "data.path=table.csv", "data.target=y", "data.numeric=[a,b]")
words = st.text(string.ascii_lowercase, min_size=3).map("x{}".format)  # of no option, number or encoding
integers = st.integers(-(10**20), 10**20)


def below(end):
    return integers.filter(lambda number: number < end)


def other_than_integers(*more):
    return st.one_of(words, st.floats(0.1, 0.9), st.sampled_from(["[1]", "{a:1}", "true", "''", *more]))


VALUES = {
    # key: right ones, wrong ones
    "seed": (st.integers(0, 2**32 - 1), below(0) | other_than_integers()),
    "split.test_size": (st.floats(0.2, 0.5), words | st.floats(1, None) | st.floats(None, 0) | st.just("null")),
    "split.folds": (st.integers(2, 5), below(2) | st.integers(10**3, 10**4) | other_than_integers("null")),
    "split.repeats": (st.integers(1, 2), below(1) | other_than_integers("null")),
    "evaluation.confidence": (st.floats(0.5, 0.99), words | st.floats(1, None) | st.floats(None, 0)),
    "evaluation.bootstrap_samples": (st.integers(100, 200), below(100) | other_than_integers("null")),
    "evaluation.importance_repeats": (st.integers(1, 2), below(1) | other_than_integers("null")),
    "model": (st.sampled_from(["baseline", "linear", "ridge", "tree"]), words | st.sampled_from(["5", "null", "''"])),
    "preprocessing": (st.sampled_from(["none", "standard", "imputed", "ordinal"]), words | st.just("5")),
    "data.encoding": (st.sampled_from(["utf-8", "latin-1", "ascii"]), words | integers),
    "data.categorical": (st.sampled_from(["[c]", "[]"]), st.sampled_from(["[y]", "[c,c]", "[a]", "c", "null", "[n]"])),
    "reuse": (st.sampled_from(["none", "null"]), words | st.sampled_from(["finished", "all"])),
}
unknown_keys = st.tuples(st.sampled_from(["", "+", "++"]), words, words).map(lambda parts: "{}{}={}".format(*parts))
unreadable = st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text[0] not in "-~"  # an option, or a key to leave out
)
rows = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.integers(-(10**6), 10**6), st.integers(1, 3)), min_size=40, max_size=60
)


def table_of(cells, header="a,b,c,y"):
    """Return a table whose target differs from row to row."""
    return "\n".join([header, *(f"{a},{b},{c},{number}" for number, (a, b, c) in enumerate(cells))]).encode() + b"\n"


def with_target(cells, target):
    """Return a table with one cell of the target replaced."""
    return table_of(cells).rsplit(b",", 1)[0] + b"," + target.encode() + b"\n"


DAMAGES = {
    "empty": lambda cells: b"",
    "header only": lambda cells: b"a,b,c,y\n",
    "too few rows": lambda cells: table_of(cells[:3]),
    "no target": lambda cells: table_of(cells, "a,b,c,z"),
    "a column twice": lambda cells: table_of(cells, "a,b,y,y"),
    "a name missing": lambda cells: table_of(cells, "a,b,c"),
    "another separator": lambda cells: table_of(cells).replace(b",", b";"),
    "a gap in the target": lambda cells: with_target(cells, ""),
    "a word in the target": lambda cells: with_target(cells, "many"),
    "an infinite target": lambda cells: with_target(cells, "inf"),
    "a word among numbers": lambda cells: table_of([*cells, ("many", 1, 1)]),
    "an infinite number": lambda cells: table_of([*cells, ("-inf", 1, 1)]),
    "a line too long": lambda cells: table_of(cells) + b"1,2,3,4,5\n",
    "cut in a quote": lambda cells: table_of(cells) + b'1,"2',
    "no text": lambda cells: b"\x1f\x8b" + table_of(cells),
    "in bytes of no encoding": lambda cells: table_of(cells, "a,b,c,y,\x00"),
}


@st.composite
def inputs(draw):
    """Draw overrides, a table, and whether both are right."""
    wrong = draw(st.sets(st.sampled_from(["value", "key", "word", "table"]), max_size=2))
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, min_size=1, max_size=5))
    bad = draw(st.sampled_from(keys)) if "value" in wrong else None
    overrides = [f"{key}={draw(VALUES[key][key == bad])}" for key in keys]
    if "key" in wrong:
        overrides.append(draw(unknown_keys))
    if "word" in wrong:
        overrides.append(draw(unreadable))
    cells = draw(rows)
    damage = DAMAGES[draw(st.sampled_from(sorted(DAMAGES)))] if "table" in wrong else table_of
    quick = [f"{key}={value}" for key, value in QUICK.items() if key not in keys]
    return [*quick, *draw(st.permutations(overrides))], damage(cells), not wrong


QUICK = {"data.categorical": "[c]", "evaluation.bootstrap_samples": 100, "evaluation.importance_repeats": 1}


def check(bikeml_main, drawn):
    overrides, content, is_right = drawn
    shown = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        (folder / "table.csv").write_bytes(content)
        with contextlib.redirect_stderr(shown), contextlib.redirect_stdout(io.StringIO()):
            status = bikeml_main(*CSV, *overrides)
        text = shown.getvalue()
        assert "Traceback" not in text, text
        assert status == (0 if is_right else 2), text
        if is_right:
            assert (folder / "out" / "result.json").is_file()
            assert_nothing_left_behind(folder, "table.csv")
        else:
            assert text.startswith("bikeml: ")
            assert len(text.strip()) > len("bikeml: ")
            assert [path.name for path in folder.rglob("*")] == ["table.csv"]


@pytest.mark.long
@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=inputs())
def test_any_input_is_run_or_refused_in_words(bikeml_main, drawn):
    check(bikeml_main, drawn)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=inputs())
def test_any_input_is_run_or_refused_in_words_again_and_again(bikeml_main, drawn):
    check(bikeml_main, drawn)
