"""The pages of docs/: every command, setting, message and link that they name is there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.conftest import DAILY, ROOT

PAGE = ROOT / "docs" / "azure.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in TEXT.splitlines() if re.match(r" {4}(python|az|pip) ", line)]
OURS = [shlex.split(line)[2:] for line in COMMANDS if line.startswith("python -m bikeml")]
"""Our commands, from the module's name on."""
AZ = {
    "az account set": {"--subscription"},
    "az ad sp create-for-rbac": {"--name", "--role", "--scopes"},
    "az ad sp delete": {"--id"},
    "az extension add": {"--name"},
    "az group create": {"--name", "--location"},
    "az group delete": {"--name"},
    "az login": set(),
    "az ml compute delete": {"--name", "--resource-group", "--workspace-name"},
    "az ml compute list-sizes": {"--resource-group", "--workspace-name"},
    "az ml compute list-usage": {"--resource-group", "--workspace-name"},
    "az ml workspace create": {"--name", "--resource-group"},
    "az provider register": {"--namespace", "--wait"},
    "az role assignment create": {"--assignee", "--role", "--scope"},
}
"""Commands of azure-cli with the options that the page may use: by --help of 2.91.0; of its extension ml by Azure's docs."""
AZURES_OWN = {
    "AuthorizationFailed",
    "ClusterCoreQuotaReached",
    "quota",
    "TasksOperationsNotAllowed",
    "Queued",
    "OutOfQuota",
}
"""What the table of errors quotes from the service."""


def settings() -> set[str]:
    """Return the settings of a workspace and of its launcher, as they are written in an override."""
    files = {"azure": "azure/workspace.yaml", "hydra.launcher": "hydra/launcher/azureml.yaml"}
    found = set()
    for prefix, file in files.items():
        found |= set(flatten(prefix, yaml.safe_load((ROOT / "conf" / file).read_text(encoding="utf-8"))))
    return found


def flatten(prefix: str, values: Any) -> list[str]:
    if not isinstance(values, dict):
        return [prefix]
    return [prefix, *(name for key, value in values.items() for name in flatten(f"{prefix}.{key}", value))]


def test_every_command_of_azures_is_one_that_was_checked() -> None:
    for command in (line for line in COMMANDS if line.startswith("az ")):
        (name,) = (known for known in AZ if command.startswith(known))
        assert {word for word in shlex.split(command) if word.startswith("--")} <= AZ[name], command


def test_every_setting_is_one() -> None:
    named = set(
        re.findall(r"\b((?:azure|hydra\.launcher)\.[a-z_]+(?:\.[a-z_]+)*)\b", re.sub(r"\(\S+\)|<\S+>", "", TEXT))
    )
    assert len(named) > 15
    assert named - settings() == set()


def test_every_message_in_the_table_of_errors_is_one_of_ours_or_azures() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]* \| [^|]+ \|$", TEXT.split("## What errors mean")[1], re.MULTILINE)[1:]
    quoted = {message for row in rows for message in re.findall("`([^`]+)`", row)} - AZURES_OWN
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "bikeml").rglob("*.py")]
    source = re.sub(r'"\n\s+f?"', "", "\n".join(sources)).replace("{minutes:g}", "60")
    assert len(quoted) > 7
    assert [message for message in quoted if message not in source] == []


def test_every_link_to_a_file_leads_to_one() -> None:
    links = re.findall(r"\]\(((?!https:)[^)]+)\)", TEXT)
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        content = (PAGE.parent / file).resolve().read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in content.splitlines()
        }
        assert not anchor or anchor in headings


def test_the_readme_leads_here() -> None:
    assert "](docs/azure.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_plan_tells_what_the_page_says(bikeml_main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")
    (plan,) = (words for words in OURS if "hydra.launcher.plan=true" in words)
    assert bikeml_main(*(word.replace("PRICE", "0.5") for word in plan[1:])) == 0
    assert "3 node hours, 1.50 at azure.price_per_node_hour=0.5" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_page_walks_from_an_empty_workspace_to_an_answer_and_back(azureml: LoopbackAzureML, workdir: Path) -> None:
    shutil.copy(DAILY, workdir / "NEW.csv")
    shown = [run(azureml, words) for words in OURS]
    assert json.loads((workdir / "config.json").read_text())["workspace_name"] == WORKSPACE
    assert len(azureml.jobs.by_name) == 6, "the cell of the first job was not bought again"
    assert {job.status for job in azureml.jobs.by_name.values()} == {"Completed"}
    answers = next(out for words, out in zip(OURS, shown, strict=True) if "invoke" in words)
    assert len(json.loads(answers.splitlines()[-1])) == 731
    assert azureml.store.under("onlineEndpoints") == []


def run(azureml: LoopbackAzureML, words: list[str]) -> str:
    """Give a command of the page, with the names of the loopback's workspace."""
    names = {
        "SUBSCRIPTION_ID": SUBSCRIPTION,
        "group=bikeml": f"group={GROUP}",
        "name=bikeml": f"name={WORKSPACE}",
        "PRICE": "0.5",
    }
    for name, value in names.items():
        words = [word.replace(name, value) for word in words]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout
