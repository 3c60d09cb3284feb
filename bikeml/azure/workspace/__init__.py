"""A workspace as it answers: login, limits, cluster, environment, datastore, store of runs."""
