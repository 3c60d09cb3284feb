"""Read sweep.cells: the cells of a sweep as a list, each a line of overrides as a command would have them."""

import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from bikeml.config.schema import SweepConfig
from bikeml.config.validation import validate
from bikeml.errors import ConfigError

KEY = "sweep.cells"


def read_lines(master: DictConfig, parser: OverridesParser, common: Sequence[Override]) -> list[list[Override]]:
    """
    Return the overrides of each line of sweep.cells, without the `common` ones of the command; one empty line if null.

    Raises ConfigError, with the place of the line, for one that is no line of overrides, that sets what the command
    sets too, or that is there twice.
    """
    values = OmegaConf.to_container(master.sweep, resolve=True)
    lines = validate(SweepConfig, values, "sweep").cells  # type: ignore[arg-type]
    if lines is None:
        return [[]]
    given = {each.key_or_group: str(each.input_line) for each in common}
    read, places = [], dict[frozenset[str], int]()
    for number, line in enumerate(lines):
        overrides, fault = _parse(line, parser)
        earlier = places.setdefault(frozenset(str(each.input_line) for each in overrides), number)
        if earlier != number:
            fault = fault or f"is the same cell as {KEY}[{earlier}]; leave one of them out"
        fault = fault or next(filter(None, (_find_fault(each, given) for each in overrides)), None)
        if fault is not None:
            raise ConfigError(f"{KEY}[{number}]={line!r} {fault}")
        read.append(overrides)
    return read


def _parse(line: str, parser: OverridesParser) -> tuple[list[Override], str | None]:
    """Return the overrides of a line, or what is wrong with it."""
    try:
        return parser.parse_overrides(shlex.split(line)), None
    except (ValueError, OverrideParseException) as error:  # shlex's, for a quotation mark that is alone
        cause = str(error).partition("\n")[0]
        return [], f"is no line of overrides, such as 'model=gbr target=sqrt': {cause}"


def _find_fault(override: Override, given: dict[str, str]) -> str | None:
    """Return what is wrong with an override of a line, beside those `given` in the command, by key; None if nothing."""
    key = override.key_or_group
    if key == KEY or key.startswith(("hydra.", "hydra/")):
        return f"sets {key}, which a sweep has once; set it on the command line"
    if key in given:
        return f"sets {key}, as the command does with {given[key]!r}; take it out of one of them"
    return None
