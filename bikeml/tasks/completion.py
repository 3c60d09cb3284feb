"""Tab completion of tasks and their options, beside Hydra's of config groups and values."""

from bikeml.tasks.catalogue import GROUPS, TASKS


def complete(line: str) -> tuple[list[str], str | None]:
    """
    Return the tasks that may stand where the line ends, and the line that Hydra is to complete; None if there is none.

    The line begins with the program's name, as a shell has it in COMP_LINE. The options of a task are keys beside the
    sections of a config, which Hydra completes once it knows that the config has them.
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
