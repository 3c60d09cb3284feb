"""Run the search of an experiment: rounds of candidates, a checkpoint, and a budget of seconds."""
