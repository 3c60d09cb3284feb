"""README and the pages of docs/: each command, setting, message, link and picture that they name is there."""

import importlib.util
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
from tests.azureml.fixtures import tolerate_client_warnings
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.conftest import DAILY, ROOT
from tests.pages import PAGES, README, matches, read_blocks, read_commands, read_prose, split_ours

DOCS = ROOT / "docs"
AZURE = DOCS / "azure.md"
TEXT = AZURE.read_text(encoding="utf-8")
COMMANDS = [command for block in read_blocks(AZURE) for command in block.commands]
OURS = [command for command in COMMANDS if split_ours(command) is not None]
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


has_azure = importlib.util.find_spec("azure") is not None and importlib.util.find_spec("azure.ai") is not None
needs_azure = pytest.mark.skipif(not has_azure, reason="the azure extra is not installed")


@pytest.fixture(autouse=True)
def _client_warnings_pass() -> None:
    if has_azure:
        tolerate_client_warnings()


# All pages


def test_the_readme_is_read_in_three_minutes() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_leads_to_every_page() -> None:
    named = set(re.findall(r"`(docs/[\w-]+\.md)`", README.read_text(encoding="utf-8")))
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES if page != README}
    assert named == pages - {"docs/index.md"}  # the site's


def test_the_site_leads_to_every_page() -> None:
    index = next(page for page in PAGES if page.name == "index.md").read_text(encoding="utf-8")
    named = index.partition(":maxdepth: 1\n")[2].partition("```")[0].split()
    assert sorted(named) == sorted(page.stem for page in PAGES if page not in (README, DOCS / "index.md"))


def test_the_page_of_licences_has_each_package_of_the_lock() -> None:
    from docs.make.licences import ALL, LINE, read_lock

    rows = LINE.findall((DOCS / "licences.md").read_text(encoding="utf-8"))[2:]
    lock = read_lock(ALL)
    assert [name for name, *_ in rows] == [*lock], "run python -m docs.make"
    assert [name for name, version, _ in rows if version not in lock[name]] == [], "run python -m docs.make"
    assert [name for name, _, licence in rows if licence == "not known"] == []


def test_a_page_of_licences_holds_in_environments_of_other_versions(monkeypatch) -> None:
    from importlib.metadata import PackageNotFoundError

    from docs.make import licences

    def has_none(_: str) -> None:
        raise PackageNotFoundError

    page = (DOCS / "licences.md").read_text(encoding="utf-8")
    monkeypatch.setattr(licences, "distribution", has_none)
    assert licences.describe_licences(page) in page


def test_every_link_of_the_readme_also_works_on_a_package_index() -> None:
    links = re.findall(r"\]\(([^)]+)\)", read_prose(README))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_picture_is_there_and_says_what_it_shows(page: Path) -> None:
    for picture in re.findall(r"<img [^>]+>", page.read_text(encoding="utf-8")):
        (source,) = re.findall(r'src="([^"]+)"', picture)
        assert (page.parent / source).is_file(), source
        assert re.search(r'alt="[^"]{40,}"', picture), picture


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_to_a_page_leads_to_one(page: Path) -> None:
    for link in re.findall(r"\]\(((?!https:)[^)]+)\)", read_prose(page)):
        file, _, anchor = link.partition("#")
        content = (page.parent / file).resolve().read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in content.splitlines()
        }
        assert not anchor or anchor in headings, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_code_span_is_broken_over_two_lines(page: Path) -> None:
    assert [line for line in read_prose(page).splitlines() if line.count("`") % 2] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_understood(page: Path, workdir: Path) -> None:
    from bikeml.cli.catalogue import TASKS, find_task
    from bikeml.cli.command import compose_task, read_overrides
    from bikeml.config.composition import compose

    for block in read_blocks(page):
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text)
    for command in filter(is_whole, read_commands(page)):
        words = split_ours(command) or []
        found = find_task(words)
        if found is None:
            compose(without_options(words))
        elif TASKS[found[0]].has_options and (has_azure or "azure" not in " ".join(words)):
            compose_task(found[0], TASKS[found[0]].load_options(), read_overrides(*found))
        if found and found[0] == "init":
            make_folder_of_ones_own(Path(words[1]))


def make_folder_of_ones_own(table: Path) -> None:
    """Leave what `init` would have left if there were the table."""
    Path("conf/data").mkdir(parents=True, exist_ok=True)
    Path(f"conf/data/{table.stem}.yaml").write_text(f"defaults: [csv, _self_]\npath: {table}\ntarget: y\n")
    Path("bikeml.yaml").write_text("config_dir: conf\n")


def is_whole(command: str) -> bool:
    """Tell whether a command of ours composes a config: not one that asks for help, or names a task in general."""
    words = split_ours(command)
    return bool(words) and not re.search(r"-sc |--help|--hydra-help|--cfg|TASK|FOLDER", command)


def without_options(words: list[str]) -> list[str]:
    """Return the overrides of an experiment's words, each axis of a sweep at its first value."""
    overrides = [f"hydra.searchpath=[file://{Path('my_conf').absolute()}]"] if "--config-dir" in words else []
    words = [word for word in words if "=" in word]
    for word in words:
        key, _, value = word.partition("=")
        value = re.sub(r".*interval\((.*?),.*", r"\1", value)
        first = value if value[:1] in "{['\"$" else value.split(",")[0]
        overrides.append(f"{key}={'linear' if first.startswith('glob') else first}")
    return overrides


@needs_azure
def test_the_generated_pages_are_current() -> None:
    from docs.make import generate

    stale = [page.name for page, text in generate().items() if page.read_text(encoding="utf-8") != text]
    assert stale == [], "run python -m docs.make"


def test_every_message_of_the_troubleshooting_page_is_one_of_ours() -> None:
    page = read_prose(DOCS / "troubleshooting.md")
    messages = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    assert len(messages) > 20
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "bikeml").rglob("*.py")]
    source = re.sub(r'"\n\s+f?"', "", "\n".join(sources)).replace("cannot {what}", "cannot record the run")
    assert [message for message in messages if not is_ours(message, source)] == []


def is_ours(message: str, source: str) -> bool:
    """Tell whether the words of a message stand in the source, in their order, with a value where an example is."""
    parts = re.split(r"'[^']*'?|=\S+|\.\.\.|\b\d+\b|data\.path|utf-8|bikeml\.log", message)
    words = [re.escape(part.strip(" ;?:")) for part in parts if len(part.strip(" ;?:")) > 4]
    return bool(words) and all(re.search(word, source) for word in words)


@pytest.mark.long
def test_the_site_builds_without_a_warning(workdir: Path) -> None:
    pytest.importorskip("sphinx", reason="the docs extra is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), "site"]
    done = subprocess.run(command, cwd=workdir, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SharedFitGridSearchCV" in (workdir / "site" / "api.html").read_text(encoding="utf-8")
    assert (workdir / "site" / "_images" / "report.png").is_file()


# docs/architecture.md


@pytest.mark.long
def test_the_additions_of_the_architecture_page_work(workdir: Path) -> None:
    """A model, a table, a metric, a task and a store are added to a copy as the page says, in at most two files each."""
    for name in ("bikeml", "conf"):
        shutil.copytree(ROOT / name, name, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = read_blocks(DOCS / "architecture.md")
    for block in blocks:
        if block.language == "diff":
            apply(block.text)
        elif block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
    code = (
        "import bikeml, json, os; from bikeml.config.composition import compose, resolve; "
        "from bikeml.config.schema import typed; from bikeml.tracking.backends import open_store; "
        "config = typed(resolve(compose(['tracking.uri=databricks', 'data=wine']))); "
        "os.environ['DATABRICKS_HOST'] = 'https://host/'; "
        "result = bikeml.run('model=huber', 'tracking=none', 'hydra.run.dir=out', 'evaluation.metrics=[r2,bias]'); "
        "print(json.dumps([bikeml.__file__, open_store(config).look('1', '2'), config.data.target, "
        "result.metrics['test_bias'], result.intervals['test_bias']]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, look, target, bias, (low, high) = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(workdir)
    assert (look, target) == ("https://host/ml/experiments/1/runs/2", "quality")
    assert low < bias < high
    done = subprocess.run([sys.executable, "-m", "bikeml", "show", "out"], capture_output=True, text=True, check=False)
    assert f"test_bias {bias}" in done.stdout.splitlines(), done.stderr


def apply(diff: str) -> None:
    """Change the one file of the copy that holds each line to be taken away."""
    hunks = [part for part in re.split(r"^@@.*\n", diff, flags=re.MULTILINE) if part]
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        (file,) = (file for file in Path("bikeml").rglob("*.py") if before in file.read_text(encoding="utf-8"))
        file.write_text(file.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


# docs/azure.md


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


@pytest.mark.slow
@needs_azure
def test_the_plan_tells_what_the_page_says(
    bikeml_main: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    (number,) = (i for i, block in enumerate(read_blocks(AZURE)) if "launcher.plan=true" in block.text)
    (command,) = read_blocks(AZURE)[number].commands
    assert bikeml_main(*(split_ours(command.replace("PRICE", "0.5")) or [])) == 0
    said = capsys.readouterr().out
    assert matches(read_blocks(AZURE)[number + 1].text, said), said


@pytest.mark.long
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_page_walks_from_an_empty_workspace_to_an_answer_and_back(azureml: LoopbackAzureML, workdir: Path) -> None:
    shutil.copy(DAILY, workdir / "NEW.csv")
    shown = [run(command) for command in OURS]
    assert json.loads((workdir / "config.json").read_text())["workspace_name"] == WORKSPACE
    assert len(azureml.jobs.by_name) == 6, "the cell of the first job was not bought again"
    assert {job.status for job in azureml.jobs.by_name.values()} == {"Completed"}
    answers = next(out for words, out in zip(OURS, shown, strict=True) if "invoke" in words)
    assert len(json.loads(answers.splitlines()[-1])) == 731
    assert azureml.store.under("onlineEndpoints") == []


def run(command: str) -> str:
    """Give a command of the page, with the names of the loopback's workspace."""
    names = {
        "SUBSCRIPTION_ID": SUBSCRIPTION,
        "group=bikeml": f"group={GROUP}",
        "name=bikeml": f"name={WORKSPACE}",
        "PRICE": "0.5",
    }
    for name, value in names.items():
        command = command.replace(name, value)
    words = [sys.executable, *shlex.split(command)[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout
