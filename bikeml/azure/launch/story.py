"""Launch a sweep: check it, plan it, submit the missing jobs, wait, and return the outcome of each cell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from bikeml.azure.jobs.executor import Executor
from bikeml.azure.jobs.ledger import Policy
from bikeml.azure.jobs.limits import find_excess
from bikeml.azure.jobs.service import describe_cost, node_hours
from bikeml.azure.launch.command import LEFT_OUT, build_request
from bikeml.azure.launch.recorder import Recorder
from bikeml.azure.launch.setup import JobSetup
from bikeml.config.overrides import as_one_line, shell
from bikeml.config.schema import LauncherConfig, typed_launcher
from bikeml.errors import ClusterError, ConfigError, DataError, DetachedError, PlannedError
from bikeml.experiment.check import find_tolerance
from bikeml.experiment.pipeline import is_reproducible
from bikeml.multirun.composed import PlannedCell, compose_cells, subdir_override
from bikeml.multirun.plan import plan_cells
from bikeml.multirun.run import to_score
from bikeml.multirun.sources import find_folders
from bikeml.records.provenance import command_line
from bikeml.records.sweep_folder import SweepFolder, is_collected, write_failure
from bikeml.system.redaction import redact
from bikeml.table.data import read_table
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table


def check(planned: Sequence[PlannedCell], options: Mapping[str, Any]) -> None:
    """
    Refuse a sweep that a cluster cannot run, before anything is written.

    Raises ConfigError. If only a plan was requested, shows it and raises PlannedError.
    """
    launcher = typed_launcher(options)
    problems = dict.fromkeys(problem for each in planned for problem in _find_problems(each))
    if len(planned) > launcher.max_jobs:
        problems[f"{len(planned)} cells are more than hydra.launcher.max_jobs={launcher.max_jobs}; raise it"] = None
    if problems:
        raise ConfigError("\n".join(problems))
    if launcher.plan:
        _show_plan(planned, launcher)
        raise PlannedError("a plan: nothing was submitted; leave out hydra.launcher.plan=true to submit it")


def _find_problems(planned: PlannedCell) -> list[str]:
    config = planned.config
    problems = find_excess(config)
    problems += [
        f"the override {redact(word)!r} holds a secret; jobs must not be given secrets"
        for word in planned.overrides
        if redact(word) != word and not word.startswith(LEFT_OUT)
    ]
    if config.reuse == "none":
        problems.append(
            "reuse=none would pay for finished jobs again whenever the command is repeated; choose reuse=all, or "
            "reuse=finished to submit failed ones again"
        )
    if not is_reproducible(config):
        problems.append(f"{planned.cell.name}: a random_state is null, so its job cannot be told apart from other runs")
    return problems


def _show_plan(planned: Sequence[PlannedCell], launcher: LauncherConfig) -> None:
    config = planned[0].config.azure
    hours = node_hours([launcher.preemptions] * len(planned), launcher.timeout_minutes)
    rows = [
        (each.cell.name, build_request(each, Path()).name if each.identity else "its table does not fit")
        for each in planned
    ]
    compute, cost = config.compute, describe_cost(hours, config.price_per_node_hour)
    size = "" if compute.name is None else f", up to {compute.max_instances} nodes"
    facts = {
        "compute": f"{compute.name or 'serverless'}: {compute.size}{size}, {compute.tier}",
        "at most": f"{cost}; hydra.launcher.max_node_hours={launcher.max_node_hours:g} allows no more",
    }
    show_table(build_table(("cell", "job"), rows, f"{len(rows)} cells"))
    show_facts(facts)


def compose(
    loader: ConfigLoader, master: DictConfig, overrides: Sequence[Sequence[str]], first: int
) -> list[PlannedCell]:
    """Return the cells of a sweeper that is not bikeml's, repeated ones too: it wants a value for each."""
    return [plan_cells([composed]).cells[0] for composed in compose_cells(loader, master, overrides, first)]


def find_planned(planned: Sequence[PlannedCell], jobs: Sequence[Sequence[str]]) -> list[PlannedCell]:
    """Return the planned cell of each job, a list of overrides."""
    by_folder = {subdir_override(each.folder): each for each in planned}
    return [next(by_folder[word] for word in reversed(job) if word in by_folder) for job in jobs]


def launch(planned: Sequence[PlannedCell], options: Mapping[str, Any], master: DictConfig) -> list[JobReturn]:
    """
    Submit the cells that have no job and wait for all; return the outcome of each, in order.

    If all results were collected before, the workspace is not asked. Raises ClusterError if the workspace keeps it from
    going on, and DetachedError with wait=false.
    """
    launcher, folder = typed_launcher(options), Path(str(master.hydra.sweep.dir)).absolute()
    sweep = SweepFolder(folder)
    waiting = [each for each in planned if not is_collected(sweep.folder_of(each.cell), each.cell.fingerprint)]
    sweep.clear(each.folder for each in waiting)  # not every sweeper does
    _say_what_does_not_fit(waiting, folder)
    if any(each.identity is not None for each in waiting):
        fitting = [each for each in planned if each.identity is not None]  # all of them share a tag and a limit of cost
        _execute(fitting, launcher, folder, master)
    return [_return(each, sweep) for each in planned]


def _say_what_does_not_fit(planned: Sequence[PlannedCell], folder: Path) -> None:
    for each in planned:
        if each.identity is None:
            config = each.config
            try:
                read_table(config, find_tolerance(config))
            except DataError as error:
                write_failure(folder / each.cell.folder, str(error), each.cell.overrides)


def _execute(planned: Sequence[PlannedCell], launcher: LauncherConfig, folder: Path, master: DictConfig) -> None:
    from bikeml.azure.workspace.connection import connect  # azure's import takes seconds

    config = planned[0].config
    workspace = connect(config.azure)
    configs = find_folders(master.hydra)
    config_name = master.hydra.job.config_name if configs else None
    requests = [build_request(each, folder, config_name) for each in planned]
    fields = Policy.__dataclass_fields__
    own = {"reuse": config.reuse or "all", "price_per_node_hour": config.azure.price_per_node_hour}
    policy = Policy(**{**{name: value for name, value in launcher if name in fields}, **own})
    with TemporaryDirectory(prefix="bikeml-") as temporary:
        setup = JobSetup(workspace, planned, launcher, Path(temporary))
        setup.take(configs)
        listener = Recorder({each.cell.fingerprint: each for each in planned}, config.sweep.max_failures)
        executor = Executor(workspace, policy, listener, setup.prepare)
        try:
            executor.run(requests)
        except KeyboardInterrupt:
            _leave(executor, launcher, folder)
            raise
    if executor.n_open:
        raise DetachedError(
            f"{executor.n_open} jobs are submitted and go on; collect their results with: {redact(command_line())} "
            "hydra.launcher.wait=true"
        )
    listener.check_delays()


def _leave(executor: Executor, launcher: LauncherConfig, folder: Path) -> None:
    """Say how the sweep goes on, before another interrupt can come; then cancel the jobs if that is wanted."""
    is_cancelled = launcher.on_interrupt == "cancel"
    what = "are asked to end" if is_cancelled else "go on without this process"
    show_notice(f"{executor.n_open} jobs {what}; look again with: {as_one_line(redact(command_line()))}")
    if not is_cancelled:
        return
    try:
        executor.cancel()
    except ClusterError as error:  # raised from here, it would be taken for a part of the interrupt
        show_notice(f"{error}\nask again with: python -m bikeml azure jobs {shell(str(folder))} --cancel")


def _return(planned: PlannedCell, sweep: SweepFolder) -> JobReturn:
    """Return the outcome of a cell in the form that Hydra's sweepers want."""
    outcome = sweep.read_outcome(planned.cell)
    returned = JobReturn(overrides=list(planned.overrides), working_dir=str(sweep.path / planned.folder))
    if outcome.record is not None:
        returned.status, returned.return_value = JobStatus.COMPLETED, to_score(outcome.record)
    else:
        error = outcome.failure.error if outcome.failure else outcome.problem or "it has no result"
        returned.status, returned.return_value = JobStatus.FAILED, ClusterError(f"{planned.cell.name}: {error}")
    return returned
