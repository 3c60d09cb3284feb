"""The store of a sweep, in the recorder's process: the sweep's own one need not import mlflow before cells begin."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bikeml.config.schema import Config
from bikeml.multirun.local.recorder import Recorder
from bikeml.multirun.publish import writing
from bikeml.records.sweep import SweepRecord
from bikeml.system.workers.warm import DeadWorkerError

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import Recorded, SweepStore

_opened: "list[SweepStore]" = []
"""In the recorder's process: the store of its sweep."""


class StoreBeside:
    """
    What :class:`bikeml.tracking.sweeps.SweepStore` is, with the same errors; if the recorder dies, it is one here.

    What a dead recorder may have done already is done once more: the store knows a sweep by its id.
    """

    holds_jobs = False

    def __init__(self, recorder: Recorder, configs: Sequence[Config]) -> None:
        """Let the store be opened; a later call, or the recorder's take, says if it cannot be."""
        self._recorder, self._configs = recorder, configs
        self._here: SweepStore | None = None
        self._begun: tuple[SweepRecord, Path] | None = None
        recorder.ask_later(_open, configs)

    def check(self) -> None:
        """Ask the store whether it answers."""
        self._ask("check")

    def begin(self, sweep: SweepRecord, folder: Path) -> None:
        """Begin the sweep's own run beside its cells; the recorder writes where it is to the sweep's folder."""
        self._begun = (sweep, folder)
        if self._here is None:
            self._recorder.ask_later(_begin, sweep, folder)
        else:
            self._here.begin(sweep, folder)

    def settle(self) -> None:
        """Wait until the sweep's run has begun; begin it here if the recorder has died."""
        if self._here is not None:
            return
        try:
            self._recorder.finish()
        except DeadWorkerError:
            here = self._go_on_here()
            if self._begun is not None:
                here.begin(*self._begun)

    def end(self, run_id: str, files: Iterable[Path], metrics: Mapping[str, float], status: str) -> None:
        """End the sweep's own run, with its files and metrics."""
        self._ask("end", run_id, list(files), dict(metrics), status)

    def find(self, fingerprint: str, *, failures: bool, has_budget: bool = False) -> "Recorded | None":
        """Return the latest run of this fingerprint."""
        return cast("Recorded | None", self._ask("find", fingerprint, failures=failures, has_budget=has_budget))

    def take(self, run_id: str, folder: Path, fingerprint: str) -> None:
        """Download the files of a recorded run."""
        self._ask("take", run_id, folder, fingerprint)

    def explain(self, identity: Mapping[str, Any], choices: Mapping[str, str]) -> str:
        """Return how a cell differs from the most similar finished run."""
        return cast(str, self._ask("explain", identity, choices))

    def _ask(self, name: str, *args: object, **options: object) -> object:
        if self._here is None:
            try:
                return self._recorder.ask(_call, name, args, options)
            except DeadWorkerError:
                self._go_on_here()
        return getattr(self._here, name)(*args, **options)

    def _go_on_here(self) -> "SweepStore":
        from bikeml.tracking.sweeps import SweepStore  # mlflow's import takes seconds

        self._recorder.kill()
        self._here = SweepStore(*self._configs)
        return self._here


def _open(configs: Sequence[Config]) -> None:
    from bikeml.tracking.sweeps import SweepStore

    _opened[:] = [SweepStore(*configs)]


def _begin(sweep: SweepRecord, folder: Path) -> None:
    with writing(folder):
        _opened[0].begin(sweep, folder)


def _call(name: str, args: Sequence[object], options: Mapping[str, object]) -> object:
    return getattr(_opened[0], name)(*args, **options)
