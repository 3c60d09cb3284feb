"""Let Optuna's TPE propose candidates one by one, each after the scores of all earlier ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import optuna
from optuna.trial import Trial, TrialState

from bikeml.experiment.searching.rounds import Round, Rounds


class Axis(Protocol):
    """What an axis may be."""

    def suggest(self, trial: Trial, name: str) -> Any:  # noqa: ANN401  any value of a parameter
        """Return the value that a trial proposes for the axis of this name."""


@dataclass(frozen=True)
class Choice:
    """One of a few values, which have no order."""

    values: Sequence[Any]

    def suggest(self, trial: Trial, name: str) -> Any:  # noqa: ANN401
        """Return the value that a trial proposes."""
        return self.values[trial.suggest_categorical(name, range(len(self.values)))]


@dataclass(frozen=True)
class Tpe:
    """
    Tree-structured Parzen estimator over `spaces`, which a trial chooses from first if there are several.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization (2011). A candidate that is proposed again is
    not evaluated again.
    """

    spaces: Sequence[Mapping[str, Axis]]
    n_candidates: int
    random_state: int

    def propose(self, n_rows: int) -> Rounds:  # noqa: ARG002
        """Yield rounds of one candidate each."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.random_state))
        known: dict[str, float] = {}
        for number in range(self.n_candidates):
            trial = study.ask()
            params = self._suggest(trial)
            key = repr(params)
            if key not in known:
                (known[key],) = yield Round([params], self.n_candidates - number - 1)
            finite = [score for score in known.values() if math.isfinite(score)]
            if not finite:
                study.tell(trial, state=TrialState.FAIL)
            else:  # one that fails, or takes too long, counts as the worst: TPE would forget it and come back
                study.tell(trial, known[key] if math.isfinite(known[key]) else min(finite))

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        which = 0 if len(self.spaces) == 1 else trial.suggest_categorical("", range(len(self.spaces)))
        return {name: axis.suggest(trial, f"{which} {name}") for name, axis in self.spaces[which].items()}
