"""The sweepers that Hydra calls for -m: every combination once, or what Optuna proposes."""
