"""A sweeper whose cells Optuna proposes: each batch after the scores of earlier ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from bikeml.config.overrides import as_typed, literal
from bikeml.errors import ConfigError
from bikeml.multirun.sweepers.basic import Sweeper

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

    from bikeml.multirun.proposals import Proposer
    from bikeml.records.sweep import Outcome

NAME = "bikeml_optuna"
"""Its option of hydra/sweeper."""


class OptunaSweeper(Sweeper):
    """
    Optuna's TPE over the axes of a sweep: choice(), range() and interval(), with tag(log, ...) for a logarithmic scale.

    `n_trials` cells are proposed in all, `n_jobs` at a time. The same `seed` and the same scores give the same cells,
    so that reuse=finished goes on with a sweep that was interrupted.
    """

    def __init__(self, n_trials: int, n_jobs: int, seed: int | None, params: dict[str, str] | None = None) -> None:
        super().__init__(params)
        for name, value in {"n_trials": n_trials, "n_jobs": n_jobs}.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"hydra.sweeper.{name}={value!r} should be a whole number of 1 or more")
        self._n_trials, self._n_jobs, self._seed = n_trials, n_jobs, seed

    def _propose(self, overrides: list[Override], parser: OverridesParser) -> "Proposer":  # noqa: ARG002
        if self._master.sweep.get("cells") is not None:
            raise ConfigError(f"hydra/sweeper={NAME} proposes the cells itself; set sweep.cells=null, or leave it out")
        if self._master.sweep.unfit == "leave_out":
            raise ConfigError(f"hydra/sweeper={NAME} needs each cell's outcome; set sweep.unfit=fail, or leave it out")
        if self._launcher.keeps_jobs:
            raise ConfigError(
                f"hydra/sweeper={NAME} needs the score of each cell before it proposes the next, and jobs of a cluster "
                "end together; choose another hydra/launcher, or hydra/sweeper=bikeml"
            )
        try:
            import optuna
        except ImportError as error:
            raise ConfigError(
                f"hydra/sweeper={NAME} needs Optuna; install it with: pip install 'bikeml[optuna]'"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        last = {each.get_key_element(): each for each in overrides}  # as in Hydra, the last of a key wins
        swept = {key: find_distribution(each) for key, each in last.items() if each.is_sweep_override()}
        if not swept:
            raise ConfigError(
                f"hydra/sweeper={NAME} has nothing to propose; give it an axis, such as "
                "'model.estimator.alpha=tag(log,interval(0.001,10))'"
            )
        common = [each for key, each in last.items() if key not in swept]
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self._seed))
        words = [as_typed(f"{each.get_key_element()}={each.get_value_element_as_str()}") for each in common]
        return Proposals(study, swept, words, self._n_trials, self._n_jobs)


class Proposals:
    """The cells that a study proposes."""

    def __init__(
        self,
        study: "Study",
        swept: Mapping[str, "BaseDistribution"],
        common: Sequence[str],
        n_trials: int,
        n_jobs: int,
    ) -> None:
        self._study, self._swept, self._words = study, swept, list(common)
        self.common: frozenset[str] | None = frozenset(common)
        self.n_trials: int | None = n_trials
        self._left, self._n_at_once = n_trials, n_jobs
        self._batch: list[Trial] = []

    def ask(self) -> Sequence[Sequence[str]]:
        """Return the next cells, at most n_jobs."""
        size = min(self._left, self._n_at_once)
        self._left -= size
        self._batch = [self._study.ask(dict(self._swept)) for _ in range(size)]
        return [[*self._words, *self._describe(trial)] for trial in self._batch]

    def _describe(self, trial: "Trial") -> Iterator[str]:
        for key, value in trial.params.items():
            yield as_typed(f"{key}={value if isinstance(value, str) else literal(_shorten(value, self._swept[key]))}")

    def tell(self, outcomes: Sequence["Outcome"]) -> None:
        """Tell the study the score of each cell, or that it failed; stop if cells do not run."""
        from optuna.trial import TrialState

        from bikeml.multirun.run import to_score

        for trial, outcome in zip(self._batch, outcomes, strict=True):
            score = to_score(outcome.record) if outcome.record else math.nan
            if math.isnan(score):
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, score)
        if any(outcome.status in ("not run", "left out") for outcome in outcomes):
            self._left = 0  # sweep.max_failures or sweep.budget_seconds is reached


def _shorten(value: float, distribution: Any) -> float:  # noqa: ANN401  Optuna's three classes share no attributes
    """Return a number with as many digits as a reader wants, no further away than the ends of its interval."""
    if isinstance(value, int) or distribution.step is not None:
        return value
    return float(min(max(float(f"{value:.4g}"), distribution.low), distribution.high))


def find_distribution(override: Override) -> "BaseDistribution":
    """Return what an axis may be: numbers in order for range() and interval(), else the values as they are written."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            is_whole = isinstance(value.start, int) and isinstance(value.end, int)  # int(interval(1, 10))
            kind: Any = IntDistribution if is_whole else FloatDistribution
            return cast("BaseDistribution", kind(value.start, value.end, log="log" in value.tags))
        if isinstance(value, RangeSweep) and not value.shuffle and len(numbers := sorted(value.range())) > 1:
            kind = IntDistribution if all(isinstance(number, int) for number in numbers) else FloatDistribution
            return cast("BaseDistribution", kind(numbers[0], numbers[-1], step=abs(value.step)))
    except ValueError as error:
        raise ConfigError(f"{override.input_line}: {error}") from error
    return CategoricalDistribution(list(override.sweep_string_iterator()))
