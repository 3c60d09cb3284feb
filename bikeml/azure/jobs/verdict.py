"""What the service says of the end of a job that left no result, and what that means; it asks nobody."""

import re
from dataclasses import dataclass
from typing import Any

NEAR_LIMIT = 0.98
"""Of a job's limit: the service's stamps are of other moments than those between which it measures."""
_LOST_NODE_CODE = re.compile(r"pre-?empt|evict", re.IGNORECASE)
_LOST_NODE = re.compile(
    r"pre-?emption ?error|pre-?emption warning|\b(?:nodes?|jobs?|vms?|machines?|instances?)\b[^.:]{0,60}\bpre-?empted"
    r"|\b(?:nodes?|vms?|machines?|instances?)\b[^.:]{0,60}\bevicted",
    re.IGNORECASE,
)
"""
What a lost node of low priority is called: MachineLearningNotebooks 1242, azure-docs 66288 and MLOpsPython 346 have
"PreemptionError: Nodes of this job got pre-empted. ... Received pre-emption warning signal"; nodes of low priority are
Spot machines since 2026 (azure-ai-docs 806), which are evicted.
"""
_USERS_WORDS = re.compile(
    r"user (?:process|program|script)|execution failed|exited with|exit code|traceback|user_logs|std_log",
    re.IGNORECASE,
)
"""From where on a message repeats what the job itself said, which proves nothing."""


@dataclass(frozen=True)
class Verdict:
    """The service's own account of a job's end."""

    codes: tuple[str, ...] = ()
    """Of the error and of those inside of it."""
    messages: tuple[str, ...] = ()
    """Of the same errors, the outermost first."""
    minutes: float | None = None
    """For how long the job ran."""

    @property
    def has_lost_node(self) -> bool:
        """Whether the job provably lost its node; what the job itself said does not count."""
        own_words = [_USERS_WORDS.split(message, maxsplit=1)[0] for message in self.messages]
        return any(map(_LOST_NODE_CODE.search, self.codes)) or any(map(_LOST_NODE.search, own_words))

    def has_outrun(self, limit_minutes: float | None) -> bool:
        """Whether the job ran for all the time that it had; no public report shows in what words that is said."""
        if limit_minutes is None or self.minutes is None:
            return False
        return self.minutes >= NEAR_LIMIT * limit_minutes


def read_verdict(error: Any, minutes: float | None) -> Verdict:  # noqa: ANN401  azure-ai-ml has one class for each level
    """Return the verdict of an error of the run history: its code and message, those inside of it and beside it."""
    codes, messages, waiting = list[str](), list[str](), [error]
    for each in waiting:  # which grows
        if each is not None:
            codes += [str(each.code)] if each.code else []
            messages += [str(each.message)] if getattr(each, "message", None) else []
            waiting += [*(getattr(each, "details", None) or ()), each.inner_error]
    return Verdict(tuple(codes), tuple(messages), minutes)
