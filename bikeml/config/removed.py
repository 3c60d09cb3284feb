"""Keys that earlier versions had, and what to write instead."""

from collections.abc import Mapping
from typing import Any

REMOVED = {
    "hydra.launcher.reuse": "reuse=finished submits failed cells again; reuse=all, the default on a cluster, does not",
    "azure.write_config": "python -m bikeml azure configure writes the names of the workspace to config.json",
    "search.backend": "search.scheduler=ADDRESS takes a Dask cluster, and null takes joblib's workers here",
    "sweep.fingerprint": "leave it out: the environment tells a job what it must be, in BIKEML_FINGERPRINT",
    "sweep.parent_run_id": "leave it out: the environment tells a cell of the sweep's run, in BIKEML_PARENT_RUN_ID",
}
"""None of them changed a figure. A recorded run may have them."""


def explain_removed(key: str) -> str | None:
    """Return the message for a dotted key that earlier versions had, None for any other."""
    return f"there is no key {key!r} any more; {REMOVED[key]}" if key in REMOVED else None


def drop_removed(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of a recorded run without the keys that this version does not have."""
    return {name: _keep(name, section, drop=True) for name, section in sections.items()}


def unset_removed(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of a recorded run with those keys at null, which the recorded code takes on any machine."""
    return {name: _keep(name, section, drop=False) for name, section in sections.items()}


def _keep(name: str, section: object, *, drop: bool) -> object:
    gone = [key for key in section if f"{name}.{key}" in REMOVED] if isinstance(section, Mapping) else []
    if not gone or not isinstance(section, Mapping):
        return section
    rest = {key: value for key, value in section.items() if key not in gone}
    return rest if drop else {**section, **dict.fromkeys(gone)}
