"""What bikeml adds to Hydra: its sweeper, launcher, search path and callback, and how a command line is read."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import OverrideParseException
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from bikeml.cli.catalogue import GROUPS, TASKS
from bikeml.config.composition import config_dir, find_own_folder, refuse_unknown_options
from bikeml.config.overrides import NULL
from bikeml.errors import ConfigError
from bikeml.system.printable import program

SWEEPER, OPTUNA = "hydra_plugins.bikeml.Sweeper", "hydra_plugins.bikeml.OptunaSweeper"
LAUNCHER, LOCAL_LAUNCHER = "hydra_plugins.bikeml.AzureMLLauncher", "hydra_plugins.bikeml.LocalLauncher"
"""Their names in conf/: Hydra 1.3 takes none that is not in hydra_plugins."""
_begun: ContextVar[list["BegunSweep"]] = ContextVar("begun")
"""The sweep that the present command has begun. Hydra makes its callbacks without arguments."""


class OurSearchPath(SearchPathPlugin):
    """Find the options of conf/ behind those of a folder that --config-path names."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add conf/ if it is not the main folder."""
        ours = str(config_dir())
        main = [each.path for each in search_path.get_path() if each.provider == "main"]
        if main and ours not in (main[0], main[0].removeprefix("file://")) and main[0] != "pkg://bikeml.conf":
            search_path.append("bikeml", f"file://{ours}")


class BegunSweep(Callback):
    """Hydra's callback for a sweep, whichever sweeper runs it: its folder, and whether the sweeper is ours."""

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        """Note the sweep, and make our plugins known, which another program's sweep over conf/ needs too."""
        register_plugins()
        self.folder = Path(str(config.hydra.sweep.dir)).absolute()
        self.is_ours = config.hydra.sweeper._target_ in (SWEEPER, OPTUNA)
        _begun.get([]).append(self)  # another program may run our conf/


@contextmanager
def noted_sweeps() -> Iterator[list[BegunSweep]]:
    """Yield the list of the sweeps that begin while the block runs."""
    token = _begun.set([])
    try:
        yield _begun.get()
    finally:
        _begun.reset(token)


def register_plugins() -> None:
    """Make our sweepers, launcher and search path known to Hydra."""
    Plugins.instance()  # scans Hydra's own plugins, which the sweeper is made of
    from bikeml.azure.launch import launcher
    from bikeml.multirun.local import launcher as local_launcher
    from bikeml.multirun.sweepers import basic, optuna

    basic.register(basic.Sweeper, SWEEPER)
    basic.register(optuna.OptunaSweeper, OPTUNA)
    launcher.register(LAUNCHER)
    local_launcher.register(LOCAL_LAUNCHER)
    Plugins.instance().register(OurSearchPath)


def parse(argv: Sequence[str]) -> Namespace:
    """Return what Hydra is asked for; raises ConfigError for an unknown option, or a task that does not come first."""
    parser = get_args_parser()
    parser.prog = program()
    args, unknown = parser.parse_known_intermixed_args(argv)
    rerun = [] if args.experimental_rerun is None else ["--experimental-rerun"]  # it would load a pickle
    refuse_unknown_options([*unknown, *rerun])
    task = next((word for word in args.overrides if word in TASKS or word in GROUPS), None)
    if task is not None:
        raise ConfigError(f"{task!r} is a task, and a task comes first: {program()} {task} ...")
    if args.config_dir and "://" not in args.config_dir and not Path(args.config_dir).is_dir():
        raise ConfigError(f"--config-dir: there is no folder {args.config_dir!r}")  # as for a task
    if args.config_path and "://" not in args.config_path:
        args.config_path = str(Path(args.config_path).absolute())  # Hydra would look beside this file
    names_folder = any(word.lstrip("+").startswith("hydra.searchpath=") for word in args.overrides)
    if not (args.config_dir or args.config_path or names_folder):
        own = find_own_folder()
        args.config_dir = own and str(own)
    if "hydra/launcher=azureml" in args.overrides and not args.multirun:
        args.overrides.append("hydra.mode=MULTIRUN")  # Hydra would run it here (hydra 851)
    if args.multirun or "hydra.mode=MULTIRUN" in args.overrides:
        args.overrides = _leave_to_cells(args.overrides)
    return args


def _leave_to_cells(words: Sequence[str]) -> list[str]:
    """
    Return the overrides of a sweep, with choice(VALUE) for values that only a cell's options have keys for.

    With model=gbr,rf the config of the sweep itself has the default model, and Hydra would refuse the keys of others.
    """
    try:
        overrides = OverridesParser.create().parse_overrides(list(words))
    except OverrideParseException:  # Hydra says it
        return list(words)
    swept = {each.key_or_group for each in overrides if each.is_sweep_override() and "." not in each.key_or_group}
    return [_as_choice(each) if swept and _is_below(each, swept) else str(each.input_line) for each in overrides]


def _is_below(override: Override, swept: set[str]) -> bool:
    """Whether a value is in the section of a swept group, or a swept recipe may choose that section's option."""
    section = override.key_or_group.partition(".")[0]
    sections = {folder.name for folder in config_dir().iterdir() if folder.is_dir()} - {"hydra"}
    chosen_by_recipes = section in sections and bool(swept - sections | swept & {"experiment"})
    is_value = "." in override.key_or_group and not override.is_delete() and not override.is_sweep_override()
    return is_value and (section in swept or chosen_by_recipes)


def _as_choice(override: Override) -> str:
    value = NULL if override.value() is None else override.get_value_string()
    return f"{override.get_key_element()}=choice({value})"


def find_option_folders(args: Namespace) -> list[Path]:
    """Return the folders whose options --help lists: those that the command names, and conf/."""
    named = [args.config_dir, args.config_path]
    for word in args.overrides:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "hydra.searchpath":
            named += [folder.strip(" '\"").removeprefix("file://") for folder in value.strip("[]").split(",")]
    folders = [Path(folder).absolute() for folder in named if folder]
    return [*dict.fromkeys(folder for folder in folders if folder.is_dir()), config_dir()]
