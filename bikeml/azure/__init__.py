"""
Sweeps on an Azure ML workspace: every cell one job, exactly once.

    jobs        what a job is called, how it stands, what the service must do; pure
    executor    submit what is missing and wait for it, whatever gets lost on the way; pure, and made of
                ledger (what is known), finder, patience (a service that waits), explainer (why a job waits), conclusion
                (what a job's end means), verdict (what the service says of an end) and pace
    limits      what the service takes of names and values; pure
    snapshot    the code that jobs run; requirements: the packages, which `packages` installs where they are missing
    client      the service itself; with artifacts, cluster, connection, login and refusals the only modules that
                import azure
    story       the story of a launch, which recorder writes into the cells' folders
    launcher    the shell that Hydra finds
"""
