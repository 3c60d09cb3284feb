"""Which models share a fit, and how: a rule for each kind."""

from bikeml.search.rules.boosters import CatBoostRule, LightGBMRule, XGBoostRule
from bikeml.search.rules.boosting import GradientBoostingRule, HistGradientBoostingRule
from bikeml.search.rules.forests import AdaBoostRule, BaggingRule, ForestRule, PruningRule
from bikeml.search.rules.neighbors import NeighborsRule

BUILT_IN = (
    GradientBoostingRule(),
    HistGradientBoostingRule(),
    ForestRule(),
    AdaBoostRule(),
    BaggingRule(),
    PruningRule(),
    LightGBMRule(),
    XGBoostRule(),
    CatBoostRule(),
    NeighborsRule(),
)
