"""Whoever writes a key of an earlier version is told in one message what to write instead."""

import pytest
import yaml

from bikeml.config.composition import compose, config_dir, resolve
from bikeml.config.removed import REMOVED
from bikeml.config.schema import Config, typed, typed_launcher
from bikeml.config.sections import complete, move_elsewhere
from bikeml.config.validation import validate
from bikeml.errors import ConfigError
from tests.conftest import config_of

OF_AN_EXPERIMENT = [key for key in REMOVED if not key.startswith("hydra.")]


def message_of(key):
    return f"there is no key '{key}' any more; {REMOVED[key]}"


@pytest.mark.parametrize("key", REMOVED)
def test_a_removed_key_on_the_command_line_is_answered_with_the_new_one(bikeml_main, workdir, capsys, key):
    assert bikeml_main("-m", "hydra/launcher=azureml", "search=grid", f"{key}=dask") == 2
    assert capsys.readouterr().err == f"bikeml: {message_of(key)}\n"
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("key", OF_AN_EXPERIMENT)
def test_a_removed_key_in_a_file_is_answered_with_the_new_one(key):
    section, name = key.split(".")
    sections = resolve(compose(["search=grid"]))
    with pytest.raises(ConfigError) as raised:
        typed(sections | {section: sections[section] | {name: None}})
    assert str(raised.value) == message_of(key)


def test_a_removed_key_in_a_launchers_file_is_answered_with_the_new_one():
    options = yaml.safe_load((config_dir() / "hydra" / "launcher" / "azureml.yaml").read_text())
    del options["_target_"]
    with pytest.raises(ConfigError) as raised:
        typed_launcher(options | {"reuse": "all"})
    assert str(raised.value) == message_of("hydra.launcher.reuse")


def test_a_recorded_run_has_them_left_out_here_and_unset_for_its_own_code():
    now = config_of("search=grid").model_dump()
    recorded = {name: dict(section) if isinstance(section, dict) else section for name, section in now.items()}
    for key in OF_AN_EXPERIMENT:
        section, name = key.split(".")
        recorded[section][name] = "earlier"
    assert validate(Config, complete(recorded)) == config_of("search=grid")
    assert complete(recorded) == now
    moved = move_elsewhere(recorded)
    assert {moved[key.split(".")[0]][key.split(".")[1]] for key in OF_AN_EXPERIMENT} == {None}
