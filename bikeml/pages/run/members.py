"""List the members of a blend from its config."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Member(NamedTuple):
    """A member of a blend."""

    name: str
    weight: int
    share: float
    """Of the blend, from 0 to 1."""
    fold_shares: tuple[float, float]
    """The least and the greatest share in the blend of a fold."""
    found: Mapping[str, Any]
    """What a search found, by axis."""


def list_members(config: Mapping[str, Any]) -> list[Member]:
    """Return the members of a blend, the heaviest first, from the sections of its config; none of another run."""
    members = config.get("blend") or []
    of_folds = [*zip(*(each["fold_weights"] for each in members), strict=True)]
    total = sum(each["weight"] for each in members)
    listed = []
    for number, each in enumerate(members):
        shares = [weights[number] / sum(weights) for weights in of_folds]
        grid = each["model"]["grid"]
        found = {name: values[0] for name, values in grid.items()}
        listed.append(Member(each["name"], each["weight"], each["weight"] / total, (min(shares), max(shares)), found))
    return listed


def show_weights(members: list[Member]) -> Iterator[str]:
    """Yield the members that count in the blend itself, such as "60% model=gbr"."""
    yield from (f"{each.share:.0%} {each.name}" for each in members if each.weight)
