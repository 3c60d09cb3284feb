"""The command line: do a task or run an experiment, and say plainly what came of it."""

import math
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from bikeml.cli.catalogue import GROUPS, complete, describe_options, describe_tasks, find_task
from bikeml.cli.command import do_task
from bikeml.cli.hydra_app import BegunSweep, find_option_folders, noted_sweeps, parse, register_plugins
from bikeml.config.composition import COMPOSITION_ERRORS, checked_files, config_dir, explain, hydra_set_aside
from bikeml.errors import TRACEBACK_VARIABLE, BikemlError, ConfigError, PlannedError, RunFolderError
from bikeml.system.clock import command_entered
from bikeml.system.files import HYDRAS_RECORD, clean_file, remove_if_empty
from bikeml.system.interrupts import clean_up, find_interrupt
from bikeml.system.redaction import learn, learn_environment
from bikeml.terminal.clean import clean_output
from bikeml.terminal.machine import check_folder, check_memory
from bikeml.terminal.status import DONE, FAILED, report, settle_logging, settle_output

HELP = ("--help", "-h")


def start(argv: Sequence[str], seconds_ago: float = 0.0) -> int:
    """
    Do what the words of a command line ask for, which was entered so many seconds ago, and return the exit status.

    0 done, 1 failed, 2 bad config or data, 3 left while jobs go on, 130 or 143 interrupted.
    """
    learn_environment()
    learn(*argv)
    with command_entered(seconds_ago), clean_output():
        return _finish(argv)


def _finish(argv: Sequence[str]) -> int:
    try:
        check_folder()
        status = _do(argv)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  an error of no known kind is printed whole
        status = report(error)
    return settle_output(status)


def _do(argv: Sequence[str]) -> int:
    try:
        if argv and argv[0] in GROUPS and {*HELP} & {*argv[1:2]}:
            print(f"tasks, each with --help:\n{describe_tasks(f'{argv[0]} ')}")
            return DONE
        found = find_task(argv)
        if found is None:
            return run_experiment(argv)
        if not {*HELP} & {*found[1]}:
            _check_extra(found[0])
        do_task(*found)
    except SystemExit as stop:  # argparse's and Hydra's, after --help for example
        return stop.code if isinstance(stop.code, int) else DONE
    return DONE


def _check_extra(task: str) -> None:
    """Raise ConfigError if a task of Azure ML lacks what a plain installation does not have."""
    if task.startswith("azure "):
        from bikeml.azure.launch.launcher import check_installed

        check_installed(f"bikeml {task}")


class Experiment:
    """
    The task function that Hydra calls: one experiment, or one cell of a sweep.

    The error of an experiment is kept here, since Hydra adds lines of its own to one that it sees.
    """

    error: Exception | None = None
    leaves_record = True
    """A launcher may draw and record its cells in another process: nothing of it is needed here."""

    def __call__(self, composed: DictConfig) -> float:
        """Run it; a sweeper that optimises gets its score, of which the greatest is the best, whatever the metric."""
        hydra_config = HydraConfig.get()
        with chdir(hydra_config.runtime.cwd):  # hydra.job.chdir=true moves no store, table or checkpoint
            return self._call(composed, hydra_config)

    def _call(self, composed: DictConfig, hydra_config: HydraConf) -> float:
        if hydra_config.mode == RunMode.MULTIRUN:
            from bikeml.multirun.cell import run_cell
            from bikeml.multirun.local.publication import publish_failure_later, publish_later

            return run_cell(composed, publish_later, publish_failure_later).score
        try:
            return _run(composed, hydra_config)
        except Exception as error:  # noqa: BLE001  run_experiment reports it
            self.error = error
            return math.nan
        finally:
            remove_if_empty(Path(hydra_config.runtime.output_dir))


def run_experiment(argv: Sequence[str]) -> int:
    """Run an experiment or a sweep, or do what an option of Hydra's asks for, and return the exit status."""
    args, experiment = parse(argv), Experiment()
    variables = {"HYDRA_FULL_ERROR": "1"}  # or Hydra would print a message of its own, and exit with 1
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        variables[TRACEBACK_VARIABLE] = "1"
    if args.shell_completion and "COMP_LINE" in os.environ:
        tasks, line = complete(os.environ["COMP_LINE"])
        print(*tasks, sep="\n")
        if line is None:
            return DONE
        variables["COMP_LINE"] = line
    with _process_of(argv, variables), noted_sweeps() as begun, _begin_workers(args):
        error = _call_hydra(args, experiment)
        for sweep in begun:
            clean_file(sweep.folder / HYDRAS_RECORD)
        status = DONE if error is None else report(error)
        if begun and not isinstance(error, PlannedError) and (status == DONE or not begun[0].is_ours):
            status = max(status, _finish_sweep(begun[0]))
    return status


def _begin_workers(args: Namespace) -> AbstractContextManager[None]:
    if not args.multirun:
        return nullcontext()
    from bikeml.multirun.local.launcher import workers_begun

    return workers_begun(args.overrides)


def run_multirun(words: Sequence[str]) -> Path:
    """
    Run the sweep of a command with these overrides for a caller in this process, and return the sweep's folder.

    Raises what ends the sweep; a cell that fails ends nothing.
    """
    argv = ["-m", *words]
    from bikeml.multirun.display.audience import unwatched
    from bikeml.multirun.story import conclude_foreign

    process = _process_of(argv, {"HYDRA_FULL_ERROR": "1"})
    with command_entered(), process, hydra_set_aside(), unwatched(), noted_sweeps() as begun:
        error = _call_hydra(parse(argv), Experiment())
        if begun and not begun[0].is_ours:
            conclude_foreign(begun[0].folder)
    if error is not None:
        raise error
    return begun[0].folder


@contextmanager
def _process_of(argv: Sequence[str], variables: Mapping[str, str]) -> Iterator[None]:
    """
    Let the process be as if it had been started with `argv`, where a record finds its command, and `variables`.

    Hydra's config, which --help and --cfg leave set, is as before afterwards.
    """
    hydra_config = HydraConfig.instance().cfg
    words, environment = sys.argv, {name: os.environ.get(name) for name in variables}
    sys.argv = [words[0], *argv]
    os.environ.update(variables)
    try:
        yield
    finally:
        sys.argv = words
        HydraConfig.instance().cfg = hydra_config
        for name, value in environment.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _call_hydra(args: Namespace, experiment: Experiment) -> BaseException | None:
    """Do as hydra.main does, with arguments that are parsed already, and return what went wrong."""
    try:
        register_plugins()
        clean_up()
        folders = find_option_folders(args)
        OmegaConf.register_new_resolver("bikeml.tasks", describe_tasks, replace=True)  # the text of --help has both
        OmegaConf.register_new_resolver("bikeml.options", partial(describe_options, folders), replace=True)
        version.setbase("1.3")
        with checked_files():
            _run_hydra(args, get_args_parser(), experiment, str(config_dir()), "config")
    except KeyboardInterrupt as interrupt:
        return interrupt
    except Exception as error:  # noqa: BLE001  an error of no known kind is printed whole
        explained = experiment.error or _explain_start(error)
        if explained is not error:
            explained.__cause__ = error
        return explained
    return experiment.error


def _finish_sweep(begun: BegunSweep) -> int:
    """Return the status of a sweep from what its cells left; a foreign sweeper's gets its leaderboard here."""
    from bikeml.multirun.story import conclude_foreign
    from bikeml.records.sweep_folder import SweepFolder

    try:
        sweep = SweepFolder(begun.folder).look() if begun.is_ours else conclude_foreign(begun.folder)
    except BikemlError as error:
        return report(error)
    return FAILED if sweep.has_failures else DONE


def _explain_start(error: Exception) -> Exception:
    """Say what stopped Hydra before the task function began; an error of no known kind is our own bug."""
    if isinstance(error, BikemlError) or find_interrupt(error) is not None:
        return error
    if isinstance(error, COMPOSITION_ERRORS):
        return explain(error)
    if isinstance(error, OSError) and error.errno is None:  # OmegaConf's for a file that is one number, say
        return ConfigError(f"a config file holds no mapping: {error}; write lines such as key: value")
    if isinstance(error, OSError):
        return RunFolderError(f"cannot write the run folder: {error}; choose another with hydra.run.dir=FOLDER")
    return error


def _run(composed: DictConfig, hydra_config: HydraConf) -> float:
    check_memory()
    settle_logging(verbose=bool(hydra_config.verbose))  # before libraries are imported, which may warn
    from bikeml.multirun.local.beside import recorder_beside

    with recorder_beside(OmegaConf.select(composed, "tracking.uri")) as publish:
        from bikeml.cli.single import run_single  # its imports take seconds, in which the recorder's are made

        return run_single(composed, hydra_config, publish)
