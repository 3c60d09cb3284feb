"""Run one experiment, draw its figures, record it, and return its result."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf
from sklearn.pipeline import Pipeline

from bikeml.config.composition import choices, resolve
from bikeml.config.schema import Config, typed
from bikeml.destination.autolog import without_autolog
from bikeml.destination.settle import settle
from bikeml.destination.system_metrics import Sample, sampled
from bikeml.errors import ConfigError, RecordError, RunNotFoundError, TrackingError
from bikeml.evaluation.metrics import find_metric
from bikeml.experiment import story
from bikeml.multirun.publish import Publish, publish
from bikeml.records.judgement import RecordedFolds, read_predictions
from bikeml.records.run import Invocation, RunRecord
from bikeml.records.run_folder import FOLDS, PAGE, RunFolder, folder_errors
from bikeml.system.files import HYDRAS_RECORD, clean_file
from bikeml.terminal.browser import open_page
from bikeml.terminal.numbers import show_count
from bikeml.terminal.progress import Announce, silent
from bikeml.terminal.tables import show_notice


@dataclass(frozen=True)
class FinishedRun:
    """An experiment that is in its folder."""

    pipeline: Pipeline
    record: RunRecord
    folder: Path
    samples: Sequence[Sample] = field(default=(), repr=False)
    """Of the machine's use, for the store."""

    @property
    def score(self) -> float:
        """What a sweeper that optimises gets of the run; see :func:`to_score`."""
        return to_score(self.record)


def to_score(record: RunRecord) -> float:
    """Return what a sweeper that optimises gets of a run, as scikit-learn's scorers do: greater is better."""
    return math.nan if record.score is None else find_metric(record.rank).sign * record.score


def read_composed(
    composed: DictConfig,
    hydra: HydraConf,
    folder: Path,
    command: str,
    *,
    overrides: tuple[str, ...] = (),
    is_prepared: bool = False,
    is_cell: bool = False,
) -> tuple[Config, Invocation]:
    """
    Return the typed values of what Hydra has composed: the config of an experiment, and its invocation.

    It is settled, and said, where the experiment is going to be recorded. `hydra` is Hydra's own section; `is_cell`
    tells whether a sweep runs it; the others are the arguments of :class:`Invocation`. Raises ConfigError, and
    TrackingError if the server of the store refuses the run.
    """
    try:
        config, chosen = typed(resolve(composed, hydra)), choices(hydra.runtime.choices)
    finally:
        _clean_copies(hydra, folder, is_cell=is_cell)
    if is_cell:
        config = config.model_copy(update={"open": False})  # the sweep opens its own page
    else:
        given: Any = OmegaConf.to_container(cast(Any, hydra.overrides.task))  # as typed, without resolving
        _refuse_list(config.sweep.cells or [], given)
    invocation = Invocation(folder, command, chosen, overrides, is_prepared)
    return config, settle(config.tracking, invocation, is_cell=is_cell)


def _refuse_list(cells: Sequence[str], words: Iterable[str]) -> None:
    """Raise ConfigError if a recipe lists cells and the words of a command choose none of what these set."""
    chosen, listed = ({_key(word) for word in each} for each in (words, " ".join(cells).split()))
    if listed and not listed & chosen:
        raise ConfigError(
            f"sweep.cells lists {show_count(len(cells), 'cell')}, and this would run one experiment that is none of "
            f"them; add -m to run all (in Python: bikeml.sweep), or choose one, such as: {cells[0]}"
        )


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _clean_copies(hydra: HydraConf, folder: Path, *, is_cell: bool) -> None:
    """Take the secrets out of the files in which Hydra has already written down what it was given."""
    files = list((folder / hydra.output_subdir).glob("*.yaml")) if hydra.output_subdir else []
    files += [Path(str(hydra.sweep.dir)) / HYDRAS_RECORD] if is_cell else []
    for file in files:
        clean_file(file)


@dataclass(frozen=True)
class ComputedRun:
    """An experiment whose figures are known, and which is not in its folder yet."""

    computed: story.Computed
    folder: RunFolder
    samples: Sequence[Sample]

    def write(self, announce: Announce = silent) -> FinishedRun:
        """Write it to its folder; raises FitError if its model cannot be loaded again, and RunFolderError."""
        record = self.computed.write(self.folder, announce)
        return FinishedRun(self.computed.pipeline, record, self.folder.path, self.samples)


@contextmanager
def computed(
    config: Config, invocation: Invocation, announce: Announce = silent, known: story.Known | None = None
) -> Iterator[ComputedRun]:
    """
    Run the experiment that `config` describes, and hold its folder while the block writes it, draws and records it.

    What is `known` is not fitted again. Raises the errors of :func:`bikeml.experiment.story.compute`, and
    FolderTakenError if another process writes to the folder.
    """
    folder = RunFolder(invocation.folder)
    with ExitStack() as stack:
        with folder_errors(folder.path):
            stack.enter_context(folder.claim(is_prepared=invocation.is_prepared))
        with without_autolog(), sampled(config.tracking) as samples:
            found = story.compute(config, invocation, announce, known or story.Known(_find_recall(config)))
        yield ComputedRun(found, folder, samples)


def run(
    config: Config,
    invocation: Invocation,
    announce: Announce = silent,
    known: story.Known | None = None,
    then: Publish = publish,
) -> FinishedRun:
    """
    Run the experiment that `config` describes, draw its figures and record it; return it. `open` opens its page.

    `then` draws and records it. Raises the errors of :func:`computed` and of ComputedRun.write, and TrackingError when
    only the record in the store is missing.
    """
    with computed(config, invocation, announce, known) as found:
        finished = found.write(announce)
        then(RunFolder(finished.folder), config, announce, finished.samples)
    if config.open:
        open_page(finished.folder / PAGE)
    return finished


def _find_recall(config: Config) -> story.Recall:
    """Return what finds the folds that the store of the config has already; without repeats, each is fitted."""
    is_repeated = getattr(config.split, "repeats", 1) > 1
    if not is_repeated or config.tracking.uri is None or config.reuse == "none":
        return story.forget
    return partial(_recall, config)


def _recall(config: Config, fold_fits: str) -> RecordedFolds | None:
    """Return the folds of a recorded run, if any. If they cannot be taken, say why: they can be fitted."""
    from bikeml.tracking.lookup import find_repeated  # its import takes a second, and few runs repeat their folds

    try:
        found = find_repeated(config, fold_fits)
        if found is None:
            return None
        with TemporaryDirectory() as place:
            return RecordedFolds(found.run_id, read_predictions(found.fetch_record(Path(place), FOLDS), FOLDS))
    except (RecordError, RunNotFoundError, TrackingError) as error:
        show_notice(f"each fold is fitted, since the recorded ones cannot be taken: {error}")
        return None
