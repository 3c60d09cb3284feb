"""List the metrics that a run can be judged by, from their entries."""

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import AT_A_QUANTILE, METRICS, at_quantile


def describe_metrics() -> str:
    """Return the table of the metrics."""
    head = (
        "| name | in scikit-learn | unit | better | interval | undefined with |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    return "".join(f"{line}\n" for line in (*head, *map(_describe, METRICS.values())))


def _describe(metric: Metric) -> str:
    name = at_quantile(metric.name, 0.9) if metric.name in AT_A_QUANTILE else metric.name
    arguments = {"alpha": 0.9} if metric.name in AT_A_QUANTILE else metric.arguments
    told = ", ".join(f"{argument}={value:g}" for argument, value in arguments.items())
    cells = (
        f"`{name}`",
        f"`{metric.function}{f'({told})' if told else ''}`",
        {"target": "the target's", "target²": "its square", "none": "none"}[metric.unit],
        "greater" if metric.greater_is_better else "smaller",
        "yes" if metric.formula else "no",
        metric.describe_need(),
    )
    return f"| {' | '.join(cells)} |"
