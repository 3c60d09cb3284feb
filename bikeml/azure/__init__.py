"""
Sweeps on an Azure ML workspace: every cell one job, exactly once.

    jobs        what a job is called, how it stands, what the service must do; pure
    executor    submit what is missing and wait for it, whatever gets lost on the way; pure
    snapshot    the code and the packages that jobs run with
    client      the service itself: the only module that imports azure
    launching   the story of a launch
    launcher    the shell that Hydra finds
"""
