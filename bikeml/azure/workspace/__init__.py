"""An Azure ML workspace: login, connection, client, cluster, packages, models, and its store of runs."""
