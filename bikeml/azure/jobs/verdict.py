"""Interpret what the service says of the end of a job without a result. Does not call the service."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

NEAR_LIMIT = 0.98
"""The part of a job's limit that counts as all of it: the service's time stamps are not quite what it measures."""
_LOST_NODE_CODE = re.compile(r"pre-?empt|evict", re.IGNORECASE)
_LOST_NODE = re.compile(
    r"pre-?emption ?error|pre-?emption warning|\b(?:nodes?|jobs?|vms?|machines?|instances?)\b[^.:]{0,60}\bpre-?empted"
    r"|\b(?:nodes?|vms?|machines?|instances?)\b[^.:]{0,60}\bevicted",
    re.IGNORECASE,
)
"""
The service's words for a lost node of low priority.

MachineLearningNotebooks 1242, azure-docs 66288 and MLOpsPython 346 have "PreemptionError: Nodes of this job got
pre-empted. ... Received pre-emption warning signal". Nodes of low priority are Spot machines since 2026 (azure-ai-docs
806), which are evicted.
"""
_USERS_WORDS = re.compile(
    r"user (?:process|program|script)|execution failed|exited with|exit code|traceback|user_logs|std_log",
    re.IGNORECASE,
)
"""From here on a message repeats what the job itself said, which proves nothing."""
LOG_LINES = 12
"""So many are shown of the log of a job whose error is no message of bikeml."""


@dataclass(frozen=True)
class Verdict:
    """The service's own account of a job's end."""

    codes: tuple[str, ...] = ()
    """The codes of the error and of those inside it."""
    messages: tuple[str, ...] = ()
    """The messages of the same errors, the outermost first."""
    minutes: float | None = None
    """How long the job ran."""

    @property
    def has_lost_node(self) -> bool:
        """Whether the job provably lost its node; what the job itself said does not count."""
        own_words = [_USERS_WORDS.split(message, maxsplit=1)[0] for message in self.messages]
        return any(map(_LOST_NODE_CODE.search, self.codes)) or any(map(_LOST_NODE.search, own_words))

    def has_outrun(self, limit_minutes: float | None) -> bool:
        """Whether the job used all of its time. The service's words for that are not known from any public report."""
        if limit_minutes is None or self.minutes is None:
            return False
        return self.minutes >= NEAR_LIMIT * limit_minutes


def read_verdict(error: Any, minutes: float | None) -> Verdict:  # noqa: ANN401  azure-ai-ml has one class for each level
    """Return the codes and messages of an error of the run history, and of the errors inside it and beside it."""
    codes, messages, waiting = list[str](), list[str](), [error]
    for each in waiting:  # the list grows
        if each is not None:
            codes += [str(each.code)] if each.code else []
            messages += [str(each.message)] if getattr(each, "message", None) else []
            waiting += [*(getattr(each, "details", None) or ()), each.inner_error]
    return Verdict(tuple(codes), tuple(messages), minutes)


def find_last_words(log: Sequence[str]) -> Sequence[str]:
    """Return bikeml's last message in the lines of a log; the last lines if it has none, or a traceback follows it."""
    said = [number for number, line in enumerate(log) if line.startswith("bikeml: ")]
    message = log[said[-1] :] if said else []
    if not message or any(line.startswith("Traceback ") for line in message):
        return log[-LOG_LINES:]
    return [message[0], *takewhile(lambda line: line.startswith(" "), message[1:])]
