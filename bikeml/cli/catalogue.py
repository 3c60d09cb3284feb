"""The tasks of the command line, by name. The code of a task is imported when the task is done, not before."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bikeml.config.composition import read_comments
from bikeml.config.project import find_project
from bikeml.errors import ConfigError
from bikeml.system.spelling import did_you_mean

if TYPE_CHECKING:
    from bikeml.config.fields import Section


@dataclass(frozen=True)
class Task:
    """One task: where its code is, and what --help says of it."""

    place: str
    """Its function, as "module:function"."""
    line: str
    has_options: bool = True
    """Whether conf/task/NAME.yaml holds its options. The function of another task reads the words of its command."""
    words: str = ""
    """The key that takes the words without one; empty if the task has no such words."""
    takes_many: bool = False
    """Whether it takes a list of them."""
    overrides: tuple[str, ...] = ()
    """What stands before the words of its command."""

    def load_function(self) -> Callable[..., None]:
        """Import its function: of the words of the command, or of the config and the options."""
        module, _, name = self.place.partition(":")
        return cast(Callable[..., None], getattr(importlib.import_module(module), name))

    def load_options(self) -> "type[Section]":
        """Import the schema of its options, which stands beside the function."""
        return cast("type[Section]", importlib.import_module(self.place.partition(":")[0]).Options)


TASKS = {
    "init": Task(
        "bikeml.tasks.tables.init:init",
        "make a folder of your own for a table",
        words="data.path",
        overrides=("data=csv",),
    ),
    "explore": Task("bikeml.tasks.tables.explore:explore", "look at a table before any model"),
    "predict": Task("bikeml.tasks.models.predict:predict", "predict the rows of a table with a recorded run"),
    "register": Task("bikeml.tasks.models.register:register", "give a run's model a name, a version and an alias"),
    "serve": Task("bikeml.tasks.models.serve:serve", "answer requests with a run's model on this machine"),
    "runs": Task("bikeml.tasks.runs:show_runs", "list the recorded runs"),
    "compare": Task(
        "bikeml.tasks.compare:show_comparison", "compare recorded runs with each other", words="runs", takes_many=True
    ),
    "ui": Task("bikeml.tasks.ui:show_pages", "show MLflow's pages of the recorded runs"),
    "reproduce": Task("bikeml.tasks.reproduce:reproduce", "run a recorded run again and compare every figure"),
    "blend": Task("bikeml.tasks.blend:blend", "blend the finished cells of a sweep", words="folder"),
    "report": Task("bikeml.tasks.report:report", "make the page of a run or a sweep again", has_options=False),
    "record": Task("bikeml.tasks.record:record", "record runs and sweeps in a store later", has_options=False),
    "azure data": Task("bikeml.azure.tasks.data:register_data", "register a table as a data asset"),
    "azure compute": Task("bikeml.azure.tasks.compute:make_compute", "make the cluster"),
    "azure configure": Task("bikeml.azure.tasks.configure:configure", "write the workspace's names to config.json"),
    "azure jobs": Task(
        "bikeml.azure.tasks.jobs:show_jobs", "list, follow or cancel the jobs of a sweep", has_options=False
    ),
    "azure deploy": Task("bikeml.azure.tasks.deploy:deploy", "deploy a run's model as an online endpoint"),
    "azure invoke": Task("bikeml.azure.tasks.invoke:invoke", "ask an endpoint for predictions"),
    "azure undeploy": Task("bikeml.azure.tasks.undeploy:undeploy", "delete an endpoint or a deployment"),
}
"""By the words that choose them: the first of a command line, or the first two."""
GROUPS = {name.partition(" ")[0] for name in TASKS if " " in name}


def find_task(argv: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """
    Return the task that a command line begins with, and the words behind it; None if it asks for an experiment.

    Raises ConfigError if it begins with a word that is no task.
    """
    if not argv or argv[0].startswith(("-", "~", "+")) or "=" in argv[0]:
        return None
    n_words = 2 if argv[0] in GROUPS else 1
    name = " ".join(argv[:n_words])
    if name in TASKS:
        return name, argv[n_words:]
    if "=" in argv[1:2]:
        raise ConfigError(f"write {name}=VALUE without spaces around =")
    known = [task for task in TASKS if n_words == 1 or task.startswith(f"{argv[0]} ")]
    hint = (name not in GROUPS and did_you_mean(name, known)) or ";"
    raise ConfigError(f"there is no task {name!r}{hint} tasks: {', '.join(known)}; an experiment takes key=value")


def describe_tasks(prefix: str = "") -> str:
    """Return the tasks whose name begins with `prefix`, a line each."""
    return "\n".join(f"  {name:<22}{task.line}" for name, task in TASKS.items() if name.startswith(prefix))


def describe_options(folders: Sequence[Path]) -> str:
    """
    Return the config groups of an experiment and their options, each with the comment on top of its file.

    An option is in one of the `folders`; of two with one name, the first counts.
    """
    groups: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/*.yaml")):
            groups.setdefault(file.parent.name, {}).setdefault(file.stem, file)
    shown = sorted(groups.keys() - {"hydra", "task"})
    listed = [
        "\n".join([name, *map(_describe, (groups[name][option] for option in sorted(groups[name])))]) for name in shown
    ]
    return "\n\n".join([*listed, *describe_project()])


def describe_project() -> list[str]:
    """Return a line that says which bikeml.yaml a command uses; none if there is none."""
    project = find_project()
    return [f"Used here: {project.file} (config_dir: {project.config_dir}, store: {project.store})"] if project else []


def _describe(file: Path) -> str:
    return f"  {file.stem:<22}{next(iter(read_comments(file)), '')}"


def complete(line: str) -> tuple[list[str], str | None]:
    """
    Return the tasks that may stand where a line ends, and the line that Hydra is to complete; None if there is none.

    This is for the Tab key. The line begins with the program's name, as a shell has it in COMP_LINE. The options of a
    task are keys beside the sections of a config, which Hydra completes once it knows that the config has them.
    """
    program, *words = line.split()
    if not words or line[-1].isspace():
        words.append("")
    is_grouped = words[0] in GROUPS and len(words) > 1
    name, *rest = [" ".join(words[:2]), *words[2:]] if is_grouped else words
    if not rest:
        tasks = sorted({task.split()[is_grouped] for task in TASKS if task.startswith(name)})
        return tasks, None if is_grouped else line
    if name in TASKS:
        return [], f"{program} +task={name.split()[-1]} {' '.join(rest)}" if TASKS[name].has_options else None
    return [], None if is_grouped else line
