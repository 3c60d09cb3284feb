"""Compose the configuration with Hydra, and turn the errors of Hydra, OmegaConf and YAML into ConfigErrors."""

from bikeml.config.composition.checked_loader import ALLOW_VARIABLE, is_all_allowed
from bikeml.config.composition.composing import (
    choices,
    compose,
    hydra_config_of,
    hydra_set_aside,
    resolve,
    run_folder,
)
from bikeml.config.composition.explanation import COMPOSITION_ERRORS, OPTIONS, explain
from bikeml.config.composition.loader import checked_files
from bikeml.config.composition.options import (
    config_dir,
    find_own_folder,
    read_comments,
    read_key_comments,
    refuse_unknown_options,
)

__all__ = [
    "ALLOW_VARIABLE",
    "COMPOSITION_ERRORS",
    "OPTIONS",
    "checked_files",
    "choices",
    "compose",
    "config_dir",
    "explain",
    "find_own_folder",
    "hydra_config_of",
    "hydra_set_aside",
    "is_all_allowed",
    "read_comments",
    "read_key_comments",
    "refuse_unknown_options",
    "resolve",
    "run_folder",
]
