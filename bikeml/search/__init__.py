"""
A grid search that fits once where scikit-learn fits many times, with the same result to the last bit.

It needs nothing of bikeml and is useful on its own:

    search = SharedFitGridSearchCV(GradientBoostingRegressor(random_state=0), {"n_estimators": [20, 50, 100]})
    search.fit(X, y)
    search.explain()

Each module knows one thing:

    estimator     SharedFitGridSearchCV: the story of one search
    plan          which candidates share a fit, and why the others do not
    rules         what one fit can serve: a small class per kind of model, open to others
    determinism   what surely gives the same result when it is fitted again
    layers        where the model sits inside pipelines and target transformers
    cache         a pipeline's fitted transformers, kept for one setting and fold
    evaluate      one setting on one fold: fit, cut to each size, score
"""

from bikeml.search.determinism import register_deterministic
from bikeml.search.estimator import SharedFitGridSearchCV
from bikeml.search.rules import SharingRule, register_rule

__all__ = ["SharedFitGridSearchCV", "SharingRule", "register_deterministic", "register_rule"]
