"""The command to try next, after a run or a sweep."""

import re
import shlex
from collections.abc import Sequence
from functools import partial

from bikeml.config.overrides import change_command, shell
from bikeml.records.run import RunRecord
from bikeml.records.sweep import Outcome, Sweep
from bikeml.system.printable import program
from bikeml.system.redaction import redact

SOME_MODELS = "linear,lasso,tree,rf,gbr"
WITHOUT_TUNING = ("baseline", "linear")
"""The models that a search hardly changes."""
ID_SHOWN = 12
OF_MLFLOW = re.compile("[0-9a-f]{32}")
"""The id of a run that MLflow has chosen."""
CLUSTER = "hydra/launcher=azureml"
TUNED = "tuned on these rows: {} flatters a searched run; evaluation.nested=true does not"
AWAITED = ("submitted", "not fetched")
"""The states of cells whose results the same command fetches."""


def advise_run(record: RunRecord) -> str:
    """Return the command to try next: all models after the first run, then a search, then nested evaluation."""
    is_nested = bool(record.search) and not record.cv.tuned_on_these_rows
    if record.choices.get("model") == "linear" or is_nested:
        untouched = record.choices.get("preprocessing", "none") == "none"
        return _again(record, "-m", f"model={SOME_MODELS}", *(["preprocessing=none,standard"] if untouched else []))
    return _again(record, "evaluation.nested=true" if record.search else "search=grid")


def advise_sweep(sweep: Sweep, best: Outcome | None) -> str:
    """Return the command to try next: complete the sweep, then search the best model, then predict with the best."""
    again = partial(change_command, sweep.record.command, once=("open",))  # in the same folder
    if any(outcome.status in AWAITED for outcome in sweep.outcomes):
        return again()
    if sweep.has_failures and sweep.run_id:
        return again("reuse=finished")
    if best is None or best.record is None:
        return ""
    searched = any(outcome.record and outcome.record.search for outcome in sweep.outcomes)
    is_new = not searched and best.record.choices.get("model") not in WITHOUT_TUNING
    if is_new and best.job is None and not best.cell.is_blend:
        return _again(best.record, "search=grid")
    return _advise_best(sweep, best)


def _advise_best(sweep: Sweep, best: Outcome) -> str:
    if best.run_id:
        return advise_predict(sweep.record.command, best.run_id)
    if best.job is not None:  # its model is on the cluster, and in no store
        return ""
    return f"{program()} {shell('predict', f'run={sweep.folder / best.cell.folder}', 'data.path=NEW.csv')}"


def advise_predict(command: str, run_id: str) -> str:
    """Return the command that predicts with a run, in the store that the `command` which made it names."""
    words = _split(command)
    store = [word for word in words if word.startswith("tracking")]
    if not store and CLUSTER in words:  # which chooses the store of its jobs
        store = ["tracking=azureml"]
    run = run_id[:ID_SHOWN] if OF_MLFLOW.fullmatch(run_id) else run_id  # the id of a job has no short form
    return f"{program()} {shell('predict', *store, f'run={run}', 'data.path=NEW.csv')}"


def _split(command: str) -> Sequence[str]:
    try:
        return shlex.split(command)
    except ValueError:  # it is not a command of ours
        return ()


def _again(record: RunRecord, *changes: str) -> str:
    """Return the command of this run with `changes`, without the overrides that they replace."""
    return redact(change_command(record.command, *changes))
