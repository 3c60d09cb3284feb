"""Keep the finished tasks of a search in files, so that a search that was killed can go on."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bikeml.records.record import Count, Seconds, Value
from bikeml.search.evaluate import Outcome
from bikeml.system.files import write_text


class _Kept(Value, allow_inf_nan=True, ser_json_inf_nan="constants"):
    """The result of one candidate on one fold, in scikit-learn's form; failed fits are not kept."""

    fit_error: None
    test_scores: float | dict[str, float]
    train_scores: float | dict[str, float] | None = None
    n_test_samples: Count
    fit_time: Seconds
    score_time: Seconds


class _KeptOutcome(Value, allow_inf_nan=True, ser_json_inf_nan="constants"):
    """The outcome of one task; neither results nor fits if it was stopped, since the time was up."""

    results: tuple[_Kept, ...]
    n_fits: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Checkpoint:
    """
    The finished tasks of one search, in a JSON file each.

    To read them runs no code, and floats are restored bit for bit. The name of the folder must identify everything that
    determines the search; bikeml uses the fingerprint.
    """

    folder: Path

    def load(self, number: int, n_candidates: int) -> Outcome | None:
        """Return the outcome of a finished task, or None if its file is missing or is not what `keep` writes."""
        try:
            kept = _KeptOutcome.model_validate_json((self.folder / f"{number}.json").read_bytes())
        except (OSError, ValueError):
            return None
        results = [result.model_dump(exclude_unset=True) for result in kept.results]
        is_stopped = not results and kept.n_fits == 0
        is_whole = len(results) == n_candidates >= kept.n_fits >= 1
        return Outcome(results, kept.n_fits) if is_whole or is_stopped else None

    def keep(self, number: int, outcome: Outcome) -> None:
        """Write the outcome of a finished task, unless one of its fits failed; raises OSError."""
        if any(result["fit_error"] for result in outcome.results):
            return
        kept = _KeptOutcome.model_validate(_plain(outcome._asdict()), strict=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / f"{number}.json", kept.model_dump_json(exclude_unset=True))

    def remove(self) -> None:
        """Delete the checkpoint of a finished search."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _plain(value: Any) -> Any:  # noqa: ANN401  scores of any scorer
    """Return the value with Python's numbers in place of NumPy's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value
