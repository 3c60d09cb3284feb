"""What the service says of a job's end, and what is made of it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.azure.jobs.verdict import LOG_LINES, Verdict, find_last_words, read_verdict

REPORTED = "Nodes of this job got pre-empted. Check if the run has failed or restarted. Reason: Received pre-emption warning signal"
LOST = [
    f"AzureMLCompute job failed. PreemptionError: {REPORTED}",
    f"UserError: AzureMLCompute job failed.\nPreemptionError: {REPORTED}.",
    "AZUREMLCOMPUTE JOB FAILED. PREEMPTIONERROR",
    "Received pre-emption warning signal",
    "received preemption warning",
    "The node was preempted while the job was running.",
    "This job has been preempted.",
    "Two of the VMs were pre-empted",
    "The Spot VM of node 0 was evicted.",
]
USERS = [
    f"Execution failed. User process 'python' exited with status code 1. Error: PreemptionError: {REPORTED}",
    "User program failed with RuntimeError: the node was preempted",
    "Execution failed. User process exited with code 1. bikeml: nodes of this job got pre-empted",
    "Please check log file 'user_logs/std_log.txt' for error details. Error: job was preempted",
    "JobFailed: Submitted script failed with a non-zero exit code; see the driver log file. The job was preempted",
]
TRACEBACK = ["Traceback (most recent call last):", "  File", "ModuleNotFoundError: No module named 'optuna'"]
OTHERS = [
    "",
    "The node ran out of memory.",
    "Preemptive scheduling is not supported",
    "The pod was evicted: DiskPressure",
]


@pytest.mark.parametrize("message", LOST)
def test_a_lost_node_is_recognised_by_every_known_wording(message):
    assert Verdict(("UserError",), (message,)).has_lost_node
    assert Verdict(("UserError", "x"), ("AzureMLCompute job failed.", message)).has_lost_node, "inside of another"


@pytest.mark.parametrize("code", ["PreemptionError", "NodePreempted", "preempted", "Pre-Empted", "SpotEviction"])
def test_a_lost_node_is_recognised_by_its_code(code):
    assert Verdict(("UserError", code), ("AzureMLCompute job failed.",)).has_lost_node


@pytest.mark.parametrize("message", USERS + OTHERS)
def test_what_the_job_itself_said_is_no_lost_node(message):
    assert not Verdict(("UserError",), (message,)).has_lost_node


@given(st.sampled_from(USERS), st.text())
def test_no_text_of_a_job_makes_a_lost_node_of_its_failure(message, text):
    assert not Verdict(("UserError",), (message + text,)).has_lost_node


@pytest.mark.parametrize(
    ("minutes", "limit", "expected"),
    [(60, 60, True), (61.2, 60, True), (59.2, 60, True), (58, 60, False), (3, None, False), (None, 60, False)],
)
def test_a_job_that_ran_for_all_its_time_has_outrun_it(minutes, limit, expected):
    assert Verdict(minutes=minutes).has_outrun(limit) is expected


def error(code, message=None, details=(), inner=None):
    return SimpleNamespace(code=code, message=message, details=details, inner_error=inner)


def test_codes_and_messages_are_read_at_every_depth():
    inner = SimpleNamespace(code="ComputeError", inner_error=SimpleNamespace(code="PreemptionError", inner_error=None))
    read = read_verdict(error("UserError", "outer", [error("Detail", "inside"), error(None)], inner), 5.0)
    assert read == Verdict(("UserError", "Detail", "ComputeError", "PreemptionError"), ("outer", "inside"), 5.0)
    assert read_verdict(None, None) == Verdict()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (["a", "bikeml: in the experiment", "bikeml: no column 'x'", "        it has 'y'", "b"], slice(2, 4)),
        (["bikeml: in the experiment", *TRACEBACK], slice(0, None)),
        ([*["a"] * 20, "killed"], slice(-LOG_LINES, None)),
        ([], slice(0, None)),
    ],
    ids=["an error of ours", "a traceback", "no words of ours", "nothing"],
)
def test_the_last_words_of_a_job_are_its_error_and_no_notice_before_it(log, said):
    assert find_last_words(log) == log[said]
