"""
A day of a large sweep, by moving time: what the launcher buys, fetches and asks while things go wrong.

Real are the executor, the client of azure-ai-ml behind it, the processes of the launcher and their deaths, every
request over TLS to the loopback service, and the blob store. Moved is the time: nobody waits, a sleep moves the
service's clock, and tokens and secrets grow old by that clock. Simulated is what jobs do. Left out are Hydra, which
would compose thousands of cells for minutes, and the azure-core cache of tokens, which reads the machine's clock.

    plan        how many cells, on how many nodes, from which seed
    moved       one clock for the service and the launcher's processes
    launcher    a process that launches the cells
    accidents   what goes wrong, and when
    day         all of it together
    report      what was counted, and whether it is good enough
"""
