"""
Sweeps, data, models and endpoints on an Azure ML workspace.

    jobs        what a job is called, how it stands and what the service must do; the executor submits what is missing
                and waits for it, whatever gets lost on the way; pure
    workspace   the service itself: login, connection, client, assets and the store of runs
    launch      a sweep as jobs, each cell exactly once; the launcher is what Hydra finds
    endpoint    a model that answers requests: endpoints, deployments, and the code that runs there
    tasks       what the command line does with a workspace
"""
