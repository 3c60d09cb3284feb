"""What the terminal shows: a progress line while a run goes on, and a table when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bikeml.datasets import DAILY_SHA256, PUBLISHED_LINEAR
from bikeml.redaction import redact
from bikeml.result import Announce, Result

TEST_METRICS = ("test_mse", "test_rmse", "test_mae", "test_r2")


@contextmanager
def progress() -> Iterator[Announce]:
    """Yield a function that says what comes next; shown with the time so far, on a terminal only, without a trace."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("starting", total=None)

        def announce(step: str, done: int = 0, total: int | None = None) -> None:
            shown.update(task, description=step, completed=done, total=total)

        yield announce


def show(result: Result) -> None:
    """Print the figures, the time, where everything is, and what to do next."""
    console = Console(highlight=False)
    console.print(_figures(result))
    for name, value in _facts(result).items():
        console.print(f"[bold]{name:>12}[/]  {escape(value)}", soft_wrap=True)


def _figures(result: Result) -> Table:
    published = PUBLISHED_LINEAR if _is_published_task(result) else {}
    confidence = f"{result.config.evaluation.confidence:.0%}"
    dataset = result.dataset
    rows = f"{dataset.n_train:,} rows to train, {dataset.n_test:,} held out"
    console_title = f"{result.run_name} on {dataset.name}\n{rows}"
    table = Table(title=escape(console_title), title_justify="left")
    table.add_column("metric")
    for heading in ("value", f"{confidence} interval", *(["published"] if published else [])):
        table.add_column(heading, justify="right")
    for name in TEST_METRICS:
        low, high = result.intervals[name]
        row = [name, _number(result.metrics[name]), f"{_number(low)} to {_number(high)}"]
        table.add_row(*row, *([_number(published[name]) if name in published else ""] if published else []))
    spread = f"± {result.metrics['cv_r2_std']:.4f} over {len(result.cv.r2)} folds"
    table.add_row("cv_r2_mean", _number(result.metrics["cv_r2_mean"]), spread)
    return table


def _facts(result: Result) -> dict[str, str]:
    facts = {}
    if result.search:
        best = ", ".join(f"{name}={value}" for name, value in result.search.best_params.items())
        counts = result.search.counts()
        facts["best"] = f"{best} (of {counts['candidates']} candidates)"
        facts["fits"] = f"{counts['fits']} made, {counts['fits_avoided']} avoided by sharing"
        if counts["fits_resumed"]:
            facts["fits"] += f", {counts['fits_resumed']} found in the checkpoint"
    if result.tuned_on_these_rows:
        facts["note"] = "tuned on these rows: cv_r2 flatters a searched run; evaluation.nested=true does not"
    if not result.reproducible:
        facts["note"] = "not reproducible: a random_state is null"
    facts["time"] = ", ".join(f"{name} {value:.1f} s" for name, value in result.seconds.items())
    facts["folder"] = str(result.folder)
    if (result.folder / "bikeml.log").is_file():
        facts["log"] = "libraries warned; see bikeml.log in the folder"
    facts["fingerprint"] = result.fingerprint[:16]
    if result.run_id:
        uri = redact(str(result.config.tracking.uri))
        facts["run"] = f"{result.run_id} in {uri}, experiment {result.config.tracking.experiment_name}"
        facts["look"] = f"mlflow ui --backend-store-uri {uri}"
    facts["next"] = _next_command(result)
    return facts


def _next_command(result: Result) -> str:
    """Suggest what one would try after this run: all models after the first one, then a search, then another look."""
    model, preprocessing = (result.invocation.choices.get(group, "none") for group in ("model", "preprocessing"))
    if model == "linear":
        return "python -m bikeml -m model=linear,lasso,tree,rf,gbr preprocessing=none,standard"
    if not result.search:
        return f"python -m bikeml model={model} preprocessing={preprocessing} search=grid"
    return f"python -m bikeml model={model} preprocessing={preprocessing} search=grid evaluation.nested=true"


def _is_published_task(result: Result) -> bool:
    """Whether the tutorial published figures for just this: its table, features, split and linear regression."""
    split, estimator = result.config.split, result.config.model.estimator
    return (
        result.dataset.sha256 == DAILY_SHA256
        and len(result.config.data.features) == 10  # noqa: PLR2004  the tutorial's ten
        and not result.config.preprocessing.numeric
        and not result.config.preprocessing.categorical
        and str(estimator["_target_"]).endswith("LinearRegression")
        and split.kind == "random"
        and (split.test_size, split.random_state) == (0.3, 0)
    )


def _number(value: float) -> str:
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.4f}"  # noqa: PLR2004  two digits are enough from there on
