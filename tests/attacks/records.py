"""The attack on records: whatever is read back is altered, and every command that reads it is run."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from bikeml.records.run_folder import RESULT
from tests.attacks import rows
from tests.attacks.commands import Command, import_all, list_commands
from tests.attacks.figures import Figures, read_rows
from tests.attacks.forked import Ending, call, watch
from tests.attacks.mutations import IN_THE_WAY, SWAPPED, mutate_file, names_for
from tests.attacks.session import Case, judge_ending
from tests.attacks.values import Mutation
from tests.attacks.worlds import STORE, World, make_worlds

PICTURES = (".png", ".html", ".txt", ".log")
WEIGHTS = {"missing key": 4, "wrong type": 6}
"""There are many keys, and a case alters one; of commands that take seconds, each case is there once."""
Alter = Callable[[Random], Mutation]
MANY = 12
"""Files of one folder, such as the checkpoints of a search, which are all alike."""


@dataclass(frozen=True)
class Reader:
    """A command, the files of its world that it opens, and the figures that it shows where nothing is altered."""

    command: Command
    read: tuple[Path, ...]
    replaced: tuple[Path, ...]
    figures: Figures


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """
    Return every combination of a command, what it reads, and what can be done to that, below `session`.

    The short form leaves out what the code of today has written, and commands that fit models.
    """
    import_all()
    worlds = make_worlds(session, with_new=not is_short)
    commands = [command for world in worlds for command in list_commands(world) if not (is_short and command.is_slow)]
    return [case for command in commands for case in _list_cases(_watch(command))]


def _watch(command: Command) -> Reader:
    """Run a command on the untouched world, to see what it reads and shows."""
    world = command.world
    world.lay_out()
    ending, opened = watch(command.act, world.folder)
    if ending.status != command.status:
        raise RuntimeError(f"{command.name} ends with {ending.status} on the untouched world:\n{ending.err}")
    read = [file for file in _relative(world, opened.read) if _is_there(world, file) or _find_twins(world, file)]
    replaced = [file for file in _relative(world, opened.replaced) if _is_there(world, file) and file not in read]
    return Reader(command, tuple(read), tuple(replaced), command.show(world, ending))


def _relative(world: World, files: Sequence[Path]) -> list[Path]:
    """Return the paths of files in the world, without folders and pictures, and few of many in one folder."""
    inside = [file.relative_to(world.folder) for file in files if file.suffix not in PICTURES]
    n_siblings = Counter(file.parent for file in inside)
    kept = [file for file in inside if n_siblings[file.parent] < MANY or file.stem in ("0", "1")]
    return [file for file in kept if not (world.untouched / file).is_dir()]


def _is_there(world: World, file: Path) -> bool:
    return (world.untouched / file).is_file()


def _find_twins(world: World, file: Path) -> list[Path]:
    """Return the files of the same name and other content in the folders of other runs and cells."""
    untouched = world.untouched / file
    own = untouched.read_bytes() if untouched.is_file() else None
    found = (path.relative_to(world.untouched) for path in sorted(world.untouched.rglob(file.name)) if path.is_file())
    return [path for path in found if path != file and (world.untouched / path).read_bytes() != own]


def _list_cases(reader: Reader) -> Iterator[Case]:
    world = reader.command.world
    for file in reader.read:
        for name in names_for(file, _find_twins(world, file)):
            alter, weight = partial(_alter_file, world, file, name), WEIGHTS.get(name, 1)
            yield from [_case(reader, str(file), name, alter)] * (1 if reader.command.is_slow else weight)
    for file in reader.replaced:
        yield from (_case(reader, str(file), name, partial(_alter_file, world, file, name)) for name in IN_THE_WAY)
    for table in rows.TABLES if Path(STORE) in reader.read else ():
        for name in rows.NAMES:
            alter = partial(rows.mutate_rows, world.folder / STORE, table, name)
            yield from [_case(reader, f"{table} of the store", name, alter)] * 2


def _alter_file(world: World, file: Path, name: str, rng: Random) -> Mutation:
    twins = [world.folder / twin for twin in _find_twins(world, file)]
    return mutate_file(world.folder / file, name, rng, twins)


def _case(reader: Reader, target: str, name: str, alter: Alter) -> Case:
    command = reader.command
    shown = f"{command.name} ({command.world.name})"
    return Case(target=Path(target).name, command=shown, mutation=name, run=partial(_run, reader, target, alter))


def _run(reader: Reader, target: str, alter: Alter, rng: Random) -> tuple[str, Ending, str | None]:
    command = reader.command
    command.world.lay_out()
    done = alter(rng)
    ending = call(command.act, command.world.folder)
    complaint = judge_ending(ending) or _judge_figures(reader, target, done, ending)
    return f"{target}: {done.text}", ending, complaint or _judge_cells(reader, target, done, ending)


def _judge_figures(reader: Reader, target: str, done: Mutation, ending: Ending) -> str | None:
    """Say which figure is not that of the untouched record; one that nothing could know to be altered may be shown."""
    command = reader.command
    is_another_run = done.text.startswith(SWAPPED) and target.endswith(RESULT)  # whole, with its own fingerprint
    has_no_digest = command.world.name == "earlier" and (target.endswith(".csv") or is_another_run)
    if has_no_digest or (done.is_plausible and not target.endswith(".csv")):
        return None
    for name, value in command.show(command.world, ending).items():
        if reader.figures.get(name) != value:
            return f"false figure: {name} is {value!r:.60}, was {reader.figures.get(name)!r:.60}"
    return None


def _judge_cells(reader: Reader, target: str, done: Mutation, ending: Ending) -> str | None:
    """Say which cell the report of a sweep has lost, or does not show and says nothing of the file that is broken."""
    world, (sweep, *below) = reader.command.world, Path(target).parts
    if reader.command.name != "report" or len(below) < 2:
        return None
    missing = {*reader.figures} - {*reader.command.show(world, ending)}
    altered = {below[0], *([Path(done.text).name] if done.text.startswith(SWAPPED) else [])}  # a swap alters two
    lost = missing - {f"cell {cell}" for cell in altered}
    if lost:
        return f"lost: {', '.join(sorted(lost))}, with status {ending.status}"
    said = " ".join([*(row["note"] for row in read_rows(world, sweep)), ending.out, ending.err])
    is_gone = not (world.folder / target).exists()
    if not missing or is_gone or below[-1] in said:
        return None
    return f"unnamed: cell {below[0]} is not shown, and {target} not named"
