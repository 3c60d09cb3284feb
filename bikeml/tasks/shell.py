"""The shell of every further task: compose its options and the config, call it, and say plainly what came of it."""

import argparse
import atexit
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bikeml.config.composition import compose, config_dir, read_comments, refuse_unknown_options, resolve
from bikeml.config.fields import Section
from bikeml.config.schema import Config, typed
from bikeml.config.validation import validate
from bikeml.system.processes import HANGUP
from bikeml.terminal.status import DONE, report

Options = TypeVar("Options", bound=Section)


def main(
    name: str,
    options: type[Options],
    task: Callable[[Config, Options], None],
    arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> int:
    """
    Do the task whose options are conf/task/`name`.yaml, and return the exit status.

    The command line (or `arguments`) overrides these options and every value of the config, as that of an experiment
    does; `options` is the schema of the former. `program` is how the task is started, where not as bikeml.`name`.
    0 done, 1 failed, 2 bad config, data or run, 130 interrupted.
    """
    atexit.register(gc.freeze)  # or Python's last act would be to search all that ends with it for garbage
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop cleans up as Ctrl-C does
    if HANGUP is not None and signal.getsignal(HANGUP) is signal.SIG_DFL:  # nohup lets it be ignored
        signal.signal(HANGUP, signal.default_int_handler)
    try:
        logging.captureWarnings(capture=True)  # libraries' warnings are no part of what a task says
        task(*_compose(name, options, _parse(name, arguments, program or f"python -m bikeml.{name}")))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  an error of no known kind is printed whole
        return report(error)
    return DONE


def _compose(name: str, options: type[Options], overrides: Sequence[str]) -> tuple[Config, Options]:
    """Return the typed config and the typed options of the task, which stand beside its sections."""
    sections = resolve(compose([f"+task={name}", *overrides]))
    own = {key: sections.pop(key) for key in options.model_fields if key in sections}
    return typed(sections), validate(options, own)


def _parse(name: str, arguments: Sequence[str] | None, program: str) -> list[str]:
    """Return the overrides of a command line; asked for help, or given anything else, it ends the process."""
    description, *examples = read_comments(_file(name))
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [option=VALUE ...] [group=option ...] [key.of.a.value=VALUE ...]",
        description=f"{description}.\n\nIts options, with their defaults:\n{_describe_options(name)}\n\n"
        "The groups and values of a config are those of python -m bikeml --help.",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", type=Path, metavar="FOLDER", help="a folder with config groups of your own")
    chosen, unknown = parser.parse_known_intermixed_args(arguments)
    refuse_unknown_options(unknown)
    own = [f"hydra.searchpath=[{str(chosen.config_dir.absolute())!r}]"] if chosen.config_dir else []
    return [*own, *chosen.overrides]


def _describe_options(name: str) -> str:
    lines = _file(name).read_text(encoding="utf-8").splitlines()
    return "\n".join(f"  {line.replace(': ', '=', 1)}" for line in lines if line and not line.startswith("#"))


def _file(name: str) -> Path:
    return config_dir() / "task" / f"{name}.yaml"
