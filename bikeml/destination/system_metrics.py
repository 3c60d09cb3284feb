"""Sample the use of the machine while an experiment runs, with MLflow's monitors, if MLflow's variable asks for it."""

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from bikeml.config.schema import TrackingConfig
from bikeml.destination import settings  # noqa: F401  before mlflow, which reads its settings when imported

if TYPE_CHECKING:
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor

ASKED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
PREFIX = "system/"


@dataclass(frozen=True)
class Sample:
    """The use of the machine at a time."""

    time: float
    """Unix time."""
    values: dict[str, float]
    """By the name of the metric, as MLflow names it."""


@contextmanager
def sampled(tracking: TrackingConfig) -> Iterator[list[Sample]]:
    """Yield a list that holds the samples after the block; it stays empty if nobody asks, or nothing is recorded."""
    samples: list[Sample] = []
    if tracking.uri is None or os.environ.get(ASKED, "").lower() not in ("true", "1"):
        yield samples
        return
    monitors, done = _make_monitors(), Event()
    thread = Thread(target=_sample, args=(monitors, samples, done), daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def _make_monitors() -> "list[BaseMetricsMonitor]":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow's dependencies warn when they are imported
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor  # noqa: PLC0415  it takes seconds
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor  # noqa: PLC0415
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor  # noqa: PLC0415

    return [CPUMonitor(), DiskMonitor(), NetworkMonitor()]


def _sample(monitors: "Sequence[BaseMetricsMonitor]", samples: list[Sample], done: Event) -> None:
    """Add a sample at each interval, and one at the end, so that a short run has one too."""
    from mlflow.environment_variables import (  # noqa: PLC0415
        MLFLOW_SYSTEM_METRICS_NODE_ID,
        MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING,
        MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL,
    )

    node = MLFLOW_SYSTEM_METRICS_NODE_ID.get()
    prefix = f"{PREFIX}{node}/" if node else PREFIX
    seconds = float(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or 10)  # MLflow's own default
    while not done.is_set():
        for _ in range(MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING.get() or 1):
            for monitor in monitors:
                monitor.collect_metrics()
            if done.wait(seconds):
                break
        used = {name: value for monitor in monitors for name, value in monitor.aggregate_metrics().items()}
        samples.append(Sample(time.time(), {f"{prefix}{name}": float(value) for name, value in used.items()}))
        for monitor in monitors:
            monitor.clear_metrics()
