"""Draw the rooms of bikeml as a Mermaid graph, from the imports."""

from collections import Counter

from tests.house import ROOMS, find_arrows, find_modules


def draw_rooms() -> str:
    """Return the graph: an arrow from a room to each earlier one that its modules import, without detours."""
    reached = _find_rooms_imported()
    lines = [f"    {_name(room)}[{room}]" for room in reversed(ROOMS) if room in reached]
    lines += [f"    {_name(room)} --> {_name(below)}" for room in reversed(ROOMS) for below in _nearest(room, reached)]
    return "\n".join(["```mermaid", "graph TD", *lines, "```", ""])


def count_arrows() -> Counter[tuple[str, str]]:
    """Return how many imports lead from one room to another."""
    arrows = (arrow for module, file in find_modules().items() for arrow in find_arrows(module, file) if arrow.is_ours)
    return Counter(arrow.rooms for arrow in arrows if arrow.rooms[0] != arrow.rooms[1])


def _find_rooms_imported() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    reached: dict[str, set[str]] = {room: set() for room in ROOMS}
    for here, there in count_arrows():
        if here in ROOMS:
            reached[here].add(there)
    return reached


def _nearest(room: str, reached: dict[str, set[str]]) -> list[str]:
    """Leave out the rooms that another imported room imports too: the graph stays readable, and no path is lost."""
    beyond = {far for near in reached[room] for far in _all_below(near, reached)}
    return [below for below in reversed(ROOMS) if below in reached[room] - beyond]


def _all_below(room: str, reached: dict[str, set[str]]) -> set[str]:
    return reached[room] | {far for near in reached[room] for far in _all_below(near, reached)}


def _name(room: str) -> str:
    return room.replace(".", "_")
