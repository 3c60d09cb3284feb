"""What a contributor and CI are told to do is what the project does."""

import re
import tomllib

import pytest
import yaml

import bikeml
from tests.conftest import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text())


def test_the_workflow_runs_ci_on_the_oldest_python_that_is_supported():
    job = read_yaml(".github/workflows/ci.yml")["jobs"]["ci"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert f">={job['strategy']['matrix']['python'][0]}" == project["requires-python"]


def test_the_workflow_audits_the_whole_lock_each_week():
    workflow = read_yaml(".github/workflows/ci.yml")
    (audit,) = [step["run"] for step in workflow["jobs"]["audit"]["steps"] if "pip_audit" in step.get("run", "")]
    assert "--strict" in audit
    assert audit.endswith("-r requirements-all.lock")
    assert workflow[True]["schedule"]  # YAML 1.1 reads the key `on` so


def test_the_hooks_do_what_scripts_check_does():
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    hooks = [hook["entry"] for hook in repository["hooks"]]
    checks = [line.removesuffix(" .") for line in (ROOT / "scripts/check").read_text().splitlines() if ".venv" in line]
    assert hooks == checks


def test_the_citation_names_this_version():
    citation = read_yaml("CITATION.cff")
    assert (citation["title"], citation["version"]) == ("bikeml", bikeml.__version__)


@pytest.mark.parametrize("text", [CONTRIBUTING, (ROOT / ".ci/run").read_text(), (ROOT / "scripts/test").read_text()])
def test_every_script_and_test_that_is_named_exists(text):
    named = set(re.findall(r"(?:scripts|tests|\.ci)/[\w.*]*\w", text))
    assert named
    assert [name for name in sorted(named) if not list(ROOT.glob(name))] == []


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_an_issue_template_asks_at_least_one_thing(name):
    form = read_yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    assert any(part["validations"]["required"] for part in form["body"] if "validations" in part)


def test_security_names_the_variable_that_widens_what_a_config_may_name():
    from bikeml.experiment.trusted.packages import ALLOWED_PACKAGES, ALLOWED_PACKAGES_VARIABLE

    assert ALLOWED_PACKAGES == ("sklearn", "skrub", "lightgbm", "xgboost", "catboost")
    assert f"`{ALLOWED_PACKAGES_VARIABLE}`" in SECURITY
