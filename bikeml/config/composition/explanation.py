"""Turn the errors of Hydra, OmegaConf and YAML into ConfigErrors that say what to do."""

import re
from collections.abc import Sequence

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import (
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from bikeml.config.composition.options import config_dir, find_nearby, find_table
from bikeml.config.overrides import override, shell
from bikeml.config.removed import explain_removed
from bikeml.errors import ConfigError
from bikeml.system.printable import program
from bikeml.system.spelling import did_you_mean

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError, RecursionError)
"""What Hydra raises when it cannot compose; :func:`explain` turns each into a ConfigError."""
_UNQUOTED_LIST = re.compile(r"\[(?!['\"])[^\[\]{}\"]+(?<!')\]")
_QUOTED_KEY = re.compile(r"""([{,]\s*)(["'])([\w .-]+)\2(?=\s*:)""")
QUOTE = "'"
AMBIGUOUS = "Ambiguous value for argument"  # Hydra's words
ENDLESS = (
    "the config has no end: a file names itself in its defaults list, or through others, or an interpolation is nested "
    "too deeply; take it out"
)
OPTIONS = "options"
"""The section of the options of a task, if some of them have the names of other sections; users write no section."""
OPEN_SECTIONS = ("data.allowed", "model.grid", "model.space", "preprocessing.", "tracking.tags", "vars")
"""The beginnings of keys that a user may add on the command line."""
NO_OPTION = "Config group override must be a string or a list"  # Hydra's words for GROUP=null
NAMES = "registered_model is the name of a model in the registry, tracking.run_name of a run, data.name of a table"


def explain(error: Exception) -> ConfigError:  # noqa: C901, PLR0911  one case, one message
    """Return the ConfigError that says what `error`, one of COMPOSITION_ERRORS, means to a user."""
    if isinstance(error, RecursionError):
        return ConfigError(ENDLESS)
    key_error = _key_error(error)
    if key_error is not None:
        return ConfigError(_unknown_key(key_error))
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return ConfigError(_unknown_option(error.missing_cfg_file, error.options or []))
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        place = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}"
        return ConfigError(
            f"{place}: not valid YAML: {error.problem}; mend the file, and put signs such as % , ? in quotes"
        )
    if isinstance(error, MissingMandatoryValue):
        return ConfigError(f"{error.full_key} has no value; set it with {error.full_key}=VALUE")
    if isinstance(error, InterpolationResolutionError):
        return ConfigError(_unresolved(error))
    if isinstance(error, OverrideParseException):
        return ConfigError(_unreadable(str(error.override)))
    if isinstance(error, ConfigCompositionException) and isinstance(error.__cause__, OmegaConfBaseException):
        return ConfigError(_unfit(error, error.__cause__))
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"a config file is not UTF-8: {error.reason} at byte {error.start}")
    if str(error).startswith(AMBIGUOUS):
        return ConfigError(_ambiguous(_first_line(error)))
    return ConfigError(_wrong_choice(str(error)) or _plain(str(error)))


def _wrong_choice(message: str) -> str | None:
    """Return the cure for the choice of an option that is null, or has a + too many or too few; None for the rest."""
    if message.startswith(NO_OPTION):
        return (
            "a group of the config takes the name of an option, and no null, number or false; leave the group out, or "
            "choose an option: search=none, preprocessing=none and tracking=none do nothing"
        )
    twice = re.match(r"Multiple values for (\S+)\.", message)
    if twice:
        group = twice[1]
        return f"{group} is chosen twice; choose it without +: {group}=OPTION, or in a file: override /{group}: OPTION"
    unused = re.match(r"Could not override '(\S+)'\. No match", message)
    added = re.search(r"default list use (\+\S+)", message)
    return f"{unused[1]} has no default to override; add it with: {added[1]}" if unused and added else None


def _ambiguous(message: str) -> str:
    number = re.fullmatch(rf"{AMBIGUOUS} '([^=]+)=(\d+),(\d+)'.*", message)
    if number:
        key, whole, part = number.groups()
        return f"{key}={whole},{part} is two values; a decimal has a point: {key}={whole}.{part}"
    key, equals, value = message.removeprefix(f"{AMBIGUOUS} '").removesuffix("'").partition("=")
    text = f", or quote it if it is one text: {shell(override(key, value))}" if equals and "[" not in value else ""
    return f"{message}; add -m to sweep over its values (in Python: bikeml.sweep), or write [a,b] for a list{text}"


def _key_error(error: BaseException | None) -> ConfigKeyError | None:
    """Return the unknown key in the chain of causes: ConfigAttributeError and ConfigKeyError alike."""
    while error is not None:
        if isinstance(error, OmegaConfBaseException) and "not in" in str(error.msg):
            return error  # type: ignore[return-value]
        error = error.__cause__
    return None


def _unknown_key(error: ConfigKeyError) -> str:
    siblings = sorted(str(key) for key in error.parent_node) if error.parent_node is not None else []
    of_task = map(str, error.parent_node[OPTIONS]) if OPTIONS in siblings else ()  # some are called as a section is
    known = list(dict.fromkeys([*of_task, *(key for key in siblings if key not in ("hydra", OPTIONS))]))
    allowed = f"; allowed here: {', '.join(known)}" if known else ""
    if str(error.full_key).startswith(OPEN_SECTIONS):
        allowed += f"; to add a key, write +{error.full_key}=VALUE"
    if error.full_key == "hydra.sweeper.max_batch_size":
        allowed = "; bikeml's sweeper hands all cells over at once: leave it out"
    removed = explain_removed(str(error.full_key))
    meant = f"; {NAMES}" if error.full_key == "name" else did_you_mean(str(error.key), known)
    return removed or f"unknown key {error.full_key!r}{meant}{allowed}"


def _unknown_option(missing: str, options: Sequence[str]) -> str:
    group, _, option = missing.rpartition("/")
    if not group:
        return f"there is no primary config {option!r}; leave --config-name out"
    if missing == "hydra/launcher/joblib":
        return "hydra/launcher=joblib is not installed; install it with: pip install 'bikeml[joblib]'"
    known = sorted(options) or sorted(file.stem for file in (config_dir() / group).glob("*.yaml"))
    allowed = f"allowed: {', '.join(known)}" if known else f"there is no group {group!r}"
    meant = _find_option(group, option) or did_you_mean(option, known)
    if group == "experiment" and not meant:
        meant = f"; the name of an experiment in the store is {override('tracking.experiment_name', option)}"
    if group == "target" and not meant:
        meant = f"; the column that is predicted is {override('data.target', option)}"
    return f"{group} has no option {option!r}{meant}; {allowed}"


def _find_option(group: str, option: str) -> str:
    """Return where an option is that no config folder has, or how to use the table that it seems to name."""
    folder, table = find_nearby(group, option), find_table(option) if group == "data" else None
    if folder is not None:
        return f", but {folder / group / option}.yaml is there; add {shell('--config-dir', str(folder))}"
    if table is not None:
        words = shell("data=csv", override("data.path", str(table)))
        option = f"{program()} init {shell(str(table))} target=COLUMN"
        return f"; for the table {str(table)!r} write {words} data.target=COLUMN, or make an option of it: {option}"
    return ""


def _unresolved(error: InterpolationResolutionError) -> str:
    """Return what an interpolation lacks, and how to write text that only looks like one."""
    key = str(error.full_key)
    reason = _first_line(error)
    raw = OmegaConf.to_container(error.parent_node) if error.parent_node is not None else {}
    resolver = re.search(r"\$\{([\w.]+):", str(raw.get(error.key))) if isinstance(raw, dict) else None
    variable = re.search(r"Environment variable '(\w+)' not found", reason)
    advice = "for the text ${ write \\${"
    if key.startswith("hydra."):
        advice = "rename the folder that has ${ in its name"
    elif variable:
        advice = f"set the variable, or give a value for when it is not set: ${{oc.env:{variable[1]},VALUE}}"
    elif resolver and OmegaConf.has_resolver(resolver[1]):
        advice = f"correct what {resolver[1]} is given"
    return f"{key} cannot be resolved: {reason}; {advice}"


def _unreadable(given: str) -> str:
    key, equals, value = given.partition("=")
    advice = "write key=value, without spaces around ="
    section, _, name = key.replace('"', "'").partition(".'")
    if equals and name and re.fullmatch(r"[+\w.]+", section, re.ASCII):
        advice = f"write the key without quotes, in a mapping: {shell(f'{section}={{{name.strip(QUOTE)}: {value}}}')}"
    elif equals and not re.fullmatch(r"[+~\w./@-]+", key, re.ASCII):
        advice = "a command line takes no such key; write it in a YAML file, and name its folder with --config-dir"
    elif equals and _QUOTED_KEY.search(value):
        advice = f"write its keys without quotes: {shell(f'{key}={_QUOTED_KEY.sub(_unquote, value)}')}"
    elif equals and _UNQUOTED_LIST.fullmatch(value):
        advice = f"quote what is in it: {shell(override(key, value[1:-1].split(',')))}"
    elif equals and value[:1] in ("[", "{"):
        advice = "close its brackets, and quote what in it is neither a number nor a plain word"
    elif equals:
        advice = f"quote the value: {shell(override(key, value))}"
    return f"cannot read the override {given!r}; {advice}"


def _unquote(key: re.Match[str]) -> str:
    return key[1] + key[3]


def _unfit(error: ConfigCompositionException, cause: OmegaConfBaseException) -> str:
    """Return why OmegaConf refuses an override, or a value in a file."""
    override = str(error).removeprefix("Error merging override ") or f"{cause.full_key}={cause.value}"
    if not str(cause).startswith("Cannot merge"):
        return f"{override}: {_first_line(cause)}"
    wanted = "a list, such as [1, 2]" if cause.object_type is list else "a mapping, such as {key: value}"
    return f"{override} should be {wanted}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _plain(message: str) -> str:
    """Return a message without Hydra's advice to append with +: a typed config takes no further keys."""
    lines = [line for line in message.split("\n") if line.strip() and not line.startswith("To append")]
    return "\n".join(lines)
