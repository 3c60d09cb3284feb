"""Run one experiment: check the estimators, build the pipeline, fit, judge, and write the model."""
