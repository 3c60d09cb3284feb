"""
Take secrets out of all that is shown or recorded: at their places, and by their values wherever they show.

    names    which names are those of secrets
    places   where secrets stand in a text: in addresses, and behind such names
    forms    how a value can be written: percent-encoded, escaped, quoted, in base64
    known    the values that came in as secrets: they are hidden in every text

What comes in is learned: the environment, the words of a command, the values of a config, the keys that a service
hands out. A value of less than eight characters is hidden at its place only, and so is one that determines the result.
"""

from bikeml.system.redaction.known import (
    MASK,
    forget,
    hide,
    hide_values,
    holds_known,
    learn,
    learn_environment,
    learn_value,
    mask,
    recall,
    redact,
    spare,
    take_over,
)

__all__ = [
    "MASK",
    "forget",
    "hide",
    "hide_values",
    "holds_known",
    "learn",
    "learn_environment",
    "learn_value",
    "mask",
    "recall",
    "redact",
    "spare",
    "take_over",
]
