"""Share the requests at an endpoint among its deployments."""

from collections.abc import Mapping

from bikeml.errors import ConfigError

ALL = 100  # per cent


def share_traffic(current: Mapping[str, int], name: str, share: int) -> dict[str, int]:
    """
    Return the traffic in per cent: `name` gets `share`, and the others divide the rest in their present ratio.

    If the others have no traffic, and there is only one, it gets the rest. Raises ConfigError if no deployment can get
    the rest.
    """
    others = {other: part for other, part in current.items() if other != name}
    if share == ALL or not any([share, *others.values()]):
        return {name: share, **dict.fromkeys(others, 0)}
    if len(others) == 1:
        others = dict.fromkeys(others, 1)
    total = sum(others.values())
    if total == 0:
        idle = f"none of {', '.join(others)} has traffic now" if others else "there is no other deployment"
        raise ConfigError(f"traffic={share} leaves {ALL - share} % of the requests to nobody: {idle}; set traffic=100")
    exact = {other: (ALL - share) * part / total for other, part in others.items()}
    rest = {other: int(part) for other, part in exact.items()}
    missing = ALL - share - sum(rest.values())
    for other in sorted(exact, key=lambda other: rest[other] - exact[other])[:missing]:
        rest[other] += 1
    return {name: share, **rest}
