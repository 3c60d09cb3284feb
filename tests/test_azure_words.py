"""What a user of a workspace is told, and what is kept from her: logins, plans, money, pages, and the client's noise."""

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import LoopbackAzureML
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.test_azure_launcher import ALIKE, CLUSTER, SWEEP, Main, names, recorded, succeed, sweep, workspace

pytestmark = pytest.mark.slow
"""Each test sweeps on the loopback Azure ML; CI runs them."""

__all__ = ["recorded", "succeed", "sweep", "workspace"]

WSID = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}"
Shown = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("AZURE_CLIENT_SECRET", "not-the-secret", "AADSTS7000215: Invalid client secret provided. Ensure the secret"),
        ("AZURE_CLIENT_SECRET", "", "secret should be a Microsoft Entra application's client secret"),
        ("AZURE_TENANT_ID", "11111111-2222-4333-8444-555555555555", "Unable to get authority configuration for https"),
    ],
)
def test_a_login_that_entra_refuses_is_told_in_entras_words(
    sweep: Main, monkeypatch: pytest.MonkeyPatch, capsys: Shown, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert sweep("model=linear") == 1
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if line.startswith("bikeml: ")]
    assert line.startswith(f"bikeml: the login to Azure is refused: {reason}")
    assert line.endswith("AZURE_CLIENT_SECRET if they are set, or else run az login")
    assert "Trace ID" not in shown.err
    assert "not-the-secret" not in shown.out + shown.err


def test_a_failed_login_prints_no_empty_leaderboard(
    sweep: Main, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-the-secret")
    assert sweep("model=linear,tree") == 1
    assert capsys.readouterr().out == ""


def test_a_browser_is_opened_where_nobody_is_logged_in_and_not_where_entra_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("azure.identity")
    from azure.core.exceptions import ClientAuthenticationError

    from bikeml.azure.jobs.service import ServiceError
    from bikeml.azure.workspace import login

    class Refused:
        reason = "Attempted credentials:\n\tEnvironmentCredential: Authentication failed: AADSTS7000222: It expired.\r\nTrace ID: 1"

        def get_token(self, *_: str, **__: Any) -> None:
            raise ClientAuthenticationError(self.reason)

    monkeypatch.setattr(login, "DefaultAzureCredential", Refused)
    monkeypatch.setattr(login, "InteractiveBrowserCredential", lambda: "a browser")
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stdin", terminal)
    credential = login.CachedCredential()
    with pytest.raises(ServiceError, match=r"^the login to Azure is refused: AADSTS7000222: It expired; check AZURE_"):
        credential.log_in()
    Refused.reason = "no account was found"
    with pytest.raises(
        ServiceError, match=r"nobody is logged in to Azure here; run az login, .*\(no account was found\)"
    ):
        credential.log_in()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    credential.log_in()
    assert credential._credential == "a browser"


def test_a_plan_exits_0_and_has_no_sweep_to_finish(bikeml_main: Main, capsys: Shown, workdir: Path) -> None:
    for sweeper in ("bikeml", "basic"):
        plan = (f"hydra/sweeper={sweeper}", "hydra.launcher.plan=true", f"hydra.sweep.dir={SWEEP}")
        assert bikeml_main("-m", *CLUSTER, *plan, "model=linear,tree") == 0
        shown = capsys.readouterr()
        assert shown.err == "bikeml: a plan: nothing was submitted; leave out hydra.launcher.plan=true to submit it\n"
        assert "compute  cpu-cluster: STANDARD_DS11_V2, up to 2 nodes, low_priority\n" in shown.out
        assert {path.name for path in workdir.glob("sweep/*")} <= {"multirun.yaml"}  # Hydra's own sweeper writes it


def test_a_plan_of_serverless_compute_names_no_limits_of_a_cluster(bikeml_main: Main, capsys: Shown) -> None:
    plan = ("hydra.launcher.plan=true", "azure.compute.name=null", "azure.compute.tier=dedicated")
    assert bikeml_main("-m", *CLUSTER, *plan, "model=linear") == 0
    assert "compute  serverless: STANDARD_DS11_V2, dedicated\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("price", "cost"), [("null", "6 node hours;"), ("0.25", "6 node hours, 1.50 at azure.price_per_node_hour=0.25;")]
)
def test_a_plan_tells_the_most_that_it_may_cost_also_in_money(
    bikeml_main: Main, capsys: Shown, price: str, cost: str
) -> None:
    plan = ("hydra.launcher.plan=true", f"azure.price_per_node_hour={price}", "hydra.launcher.max_jobs=2")
    assert bikeml_main("-m", *CLUSTER, *plan, "model=linear,tree") == 0  # just as many jobs as are allowed
    assert f"at most  {cost} hydra.launcher.max_node_hours=1000 allows no more" in capsys.readouterr().out


def test_a_launch_that_may_cost_too_much_says_so_in_money(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown
) -> None:
    assert sweep("model=linear", "hydra.launcher.max_node_hours=1", "azure.price_per_node_hour=1234") == 1
    error = capsys.readouterr().err
    assert (
        "may take 3 node hours, 3,702.00 at azure.price_per_node_hour=1234, and hydra.launcher.max_node_hours=1"
        in error
    )
    assert names(workspace) == []


@pytest.mark.parametrize("price", ["-1", ".nan", ".inf", "cheap"])
def test_a_price_is_a_number(sweep: Main, workspace: LoopbackAzureML, capsys: Shown, price: str) -> None:
    assert sweep("model=linear", f"azure.price_per_node_hour={price}") == 2
    assert "azure.price_per_node_hour=" in capsys.readouterr().err
    assert workspace.log.entries == []


@pytest.mark.long
@pytest.mark.slow  # a sweep in a process of its own
@pytest.mark.usefixtures("workspace")
def test_redirected_output_has_no_colour_codes_and_no_blank_lines() -> None:
    command = [sys.executable, "-m", "bikeml", "-m", *CLUSTER, "hydra.sweep.dir=sweep", "model=linear"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if not line.strip()] == []


@pytest.mark.long
@pytest.mark.slow  # an MLflow server must start
@pytest.mark.usefixtures("workspace")
def test_a_run_in_the_workspace_is_looked_at_in_the_studio(bikeml_main: Main, capsys: Shown) -> None:
    assert bikeml_main("tracking=azureml", "evaluation.bootstrap_samples=100") == 0
    shown = capsys.readouterr().out
    (run,) = re.findall(r"run  ([0-9a-f]{32}) in azureml", shown)
    assert f"look  https://ml.azure.com/runs/{run}?wsid={WSID}\n" in shown
    assert "mlflow ui" not in shown


@pytest.mark.long
@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        pytest.param("none", None, marks=ALIKE),
        pytest.param("user", {"identityType": "UserIdentity"}, marks=ALIKE),
        ("managed", {"identityType": "Managed"}),
    ],
)
def test_a_job_has_the_identity_that_is_asked_for(
    sweep: Main, workspace: LoopbackAzureML, identity: str, expected: dict[str, str] | None
) -> None:
    assert sweep("model=linear", f"azure.identity={identity}") == 0
    (job,) = workspace.jobs.by_name.values()
    found = job.spec.get("identity")
    assert found == expected or {key: value for key, value in found.items() if value} == expected
    assert workspace.workspace.clusters["cpu-cluster"].has_identity == (identity == "managed")


@pytest.mark.long
def test_a_managed_identity_that_the_cluster_lacks_is_named(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown
) -> None:
    assert sweep("model=linear") == 0
    assert sweep("model=rf", "azure.identity=managed") == 1
    assert "The requested identity has not been assigned to this resource" in capsys.readouterr().out


def test_another_identity_is_refused(bikeml_main: Main, capsys: Shown) -> None:
    assert bikeml_main("-m", *CLUSTER, "model=linear", "azure.identity=mine") == 2
    assert "azure.identity='mine' should be 'user', 'managed' or 'none'" in capsys.readouterr().err
