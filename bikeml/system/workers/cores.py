"""The cores of this machine: how many this process may use, and whether one of them idles."""

from collections.abc import Mapping

import psutil

IDLE = 0.5
"""The share of a core that makes it worth a process of its own, which imports some of the libraries once more."""


def count_cores() -> int:
    """Return how many cores this process may use, by affinity, a container's share, and LOKY_MAX_CPU_COUNT."""
    from joblib import cpu_count  # noqa: PLC0415  the command line needs no joblib

    return int(cpu_count())


def share_cores(variables: Mapping[str, str], size: int) -> dict[str, str]:
    """Return the variables with which each of `size` workers has its share of the cores, for n_jobs=-1 and OpenMP."""
    share = str(max(1, count_cores() // size))
    return {"OMP_NUM_THREADS": share, **variables, "LOKY_MAX_CPU_COUNT": share}


def has_idle_core() -> bool:
    """
    Return whether this process may use a second core that was idle since psutil was imported, or asked the last time.

    The load average is no help: for a minute it counts what ran before.
    """
    used = psutil.cpu_percent(percpu=True)
    ours = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else range(len(used))
    idle = sum(1 - used[core] / 100 for core in ours if core < len(used))
    return idle >= IDLE and len(ours) > 1 and count_cores() > 1
