"""
Compose what a stranger's config folder says of Hydra, and do it: no code of the folder runs, no file lies elsewhere.

A case is what the folder wants of Hydra (a payload), the way in which that gets into Hydra's section, and how the
folder is named. The command is drawn: a run, a sweep, --cfg, --help, a task, or a call from Python.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import yaml

from tests.attacks.forked import Ending, call
from tests.attacks.session import Case, judge_ending

EVIL = "evil_of_a_stranger"
"""A module that anybody may import; what is called in it leaves a marker."""
MODULE = """
import logging
import os
import pathlib


def touch(*args, **kwargs):
    pathlib.Path(os.environ["ATTACK_MARKER"]).touch()


class Handler(logging.Handler):
    def __init__(self, *args, **kwargs):
        touch()
        super().__init__()


class Callback:
    def __init__(self, *args, **kwargs):
        touch()
"""
PRECIOUS = "precious\n"
Section = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The folders of one case."""

    top: Path

    @property
    def marker(self) -> Path:
        return self.top / "marker"

    @property
    def outside(self) -> Path:
        return self.top / "outside"

    @property
    def working(self) -> Path:
        return self.top / "a" / "b" / "working"

    @property
    def folder(self) -> Path:
        return self.working / "theirs"

    def lay_out(self) -> None:
        self.outside.mkdir(parents=True)
        self.folder.mkdir(parents=True)
        (self.outside / "precious").write_text(PRECIOUS)
        library = self.top / "library" / EVIL
        library.mkdir(parents=True)
        (library / "__init__.py").write_text(MODULE)
        package = self.top / "library" / f"{EVIL}_package"
        package.mkdir()
        (package / "__init__.py").write_text(f"import {EVIL}\n{EVIL}.touch()\n")

    def find_harm(self) -> str | None:
        """Say what the folder did that it may not."""
        left = sorted(path.relative_to(self.top).parts[0] for path in self.top.iterdir())
        if self.marker.exists():
            return "code: the marker is there"
        if [each.name for each in self.outside.iterdir()] != ["precious"] or left != ["a", "library", "outside"]:
            return f"outside: {sorted(each.name for each in self.outside.rglob('*'))}, {left}"
        if (self.outside / "precious").read_text() != PRECIOUS:
            return "outside: a file was changed"
        between = {path.name for path in (self.top / "a").iterdir()} | {
            path.name for path in (self.top / "a/b").iterdir()
        }
        return None if between <= {"b", "working", "bikeml.yaml", ".git"} else f"outside: {sorted(between)}"


def target(name: str, **arguments: Any) -> Section:
    return {"_target_": name, **arguments}


def list_payloads(place: Place) -> dict[str, Section]:
    """Return what a folder may want of Hydra: values of its section."""
    marker, precious = str(place.marker), str(place.outside / "precious")
    touch = target(f"{EVIL}.touch")
    called = {
        "own": touch,
        "class": target(f"{EVIL}.Callback"),
        "mlflow": target("mlflow.utils.process._exec_cmd", cmd=["touch", marker]),
        "pathlib": target("pathlib.Path.write_text", _args_=[target("pathlib.Path", _args_=[precious]), "gone"]),
        "subprocess": target("subprocess.check_call", args=["touch", marker]),
        "shutil": target("shutil.copy", src=precious, dst=marker),
        "argument": target("collections.OrderedDict", x=touch),
        "list": target("collections.OrderedDict", _args_=[[["x", touch]]]),
        "partial": target("builtins.map", _args_=[target(f"{EVIL}.touch", _partial_=True), [1]]),
        "evaluated": target("builtins.eval", _args_=[f"__import__('{EVIL}').touch()"]),
    }
    handler = {"class": "logging.FileHandler", "filename": precious, "mode": "w"}
    logs = {
        "formatter": {"version": 1, "formatters": {"x": {"()": f"{EVIL}.touch"}}},
        "filter": {"version": 1, "filters": {"x": {"()": f"{EVIL}.touch"}}},
        "factory": {"version": 1, "handlers": {"x": {"()": f"{EVIL}.Handler"}}, "root": {"handlers": ["x"]}},
        "handler": {"version": 1, "handlers": {"x": {"class": f"{EVIL}.Handler"}}, "root": {"handlers": ["x"]}},
        "file": {"version": 1, "handlers": {"x": handler}, "root": {"handlers": ["x"]}},
    }
    elsewhere = str(place.outside / "run")
    folders = [elsewhere, "../../../outside/run", "x/../../../../outside/run", "${oc.env:ATTACK_OUTSIDE}/run"]
    folders += ["${vars.up}/outside/run", "a\n/../../../../outside/run", "${now:/../../../../outside/run}", "~/run"]
    axes = {"+hydra.callbacks.x._target_": f"{EVIL}.touch", "hydra.run.dir": elsewhere, "hydra.sweep.dir": elsewhere}
    axes |= {"+payload@hydra.callbacks": "evil", "hydra/callbacks": "evil", "++hydra.job.env_set.X": "1"}
    payloads: dict[str, Section] = {f"callback {name}": {"callbacks": {"x": each}} for name, each in called.items()}
    for kind in ("job_logging", "hydra_logging"):
        payloads |= {f"{kind} {name}": {kind: each} for name, each in logs.items()}
    for kind in ("launcher", "sweeper"):
        payloads |= {f"{kind} {name}": {kind: each} for name, each in called.items()}
        name = "n_jobs" if kind == "launcher" else "seed"
        payloads |= {f"{kind} argument": {kind: {name: touch}}, f"{kind} link": {kind: {name: "${vars.evil}"}}}
        payloads |= {f"{kind} whole link": {kind: "${vars.evil}"}, f"{kind} of a list": {kind: [touch]}}
        payloads |= {f"{kind} late link": {kind: {"seed": "${vars.${now:%Y}}"}}}
        payloads |= {f"{kind} null": {kind: None}}
    payloads |= {
        f"axis {key}": {"mode": "MULTIRUN", "sweeper": {"params": {key: value}}} for key, value in axes.items()
    }
    payloads |= {
        "axis target": {"mode": "MULTIRUN", "sweeper": {"params": {"x": touch}}},
        "axis list": {"mode": "MULTIRUN", "sweeper": {"params": {"seed": [touch, "${vars.evil}"]}}},
        "axes target": {"mode": "MULTIRUN", "sweeper": {"params": touch}},
        "axes link": {"mode": "MULTIRUN", "sweeper": {"params": "${vars.evil}"}},
    }
    for name, kind in (("run", "dir"), ("sweep", "dir"), ("sweep", "subdir")):
        payloads |= {f"{name}.{kind} {n}": {name: {kind: folder}} for n, folder in enumerate(folders)}
    payloads |= {
        "env_set": {"job": {"env_set": {"BIKEML_ALLOWED_PACKAGES": EVIL}}},
        "env_copy": {"job": {"env_copy": ["ATTACK_MARKER"]}},
        "allowed": {"job": {"env_set": {"BIKEML_ALLOW_HYDRA_CONFIG": "1"}}, "callbacks": {"x": touch}},
        "searchpath of a package": {"searchpath": [f"pkg://{EVIL}_package"]},
        "searchpath of a folder": {"searchpath": [str(place.folder / "more")]},
        "searchpath link": {"searchpath": "${vars.places}"},
        "job.name": {"job": {"name": "../../../outside/x"}},
        "output_subdir": {"output_subdir": "../../../../outside/hydra"},
        "separator": {"job": {"config": {"override_dirname": {"item_sep": "/../../../../outside/", "kv_sep": "/"}}}},
        "list": {"callbacks": [touch]},
        "null": {"callbacks": None},
        "mode": {"mode": "MULTIRUN", "callbacks": {"x": touch}},
    }
    return payloads


def values_of(place: Place) -> Section:
    """Return values of the experiment's own, for a payload that reads them."""
    own = target(f"{EVIL}.touch")
    return {
        "vars": {
            "evil": own,
            "up": "../../..",
            "places": [f"pkg://{EVIL}_package"],
            **{str(year): own for year in range(2024, 2060)},
        }
    }


class Folder:
    """The files of a config folder."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def write(self, name: str, content: Mapping[str, Any], header: str = "") -> None:
        file = self.place.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        head = f"# @package {header}\n" if header else ""
        file.write_text(head + yaml.safe_dump(dict(content), sort_keys=False))

    def recipe(self, defaults: list[Any], content: Mapping[str, Any] | None = None) -> None:
        both = {"defaults": defaults} if defaults else {}
        self.write("experiment/evil.yaml", {**both, **values_of(self.place), **(content or {})}, "_global_")


def way_recipe(folder: Folder, section: Section, _: Random) -> None:
    folder.recipe([], {"hydra": section})


def way_header(folder: Folder, section: Section, random: Random) -> None:
    """A file of a group of its own, whose header puts it into Hydra's section."""
    header = random.choice(["hydra", "_global_.hydra"])
    folder.write("payload/evil.yaml", section, header)
    folder.recipe([{"/payload": "evil"}, "_self_"])


def way_package(folder: Folder, section: Section, random: Random) -> None:
    """A file of a group of its own, which a defaults list puts into Hydra's section."""
    folder.recipe([], {})
    defaults: list[Any] = ["_self_"]
    for number, (name, value) in enumerate(section.items()):
        if isinstance(value, dict):
            folder.write(f"payload/part{number}.yaml", value)
            package = random.choice([f"hydra.{name}", f"_global_.hydra.{name}"])
            defaults.append({f"/payload@{package}": f"part{number}"})
        else:
            folder.write(f"payload/part{number}.yaml", {name: value})
            defaults.append({"/payload@hydra": f"part{number}"})
    folder.recipe(defaults)


def way_nested(folder: Folder, section: Section, random: Random) -> None:
    """A file that a file names that a recipe names."""
    inner = random.choice(["payload@hydra", "payload@_global_.hydra"])
    folder.write("payload/evil.yaml", section)
    folder.write("middle/one.yaml", {"defaults": [{f"/{inner}": "evil"}]}, "_global_")
    folder.recipe([{"/middle": "one"}, "_self_"])


def way_list(folder: Folder, section: Section, _: Random) -> None:
    """Several files of a group at once."""
    folder.write("payload/harmless.yaml", {"mode": None})
    folder.write("payload/evil.yaml", section)
    folder.recipe([{"/payload@hydra": ["harmless", "evil"]}, "_self_"])


def way_option(folder: Folder, section: Section, _: Random) -> None:
    """Options of its own in Hydra's groups, chosen by name."""
    defaults: list[Any] = []
    for name, value in section.items():
        if name in ("job_logging", "hydra_logging", "launcher", "sweeper") and isinstance(value, dict):
            folder.write(f"hydra/{name}/evil.yaml", value)
            defaults.append({f"override /hydra/{name}": "evil"})
        else:
            folder.write(f"hydra/{name}/evil.yaml", {name: value}, "hydra")
            defaults.append({f"/hydra/{name}": "evil"})
    folder.recipe([*defaults, "_self_"])


def way_shadow(folder: Folder, section: Section, random: Random) -> None:
    """Options with the names of shipped ones."""
    shipped = {"job_logging": ["quiet", "default"], "hydra_logging": ["none"], "launcher": ["basic", "joblib"]}
    shipped |= {"sweeper": ["bikeml", "basic", "bikeml_optuna"]}
    for name, value in section.items():
        for option in shipped.get(name, []):
            folder.write(f"hydra/{name}/{option}.yaml", value if isinstance(value, dict) else {"x": value})
    folder.write(random.choice(["hydra/bikeml.yaml", "hydra/config.yaml", "hydra/help/default.yaml"]), section, "hydra")
    folder.recipe([{"override /hydra/launcher": "joblib"}, "_self_"])


def way_link(folder: Folder, section: Section, random: Random) -> None:
    """Hydra's section, or parts of it, as interpolations of values of the experiment."""
    values = {**values_of(folder.place)["vars"], "hydra": section}
    links = random.choice(
        [{"hydra": "${vars.hydra}"}, {"hydra": {name: f"${{vars.hydra.{name}}}" for name in section}}]
    )
    folder.recipe([], {"vars": values, **links})


def way_anchor(folder: Folder, section: Section, _: Random) -> None:
    """Hydra's section by an alias and a merge key of YAML."""
    folder.recipe([])
    file = folder.place.folder / "experiment" / "evil.yaml"
    dumped = yaml.safe_dump({"evil": section}, default_flow_style=True, width=10**6).strip()[1:-1].partition(":")[2]
    file.write_text(f"{file.read_text()}  anchor: &it {dumped}\nhydra:\n  <<: *it\n")


def way_primary(folder: Folder, section: Section, _: Random) -> None:
    """The primary config."""
    folder.recipe([])
    folder.write("mine.yaml", {"defaults": ["config", "_self_"], "hydra": section, **values_of(folder.place)})


def way_primary_link(folder: Folder, section: Section, _: Random) -> None:
    folder.recipe([])
    values = {**values_of(folder.place)["vars"], "hydra": section}
    folder.write("mine.yaml", {"defaults": ["config", "_self_"], "hydra": "${vars.hydra}", "vars": values})


def way_traversal(folder: Folder, section: Section, random: Random) -> None:
    """A file that is not in the folder, named by a path that leads there from any folder, ours too."""
    file = folder.place.working / "elsewhere.yaml"
    file.write_text("# @package hydra\n" + yaml.safe_dump(section))
    up = "../" * 20 + str(file.with_suffix(""))[1:]
    folder.recipe([random.choice([f"/{up}", f"/{file.with_suffix('')}", f"../{up}"]), "_self_"])


def way_moved(folder: Folder, section: Section, random: Random) -> None:
    """A shipped option in a place that is not its own, with the payload beside it."""
    moved = [{"/model@hydra.callbacks.x": "rf"}, {"/hydra/launcher@hydra.callbacks.x": "joblib"}]
    folder.recipe([random.choice(moved), "_self_"], {"hydra": section})


def way_shipped_link(folder: Folder, _: Section, __: Random) -> None:
    """A shipped option reads a value of the experiment, which is a target here."""
    defaults = [{"override /hydra/sweeper": "bikeml_optuna"}, "_self_"]
    folder.recipe(defaults, {"seed": target(f"{EVIL}.touch"), "hydra": {"mode": "MULTIRUN"}})


WAYS: dict[str, Callable[[Folder, Section, Random], None]] = {
    "recipe": way_recipe,
    "header": way_header,
    "package": way_package,
    "nested": way_nested,
    "list": way_list,
    "option": way_option,
    "shadow": way_shadow,
    "link": way_link,
    "anchor": way_anchor,
    "primary": way_primary,
    "primary link": way_primary_link,
    "traversal": way_traversal,
    "moved": way_moved,
    "shipped link": way_shipped_link,
}
SOURCES = ("--config-dir", "--config-path", "hydra.searchpath", "bikeml.yaml", "bikeml.yaml above")
COMMANDS = (*["run", "sweep"] * 3, *["launcher", "python sweep"] * 2, "python", "cfg", "hydra cfg", "help", "explore")
"""Those that do what Hydra's section says are drawn more often."""


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Import what the commands need, and return every combination of a payload, a way and a source."""
    from tests.attacks.commands import import_all

    import_all()
    for module in ("run", "sweep"):
        importlib.import_module(f"bikeml.api.{module}")
    sources = SOURCES[:2] if is_short else SOURCES
    names = list(list_payloads(Place(session)))
    return [
        Case(source, way, name, partial(_run, session, source, way, name))
        for source in sources
        for way in WAYS
        for name in (names if way != "shipped link" else names[:1])
    ]


def _run(session: Path, source: str, way: str, name: str, random: Random) -> tuple[str, Ending, str | None]:
    with TemporaryDirectory(dir=session) as top:
        place = Place(Path(top).resolve())
        place.lay_out()
        WAYS[way](Folder(place), list_payloads(place)[name], random)
        command = random.choice(COMMANDS)
        ending = attack_once(place, source, way, command)
        return command, ending, place.find_harm() or judge_ending(ending)


def attack_once(place: Place, source: str, way: str, command: str, **variables: str) -> Ending:
    """Run a command with the folder of a place."""
    words = [*_name_folder(place, source, way), "experiment=evil", "tracking=none", "model=baseline"]
    own = {"ATTACK_MARKER": str(place.marker), "ATTACK_OUTSIDE": str(place.outside), "HOME": str(place.working)}
    return call(partial(_act, place, command, words, {**own, **variables}), place.working)


def _name_folder(place: Place, source: str, way: str) -> list[str]:
    primary = ["--config-name=mine"] if way.startswith("primary") else []
    if source == "hydra.searchpath":
        return ["--config-dir=theirs", *primary] if primary else ["hydra.searchpath=[theirs]"]
    if source.startswith("bikeml.yaml"):
        folder = place.working if source == "bikeml.yaml" else place.working.parent
        (folder / "bikeml.yaml").write_text(f"config_dir: {place.folder}\n")
        (place.working.parent / ".git").mkdir()
        return primary
    if source == "--config-path" and not primary:
        Folder(place).write("mine.yaml", {"defaults": ["config", "_self_"]})
        primary = ["--config-name=mine"]
    return [f"{source}=theirs", *primary]


def _act(place: Place, command: str, words: list[str], variables: Mapping[str, str]) -> int:
    """Do a command in this process; what an experiment would do is left out, and what it would trust is looked at."""
    os.environ |= variables
    sys.path.insert(0, str(place.top / "library"))
    with patch("bikeml.cli._run", _look), patch("bikeml.multirun.cell.run_cell", _look):
        if command.startswith("python"):
            return _call_python(command, words)
        from bikeml.cli import start

        return start(_spell(command, words))


def _spell(command: str, words: list[str]) -> list[str]:
    added = {
        "sweep": ["-m", "seed=1,2"],
        "launcher": ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "hydra/sweeper=basic", "seed=1,2"],
        "cfg": ["--cfg", "job"],
        "hydra cfg": ["--cfg", "hydra"],
        "help": ["--help"],
    }
    if command == "explore":
        return ["explore", *(word for word in words if not word.startswith(("--config-path", "--config-name")))]
    return [*added.get(command, []), *words]


def _call_python(command: str, words: list[str]) -> int:
    import bikeml
    from bikeml.errors import BikemlError

    own = [word for word in words if not word.startswith("--")]
    folder = [] if any("searchpath" in word for word in own) else ["hydra.searchpath=[theirs]"]
    try:
        with patch("bikeml.api.run.run_config", _look):
            (bikeml.run if command == "python" else bikeml.sweep)(*folder, *own)
    except BikemlError as error:
        sys.stderr.write(f"bikeml: {error}\n")
        return 1
    return 0


def _look(*_: object, **__: object) -> float:
    """Leave the marker if the stranger's package is trusted by now, and end where an experiment would begin."""
    from bikeml.errors import ConfigError
    from bikeml.experiment.trusted.packages import list_packages

    if EVIL in list_packages():
        Path(os.environ["ATTACK_MARKER"]).touch()
    raise ConfigError("an experiment would begin here")
