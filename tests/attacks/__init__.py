"""
Seeded attacks on the commands of bikeml; scripts/attack.py runs them.

    session     draws the cases of a kind of attack by seed and number, runs each and counts what came of it
    forked      runs one command in a child process and says how it ended
    kinds       the kinds of attack by name: a new one is a function there
    records     files and values that are read back, altered between two commands
    worlds      folders with runs, sweeps and a store, laid out anew for each case
    commands    the commands that read them; figures: what each shows
    mutations   what is done to a file; `values` and `rows` to a value in JSON or YAML, and in a database
"""
