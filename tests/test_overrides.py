import json
import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from bikeml.config.overrides import as_one_line, escape, override, shell
from bikeml.system.printable import printable, printable_lines

NASTY = [
    "a$b$",
    "it's",
    'say "x"',
    "${no}",
    "\\${no}",
    "\\\\${no}\\",
    "'\\",
    "line\nbreak",
    "cr\rtab\tbell\x07",
    "100%",
    "<b>",
    "a=b",
    "f(x",
    "°C",
    "one,two",
    " blank ",
    "1",
    "null",
    "on",
    "NaN",
    "{k: v}",
    "[x]",
    "#",
    "~/x",
    "温度",
    "🚲",
    "!x",
    "`id`",
    "$(id)",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: text != "???"
)


def check(value):
    parsed = OverridesParser.create().parse_override(override("data.target", value))
    config = OmegaConf.create({"data": {parsed.key_or_group: parsed.value()}})
    assert OmegaConf.to_container(config, resolve=True, throw_on_missing=True) == {"data": {"data.target": value}}


@pytest.mark.parametrize("text", NASTY)
def test_hydra_reads_an_override_as_the_text_that_it_was_made_of(text):
    check(text)
    check([text, "plain"])


@settings(deadline=None)
@example(["a\\", "\\'${"])
@given(st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)))
def test_hydra_reads_an_override_of_any_text(value):
    check(value)


@settings(deadline=None)
@given(st.text("aeEinNfF01._/:@+-", min_size=1))
def test_a_text_stays_a_text_where_a_number_would_look_like_it(text):
    check(text)


def test_a_plain_word_or_path_is_not_quoted():
    assert override("data.path", "/tmp/my-tables/a.csv") == "data.path=/tmp/my-tables/a.csv"
    assert override("data.numeric", ["temp", "1"]) == 'data.numeric=[temp,"1"]'


def test_bash_reads_the_words_of_a_line_as_they_are():
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    line = shell(sys.executable, "-c", code, *NASTY)
    assert "\n" not in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == NASTY


def test_a_recorded_command_is_shown_in_one_line():
    assert as_one_line("python -m bikeml data.target='\"a\nb\"'") == "python -m bikeml $'data.target=\"a\\nb\"'"
    assert as_one_line("python -m bikeml 'model=rf'") == "python -m bikeml 'model=rf'"
    assert as_one_line("it's\nnone") == "it's\nnone"


def test_an_interpolation_is_escaped_wherever_it_is():
    assert escape({"a": ["${x}", 1], "b": {"c": "\\${x}"}}) == {"a": ["\\${x}", 1], "b": {"c": "\\\\\\${x}"}}


def test_a_text_is_printable_in_one_line():
    assert printable("a\n\tb\x07\x7f\x9b\u2028\u202e\udcff") == "a␊␉b␇␡\\x9b\\u2028\\u202e\\udcff"
    assert printable_lines("a\n\tb\r\x1b[31m") == "a\n\tb␍␛[31m"
    assert printable("温度 é 👩‍🔬") == "温度 é 👩‍🔬"
