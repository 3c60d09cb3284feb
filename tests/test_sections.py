"""The marks of the schema: what changes no figure, and what came after the first runs were recorded."""

from typing import Annotated, Literal

import pytest

from bikeml.config.fields import AddedLater, Elsewhere, NotInResult, Section
from bikeml.config.schema import Config
from bikeml.config.sections import complete, keep_result, move_elsewhere, names_not_in_result, result_sections
from bikeml.config.validation import validate
from tests.conftest import config_of


class Plain(Section):
    kind: Literal["plain"]


class Fine(Section):
    kind: Literal["fine"]
    threads: Annotated[int, Elsewhere(1)]
    weights: Annotated[list[int], AddedLater([])]


class Extra(Section):
    size: int
    colour: Annotated[str, NotInResult]


class Later(Section):
    """A schema with what a later version has added: keys, a section of one shape and one of several."""

    name: Annotated[str, NotInResult]
    rows: int
    way: Plain | Fine
    limit: Annotated[float | None, AddedLater(None)]
    extra: Annotated[Extra, AddedLater({"size": 1, "colour": "red"})]


EARLY = {"name": "n", "rows": 3, "way": {"kind": "fine", "threads": 8}}
"""As a run recorded it before anything was added."""


def test_a_config_of_before_is_read_with_what_its_run_did():
    later = validate(Later, complete(EARLY, Later))
    assert (later.limit, later.extra, later.way.weights) == (None, Extra(size=1, colour="red"), [])
    assert validate(Later, complete(later.model_dump(), Later)) == later


def test_a_later_key_counts_only_away_from_its_default():
    before = {"rows": 3, "way": {"kind": "fine"}}
    later = validate(Later, complete(EARLY, Later))
    assert keep_result(later.model_dump(), Later) == before
    assert keep_result(later.model_copy(update={"limit": 2.0}).model_dump(), Later) == before | {"limit": 2.0}
    way = {"kind": "fine", "weights": [1]}
    assert keep_result({**later.model_dump(), "way": way}, Later) == before | {"way": way}


@pytest.mark.parametrize(
    ("extra", "kept"), [({"size": 1, "colour": "blue"}, {}), ({"size": 2, "colour": "red"}, {"extra": {"size": 2}})]
)
def test_a_later_section_counts_where_what_counts_in_it_is_another(extra, kept):
    sections = complete(EARLY, Later) | {"extra": extra}
    assert keep_result(sections, Later) == {"rows": 3, "way": {"kind": "fine"}} | kept


def test_an_added_key_is_one_annotation():
    class LaterConfig(Config):
        robust: Annotated[bool, AddedLater(default=False)]

    now = config_of()
    same, other = (validate(LaterConfig, now.model_dump() | {"robust": robust}) for robust in (False, True))
    assert result_sections(same) == result_sections(now)
    assert result_sections(other) == result_sections(now) | {"robust": True}


def test_names_are_dotted_and_a_whole_section_is_one():
    assert names_not_in_result(Later) == {"name", "way.threads", "extra.colour"}
    assert {"tracking", "azure", "reuse", "sweep", "data.path", "search.n_jobs"} <= names_not_in_result()


def test_what_fits_one_machine_is_set_for_any_and_nothing_is_added():
    assert move_elsewhere(EARLY, Later) == EARLY | {"way": {"kind": "fine", "threads": 1}}
    assert move_elsewhere({"way": {"kind": "fine"}, "unknown": 1}, Later) == {"way": {"kind": "fine"}, "unknown": 1}
    assert move_elsewhere({"way": {"kind": "odd", "threads": 8}}, Later) == {"way": {"kind": "odd", "threads": 8}}


def test_what_runs_elsewhere_has_the_same_result():
    here = config_of("search=grid", "search.checkpoint=true", "search.scheduler=tcp://h:1", "search.n_jobs=2")
    there = validate(Config, move_elsewhere(here.model_dump()))
    assert (there.search.checkpoint, there.search.scheduler, there.search.n_jobs) == (False, None, 2)
    assert result_sections(there) == result_sections(here)
