"""What the service that waits adds to the one around which it stands."""

from dataclasses import replace

import pytest

from bikeml.azure.jobs.finder import find_listed
from bikeml.azure.jobs.patience import PatientService
from bikeml.azure.jobs.service import Job, QuotaError, ServiceError
from bikeml.errors import ClusterError
from tests.launches import POLICY

AWAY = ServiceError("no answer", temporary=True)
RUNNING, DONE, OTHER = Job("a", "Running", {}), Job("a", "Completed", {}), Job("b", "Running", {})


class Script:
    """A service that gives prepared answers one after the other; an error among them is raised."""

    def __init__(self, *answers):
        self.answers, self.calls, self.now = list(answers), 0, 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def _answer(self, *_):
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    get_job = cancel_job = explain_queue = find_build_log = find_verdict = _answer

    def list_jobs(self, _tag):
        for each in self._answer():
            if isinstance(each, Exception):
                raise each
            yield each


def patient(script, told=None, **policy):
    return PatientService(script, replace(POLICY, **policy), script, (told if told is not None else []).append)


def test_an_outage_is_waited_for_and_told_once():
    script, told = Script(AWAY, AWAY, DONE, AWAY, DONE), []
    service = patient(script, told, patience_minutes=1, poll_seconds=10)
    assert (service.get_job("a"), service.get_job("a")) == (DONE, DONE)
    assert told == ["waiting for up to 1 minutes: no answer"]
    assert script.now == 30


def test_a_list_begins_again_after_an_outage_and_shows_each_job_as_it_stands_then():
    script = Script([RUNNING, AWAY], [DONE, OTHER, AssertionError("nobody reads further")])
    assert find_listed(patient(script), ["tag"], {"a", "b"}) == {"a": DONE, "b": OTHER}


def test_a_list_of_which_nothing_is_missing_is_not_asked_for():
    script = Script()
    assert find_listed(patient(script), ["tag"], set()) == {}
    assert script.calls == 0


@pytest.mark.parametrize("call", ["cancel_job", "find_build_log"])
def test_what_is_no_loss_without_an_answer_is_asked_for_once(call):
    script = Script(AWAY, DONE)
    with pytest.raises(ServiceError, match="no answer"):
        getattr(patient(script), call)("a")
    assert (script.calls, script.now) == (1, 0)


@pytest.mark.parametrize(
    ("error", "policy", "raised", "message"),
    [
        (ServiceError("refused", temporary=False), {}, ServiceError, "^refused$"),
        (QuotaError("full"), {"on_quota": "stop"}, QuotaError, "^full; or wait for room with hydra.launcher.on_quota=wait"),
        (QuotaError("full"), {"on_quota": "wait"}, ClusterError, "^there has been no room for 1 minutes: full"),
        (AWAY, {}, ClusterError, "^the workspace has not answered for 1 minutes: no answer"),
    ],
)  # fmt: skip
def test_what_is_not_waited_for_any_longer_is_raised(error, policy, raised, message):
    with pytest.raises(raised, match=message):
        patient(Script(*[error] * 100), patience_minutes=1, poll_seconds=10, **policy).find_verdict("a")


def test_when_patience_has_ended_nothing_is_asked_again():
    script = Script(AWAY, DONE)
    service = patient(script)
    service.end()
    with pytest.raises(ServiceError, match="no answer"):
        service.get_job("a")
