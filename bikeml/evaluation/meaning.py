"""Say what a metric means, in a sentence for people."""

from bikeml.evaluation.metric import Metric

MEANINGS = {
    "mse": "The mean of the squared errors: large errors count most.",
    "rmse": "The root of the mean squared error: a typical error{unit}, in which large errors count more.",
    "mae": "Predictions are off by this much on average{unit}.",
    "r2": "The share of the variation of {target} that is explained: 1 is perfect, 0 is no better than "
    "always predicting the mean, and less is worse.",
    "mape": "The mean error as a share of the actual value: 0.1 is 10 %.",
    "rmsle": "The root of the mean squared error of log(1 + value): about the relative error.",
    "median_ae": "Half of the predictions are off by less than this{unit}.",
    "max_error": "The largest error of any row{unit}.",
    "explained_variance": "As R², but a shift that all predictions share does not count.",
    "pinball": "The loss of predictions of the {quantile} quantile: an error below it costs {quantile}, one above it "
    "{rest}, for each unit{unit}.",
    "poisson_deviance": "How far the predictions are from counts, as Poisson regression measures it: 0 is perfect.",
    "d2_absolute_error": "The share of the mean absolute error that is saved, compared with always predicting the "
    "median: 1 is perfect.",
    "d2_pinball": "The share of the pinball loss that is saved, compared with always predicting the quantile "
    "{quantile}: 1 is perfect.",
    "d2_poisson": "The share of the Poisson deviance that is saved, compared with always predicting the mean: 1 is "
    "perfect.",
}
"""By the name of the metric; of one at a quantile, without the quantile."""


def explain_metric(metric: Metric, target: str, unit: str | None) -> str:
    """Return what a metric of the predictions of `target` means; `unit` is that of the target, if it is known."""
    quantile = metric.arguments.get("alpha", 0.5)
    family = metric.name if metric.name in MEANINGS else metric.name.rpartition("_")[0]
    otherwise = f"{'Greater' if metric.greater_is_better else 'Smaller'} is better."  # a metric of the user's own
    words = {"target": target, "unit": f", in {unit}" if unit else f", in the unit of {target}"}
    return MEANINGS.get(family, otherwise).format(
        **words, quantile=f"{quantile:g}", rest=f"{round(1 - quantile, 12):g}"
    )
