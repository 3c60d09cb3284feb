"""The command of a task: its words are read, its options and the config composed, and its function called."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from bikeml.cli.catalogue import TASKS, describe_project
from bikeml.config.composition import OPTIONS, compose, config_dir, read_comments, refuse_unknown_options, resolve
from bikeml.config.overrides import override
from bikeml.errors import ConfigError
from bikeml.system.interrupts import clean_up
from bikeml.system.printable import program
from bikeml.terminal.machine import check_memory
from bikeml.terminal.status import settle_logging

if TYPE_CHECKING:
    from bikeml.config.fields import Section
    from bikeml.config.schema import Config

Options = TypeVar("Options", bound="Section")


def do_task(name: str, words: Sequence[str]) -> None:
    """
    Do a task as the words behind its name say.

    The words of a task with options override these and every value of the config, as those of an experiment do.
    Raises what the task raises, ConfigError for wrong words, and SystemExit after --help.
    """
    settle_logging()  # libraries' warnings are no part of what a task says
    task = TASKS[name]
    if not task.has_options:
        function = task.load_function()
        clean_up()
        function(words)
        return
    overrides = read_overrides(name, words)  # before the imports of the task, which take seconds
    check_memory()
    function = task.load_function()
    config, options = compose_task(name, task.load_options(), overrides)
    clean_up()
    function(config, options)


def read_overrides(name: str, words: Sequence[str]) -> list[str]:
    """
    Return the overrides of the words behind a task.

    Raises SystemExit after --help, and ConfigError for an unknown option.
    """
    description, *examples = read_comments(_file(name))
    called = f"{program()} {name}"
    parser = argparse.ArgumentParser(
        prog=called,
        usage=f"{called} {_describe_words(name)}[option=VALUE ...] [group=option ...] [key.of.a.value=VALUE ...]",
        description=f"{description}.\n\n{_describe_options(name)}"
        f"The groups and values of a config are those of {program()} --help.",
        epilog="\n".join(["examples:", *(f"  {line}" for line in examples), *describe_project()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", type=Path, metavar="FOLDER", help="a folder with config groups of your own")
    chosen, unknown = parser.parse_known_intermixed_args(words)
    refuse_unknown_options(unknown)
    if chosen.config_dir and not chosen.config_dir.is_dir():
        raise ConfigError(f"--config-dir: there is no folder {str(chosen.config_dir)!r}")
    own = [override("hydra.searchpath", [str(chosen.config_dir.absolute())])] if chosen.config_dir else []
    return [*own, *TASKS[name].overrides, *_place_options(name, chosen.overrides)]


def _describe_words(name: str) -> str:
    word = TASKS[name].words.rpartition(".")[2].upper()
    return f"{word} " if word else ""


def _place_options(name: str, words: Sequence[str]) -> list[str]:
    """
    Return the overrides with the words without a key as one option, and options below OPTIONS if they stand there.

    They stand there if an option has the name of a config group: in `runs`, data=houses is a filter.
    """
    text, task = _file(name).read_text(encoding="utf-8"), TASKS[name]
    plain = [word for word in words if task.words and "=" not in word and not word.startswith(("~", "+"))]
    if len(plain) > 1 and not task.takes_many:
        raise ConfigError(f"{name} takes one word without a key, and got {', '.join(map(repr, plain))}")
    given = [word for word in words if word not in plain]
    given += [override(task.words, plain if task.takes_many else plain[0])] if plain else []
    if not text.startswith(f"# @package {OPTIONS}\n"):
        return given
    keys = {line.partition(":")[0] for line in text.splitlines() if not line.startswith("#")}
    return [f"{OPTIONS}.{_quote(word)}" if word.partition("=")[0] in keys else word for word in given]


def _quote(word: str) -> str:
    """Return the override of an option as Hydra reads it as one value: a filter may be 7d, or rf,gbr."""
    key, _, value = word.partition("=")
    return word if value.isdigit() or value in ("null", "") or value[0] in "'\"[" else override(key, value)


def compose_task(name: str, options: type[Options], overrides: Sequence[str]) -> tuple["Config", Options]:
    """
    Return the typed config, and the typed options of the task that stand beside its sections.

    Raises ConfigError.
    """
    from bikeml.config.schema import typed  # pydantic's import takes as long as all that --help needs
    from bikeml.config.validation import validate

    sections = resolve(compose([f"+task={_option(name)}", *overrides]))
    below = cast("dict[str, object]", sections.pop(OPTIONS, {}))
    own = below or {key: sections.pop(key) for key in options.model_fields if key in sections}
    if "given" in options.model_fields:
        names = [word.partition("=")[0].lstrip("+") for word in overrides]
        own["given"] = [name.removeprefix("data.") for name in names if name.startswith("data.")]
    return typed(sections), validate(options, own)


def _describe_options(name: str) -> str:
    lines = _file(name).read_text(encoding="utf-8").splitlines()
    options = [f"  {line.replace(': ', '=', 1)}\n" for line in lines if line and not line.startswith("#")]
    return f"Its options, with their defaults:\n{''.join(options)}\n" if options else ""


def _option(name: str) -> str:
    """Return the option of the config group `task`: "azure deploy" is deploy."""
    return name.rpartition(" ")[2]


def _file(name: str) -> Path:
    return config_dir() / "task" / f"{_option(name)}.yaml"
