"""
Search a grid as scikit-learn does, with fewer fits and the same result to the last bit.

The package does not depend on the rest of bikeml:

    search = SharedFitGridSearchCV(GradientBoostingRegressor(random_state=0), {"n_estimators": [20, 50, 100]})
    search.fit(X, y)
    search.explain()

Its modules:

    estimator     SharedFitGridSearchCV: plan, evaluate, rank, refit
    plan          which candidates share a fit, and why the others do not
    rules         SharingRule, the registry of rules, to which users can add, and one for each kind of model;
                  also which estimators give the same result when they are fitted again
    layers        find and replace the model inside pipelines and target transformers
    cache         the fitted transformers of one setting and fold
    evaluate      one group of candidates on one fold
    sharing       one fit for a group: cut it to each size, and score
    stages        the predictions of the cut models, each stage computed once
"""

from bikeml.search.estimator import SharedFitGridSearchCV
from bikeml.search.rules import BUILT_IN
from bikeml.search.rules.determinism import register_deterministic
from bikeml.search.rules.rule import SharingRule, register_rule

__all__ = ["SharedFitGridSearchCV", "SharingRule", "register_deterministic", "register_rule"]

for _rule in BUILT_IN:
    register_rule(_rule)
