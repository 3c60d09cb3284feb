"""
Sweeps, data, models and endpoints on an Azure ML workspace.

    jobs        the names and states of jobs, the Service protocol, and the executor, which submits the missing jobs
                and waits for them, also after lost replies; imports no azure library
    workspace   the service itself: login, connection, client, assets and the store of runs
    launch      run a sweep as jobs, each cell exactly once; the launcher is the class that Hydra finds
    endpoint    serve a model: endpoints, deployments, and the code that runs there
    tasks       the tasks of the command line with a workspace
"""
