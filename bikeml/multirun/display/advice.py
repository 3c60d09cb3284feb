"""The command to try next, after a run."""

from bikeml.config.overrides import change_command
from bikeml.records.run import RunRecord
from bikeml.system.redaction import redact

SOME_MODELS = "linear,lasso,tree,rf,gbr"
TUNED = "tuned on these rows: {} flatters a searched run; evaluation.nested=true does not"


def advise_run(record: RunRecord) -> str:
    """Return the command to try next: all models after the first run, then a search, then nested evaluation."""
    is_nested = bool(record.search) and not record.cv.tuned_on_these_rows
    if record.choices.get("model") == "linear" or is_nested:
        untouched = record.choices.get("preprocessing", "none") == "none"
        return _again(record, "-m", f"model={SOME_MODELS}", *(["preprocessing=none,standard"] if untouched else []))
    return _again(record, "evaluation.nested=true" if record.search else "search=grid")


def _again(record: RunRecord, *changes: str) -> str:
    """Return the command of this run with `changes`, without the overrides that they replace."""
    return redact(change_command(record.command, *changes))
