"""
A grid search that fits once where scikit-learn fits many times, with the same result to the last bit.

It needs nothing of bikeml and is useful on its own:

    search = SharedFitGridSearchCV(GradientBoostingRegressor(random_state=0), {"n_estimators": [20, 50, 100]})
    search.fit(X, y)
    search.explain()

Each module knows one thing:

    estimator     SharedFitGridSearchCV: the story of one search
    plan          which candidates share a fit, and why the others do not
    rules         what one fit can serve, and the table of it, which is open to others
    models        the rules for scikit-learn's own models, a small class for each kind
    determinism   what surely gives the same result when it is fitted again
    layers        where the model sits inside pipelines and target transformers
    cache         a pipeline's fitted transformers, kept for one setting and fold
    evaluate      one setting on one fold: fit, cut to each size, score
    stages        what the cut models predict, each stage computed once
"""

from bikeml.search.determinism import register_deterministic
from bikeml.search.estimator import SharedFitGridSearchCV
from bikeml.search.models import SKLEARN_RULES
from bikeml.search.rules import SharingRule, register_rule

__all__ = ["SharedFitGridSearchCV", "SharingRule", "register_deterministic", "register_rule"]

for _rule in SKLEARN_RULES:
    register_rule(_rule)
