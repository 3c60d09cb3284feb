"""Durations as the service writes them."""


def to_seconds(text: str) -> float:
    """Return the seconds of an ISO 8601 duration such as PT180S or PT1H."""
    from isodate import parse_duration

    return float(parse_duration(text).total_seconds())
