"""Names are data: whatever stands in a column, a file, a folder or a category, the whole story works."""

import csv
import html
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.font_manager import fontManager
from mlflow import MlflowClient

import bikeml
from bikeml.config.composition import compose, resolve
from bikeml.config.overrides import escape, override, quote, shell
from bikeml.errors import ConfigError
from bikeml.pages import figures, look_plots, page, plots, search_plots, style
from bikeml.pages.sweep import plots as sweep_plots
from bikeml.records.judgement import Importance
from bikeml.records.params import describe
from bikeml.records.run_folder import RunFolder
from bikeml.tracking import store
from bikeml.tracking.local import tables
from bikeml.tracking.lookup import find
from tests.conftest import DAILY, ROOT, config_of

ALIKE = ["x" * 200, "y" * 39 + "_first", "y" * 39 + "_second", "z" * 30 + "1" + "z" * 30, "z" * 30 + "2" + "z" * 30]
"""Names with the same first 40 characters, or the same beginning and end."""
NAMES = [
    *("a$b$", "it's", 'say "x"', "${no}", "tab\tand\x07bell", "100%", "<b>bold</b>", "a=b", "f(x", "°C"),
    *("one,two", "温度", "🚲 bikes", "1", "null", "on", "back\\slash", "a.b[0]", "{k: v}", "#hash", "~"),
    *ALIKE,
]
LINE_BREAK = "line\nbreak"
LEVELS = ["$", "it's", '"', "${x}", "a\nb", "50%", "<i>", "=", "(", ",", "季", *ALIKE[1:], "🚗", "true"]
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2", "split.random_state=0")
WRITTEN = "write=conf/data/houses.yaml"
FOLDERS = ["50%20off", "what? now", "a#b", "it's $x", 'say "it\'s :x"', "f(x) & 温度", "plain"]


def write_table(file: Path, names: list[str], categories: list[str], target: str, n_rows: int = 120) -> None:
    chance = random.Random(0)
    with file.open("w", newline="", encoding="utf-8") as content:
        rows = csv.writer(content)
        rows.writerow([*names, *categories, target])
        for _ in range(n_rows):
            numbers = [chance.random() for _ in names]
            rows.writerow([*numbers, *(chance.choice(LEVELS) for _ in categories), sum(numbers[:3])])


def everything_below(folder: Path) -> set[Path]:
    return {*folder.rglob("*")}


# figures


def labels_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def is_text(labels):
    return not any(label.get_parse_math() for label in labels)


def test_no_name_is_lost_or_merged_in_the_importance(workdir):
    importance = Importance(columns=tuple(NAMES), mean=tuple(np.arange(len(NAMES)) / 100), std=(0.01,) * len(NAMES))
    figure = plots.plot_importance(importance, "fall")
    (axes,) = figure.axes
    assert len(axes.patches) == len(NAMES)
    assert len({round(patch.get_y(), 6) for patch in axes.patches}) == len(NAMES)
    shown = labels_of(axes)
    assert len(set(shown)) == len(NAMES)
    assert {"a$b$", "it's", "${no}", "tab\\tand\\x07bell", "温度"} <= {*shown}
    assert is_text(axes.get_yticklabels())
    figures.save_figure(figure, workdir / "importance.png")


def test_no_value_is_lost_or_merged_in_a_search(workdir):
    values = [*LEVELS, 0.1, 0.1 + 1e-9, True, 1, None]
    for axes_of in (lambda value: {"m__a": value}, lambda value: {"m__a": value, "m__b": 1.0}):
        candidates = pd.DataFrame({"params": [axes_of(value) for value in values]})
        candidates = candidates.assign(mean_test_score=np.arange(len(values)) / 100, std_test_score=0.01)
        figure = search_plots.plot_search(candidates, "r2")
        axes = figure.axes[0]
        assert len(axes.lines[0].get_xdata()) == len(values)
        assert len({label.get_text() for label in axes.get_xticklabels()}) == len(values)
        assert is_text(axes.get_xticklabels())
        figures.save_figure(figure, workdir / "search.png")


def test_no_value_is_lost_or_merged_in_the_figures_of_pages(workdir):
    means = np.linspace(0.5, 0.4, len(LEVELS))
    figure = sweep_plots.plot_group(LEVELS, means, means / 100, sweep_plots.Limits(0.0, 1.0), "cv R²")
    (axes,) = figure.axes
    assert len(set(labels_of(axes))) == len(LEVELS)
    assert is_text(axes.get_yticklabels())
    svg = page.to_svg(figure, 'of "a" & <b>', "p")
    assert "温" not in svg
    assert "季" in svg
    assert "a\\nb" in svg
    scores = pd.DataFrame({"param_a": LEVELS, "mean_test_score": means, "std_test_score": means / 100})
    curve = sweep_plots.plot_validation_curve(scores, "param_a", "r2")
    assert len({label.get_text() for label in curve.axes[0].get_xticklabels()}) == len(LEVELS)
    page.to_svg(curve, "curve", "c")


def test_the_pictures_of_a_table_have_a_title_for_each_column():
    _, axes = look_plots.make_picture(NAMES)
    titles = [each.get_title() for each in axes]
    assert len(set(titles)) == len(NAMES)
    assert not any(each.title.get_parse_math() for each in axes)


def test_a_character_of_chinese_has_a_font_if_one_is_installed(workdir):
    """The test machine may have none: then the figure has boxes, and no warning for each."""
    installed = {font.name for font in fontManager.ttflist}
    wanted = [font for font in style.CJK_FONTS if font in installed]
    assert style.name_style()["fontfamily"] == ["sans-serif", *wanted]
    figure = plots.plot_evaluate(np.arange(5.0), np.arange(5.0), "温度", "R² 0.5", 0.95)
    assert figure.axes[0].xaxis.label.get_fontfamily() == ["sans-serif", *wanted]
    figures.save_figure(figure, workdir / "evaluate.png")


def test_labels_stay_apart_whatever_they_are_cut_from():
    assert style.shorten(["a" * 9, "b"], 5) == ["aa…aa", "b"]
    assert style.shorten(["aaXaa", "aaXXaa", "aaYYaa", "aa…aa (2)"], 5) == ["aaXaa", "aa…aa", "aa…aa (2)", "aa…2)"]
    assert style.shorten(["x", "x", "x (2)"], 5) == ["x", "x (2)", "x (2) (2)"]


# messages


def read_line(line: str) -> list[str]:
    """Return the words that bash makes of a line."""
    code = "import sys; sys.stdout.write('\\0'.join(sys.argv[1:]))"
    done = subprocess.run(
        ["bash", "-c", f"{shell(sys.executable, '-c', code)} {line}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")


def compose_as_told(word: str) -> dict:
    """Compose the config of an override, as the message says if it is refused at first."""
    try:
        return resolve(compose([word]))["data"]
    except ConfigError as error:
        proposed = re.search(r"(?:quote the value|quote what is in it|quote it if it is one text): (.*)", str(error))
        assert proposed, str(error)
        return resolve(compose(read_line(proposed[1])))["data"]


@pytest.mark.parametrize(
    "name", ["it's", 'say "x"', "f(x", "°C", "one,two", "温度", "🚲", "a=b", "mo$t's", LINE_BREAK + "'"]
)
def test_a_name_that_a_command_line_cannot_hold_is_proposed_in_quotes(name):
    assert compose_as_told(f"data.target={name}")["target"] == name


def test_a_list_of_such_names_is_proposed_in_quotes():
    assert compose_as_told("data.numeric=[it's,f(x,temp,°C]")["numeric"] == ["it's", "f(x", "temp", "°C"]


def test_a_name_that_looks_like_an_interpolation_is_told_how_it_is_written():
    with pytest.raises(
        ConfigError, match=r"data.target cannot be resolved: .*'of' not found; for the text \$\{ write \\"
    ):
        resolve(compose(["data.target=${of}"]))
    assert resolve(compose([override("data.target", "${of}")]))["data"]["target"] == "${of}"


@pytest.mark.parametrize("word", ["+data.allowed.f(x=[1]", "+data.allowed.it's=[1]", "+data.allowed.°C=[1]"])
def test_a_key_that_a_command_line_cannot_hold_is_told_to_stand_in_a_file(word):
    with pytest.raises(ConfigError, match="a command line takes no such key; write it in a YAML file"):
        compose([word])


# sweeps


@pytest.fixture
def refuse(bikeml_main, workdir, capsys):
    def run(words, message):
        assert bikeml_main(*words) == 2
        shown = capsys.readouterr().err
        assert re.search(message, shown), shown
        assert "Traceback" not in shown
        assert everything_below(workdir) == set()

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "folders"),
    [
        (["seed=1", "seed=2,3", "model=tree"], {"0", "1"}),
        pytest.param(["model=tree,linear", "model=tree"], {"0"}, marks=pytest.mark.long),
    ],
)
def test_of_a_key_that_is_given_twice_the_last_value_counts(words, folders, bikeml_main, workdir):
    assert bikeml_main("-m", *FAST, *words, "tracking=none", "hydra.sweep.dir=out") == 0
    assert {file.parent.name for file in workdir.rglob("result.json")} == folders


def test_a_folder_of_a_cell_that_is_too_long_is_refused_by_name(refuse):
    words = ["-m", "model=tree,linear", f"data.name={'y' * 250}", "hydra.sweep.subdir=${hydra.job.override_dirname}"]
    refuse(
        [*words, "tracking=none"],
        r"^bikeml: hydra.sweep.subdir='data.name=y+...' has a name of more than 255 bytes.*\n$",
    )


@pytest.mark.slow
def test_a_sweep_over_names_has_a_folder_and_a_line_for_each(bikeml_main, workdir, capsys):
    names = ["a$b$", "it's", "f(x"]
    write_table(workdir / "a.csv", names, [], LINE_BREAK)
    swept = "data.numeric=" + ",".join(quote(each) for each in (names[:1], names[1:]))
    words = [
        "data=csv",
        "data.path=a.csv",
        override("data.target", LINE_BREAK),
        "data.categorical=[]",
        "preprocessing=none",
        swept,
    ]
    words += ["hydra.sweep.dir=out", "hydra.sweep.subdir=${hydra.job.num} ${data.numeric}"]
    assert bikeml_main("-m", *FAST, *words, "tracking=none") == 0, capsys.readouterr().err
    assert {file.parent.name for file in workdir.glob("out/*/result.json")} == {"0 ['a$b$']", "1 [\"it's\", 'f(x']"}
    shown = (workdir / "out" / "report.html").read_text()
    assert html.escape("f(x") in shown


@pytest.mark.slow
def test_a_cell_alone_is_asked_for_by_its_overrides_as_they_were_given(bikeml_main, workdir, capsys):
    write_table(workdir / "a.csv", ["${no}", "b"], [], "y")
    swept = ",".join(map(quote, (["${no}"], ["b"])))
    words = [
        "data=csv",
        "data.path=a.csv",
        "data.target=y",
        f"data.numeric={swept}",
        "data.categorical=[]",
        "preprocessing=none",
    ]
    assert bikeml_main("-m", *FAST, *words, "tracking=none", "hydra.sweep.dir=out") == 0, capsys.readouterr().err
    command = RunFolder(workdir / "out" / "0").require().command
    assert bikeml_main(*read_line(command.partition("bikeml ")[2]), "hydra.run.dir=again") == 0
    assert RunFolder(workdir / "again").require().fingerprint == RunFolder(workdir / "out" / "0").require().fingerprint


def test_a_folder_that_hydra_would_resolve_is_refused_by_name(refuse):
    words = ["-m", "model=tree,linear", "tracking=none"]
    refuse([*words, r"hydra.sweep.subdir=\${no}"], "subdir='\\${no}' has \\${ in it, which Hydra would resolve")
    refuse([*words, r"hydra.sweep.dir=\${no}"], "/\\${no}' has \\${ in it, which Hydra would resolve")


def test_a_run_folder_that_hydra_would_resolve_is_refused_by_name(bikeml_main, capsys):
    assert bikeml_main(r"hydra.run.dir=\${no}", "tracking=none") == 2
    assert "rename the folder that has ${ in its name" in capsys.readouterr().err


# stores


@pytest.fixture(scope="module")
def recorded_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    bikeml.run(*FAST, "model=linear", "tracking=none", f"hydra.run.dir={folder}/out")
    return folder / "out"


@pytest.fixture
def record_here(recorded_run, workdir, monkeypatch):
    """Record a copy of a run in the store of the present folder, as a new run, and return its id."""
    from bikeml.tracking.record import record

    monkeypatch.setattr("bikeml.tracking.record.record_id", lambda _: os.urandom(8).hex())

    def run(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        shutil.copytree(recorded_run, folder / "out", dirs_exist_ok=True)
        return record(RunFolder(folder / "out"), config_of()).run_id

    return run


def use(run_id: str, folder: Path, to: Path) -> Path:
    run = find(config_of(), run_id)
    place = run.fetch("model", to)
    assert (place / "model.skops").is_file()
    client = MlflowClient(tables.address(f"sqlite:///{folder}/mlflow.db"))
    model = client.get_logged_model(client.get_run(run_id).outputs.model_outputs[0].model_id)
    assert model.artifact_location.startswith((folder / "mlartifacts" / "models").as_uri() + "/")
    assert client.get_run(run_id).info.artifact_uri.startswith((folder / "mlartifacts").as_uri() + "/")
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [FOLDERS[1], *(pytest.param(name, marks=pytest.mark.long) for name in (FOLDERS[0], *FOLDERS[2:]))]
)
def test_a_store_in_a_folder_of_any_name_is_used_and_moved_and_copied(name, workdir, record_here, monkeypatch):
    first, moved, copied = workdir / "first" / name, workdir / "moved" / name, workdir / f"copy {name}"
    first.parent.mkdir()
    moved.parent.mkdir()
    ids = [record_here(first)]
    assert {file.name for file in first.parent.iterdir()} == {name}
    assert {file.name for file in first.iterdir()} == {"mlflow.db", "mlartifacts", "out"}
    use(ids[0], first, workdir / "to")
    first.rename(moved)
    first.parent.rmdir()
    ids.append(record_here(moved))
    for run_id in ids:
        use(run_id, moved, workdir / "to")
    shutil.copytree(moved, copied)
    before = everything_below(moved)
    ids.append(record_here(copied))
    for run_id in ids:
        use(run_id, copied, workdir / "to")
    assert everything_below(moved) == before
    assert {file.name for file in workdir.iterdir()} == {"moved", f"copy {name}", "to"}
    assert {file.name for file in moved.parent.iterdir()} == {name}


def test_a_model_of_a_store_that_was_moved_is_found_by_its_version(workdir, record_here, monkeypatch):
    run_id = record_here(workdir / "first")
    client = MlflowClient(f"sqlite:///{workdir}/first/mlflow.db")
    client.create_registered_model("m")
    client.create_model_version("m", f"{client.get_run(run_id).info.artifact_uri}/model", run_id)
    (workdir / "first").rename(workdir / "moved")
    monkeypatch.chdir(workdir / "moved")
    assert find(config_of(), "m/1").run_id == run_id
    source = MlflowClient(f"sqlite:///{workdir}/moved/mlflow.db").get_model_version("m", "1").source
    assert source.startswith((workdir / "moved" / "mlartifacts").as_uri())


def test_a_store_alone_keeps_the_artifacts_where_they_are(workdir, record_here, monkeypatch):
    run_id = record_here(workdir / "first")
    (workdir / "other").mkdir()
    shutil.copy(workdir / "first" / "mlflow.db", workdir / "other")
    monkeypatch.chdir(workdir / "other")
    assert find(config_of(), run_id).fetch("model", workdir / "to").is_dir()


def test_a_store_that_was_moved_is_read_where_nothing_can_be_written(workdir, record_here, monkeypatch):
    run_id = record_here(workdir / "first")
    (workdir / "first").rename(workdir / "moved")
    monkeypatch.chdir(workdir / "moved")
    monkeypatch.setattr("bikeml.tracking.store._correct_places", lambda *_: None)  # root may write everywhere
    assert find(config_of(), run_id).fetch("model", workdir / "to").is_dir()


def test_artifacts_that_are_not_a_local_store_s_stay_where_they_are():
    for place in ("s3://bucket/mlartifacts", "mlflow-artifacts:/1", "file:///data/mlruns/1", "/x/mlartifacts"):
        assert store.locate(place, "sqlite:////here/mlflow.db") == place
    assert store.locate("file:///x/mlartifacts", "http://host") == "file:///x/mlartifacts"


@pytest.mark.parametrize("value", [*NAMES, LINE_BREAK, "both ' and \"", "a -- b", "/* x", "a; b", "' and 'x", "\\"])
def test_a_filter_of_the_store_finds_just_the_value(value, workdir):
    client = store.connect(f"sqlite:///{workdir}/mlflow.db")
    experiment = client.create_experiment("it's")
    (mine, *_) = (client.create_run(experiment, tags={"a b": each}).info.run_id for each in (value, "other"))
    assert store.equals("tags.`a b`", value.encode()) == ""  # as of a damaged database
    condition = store.equals("tags.`a b`", value)
    assert bool(condition) is not ({"'", '"'} <= {*value} or value.endswith("\\"))
    if condition:
        assert [run.info.run_id for run in client.search_runs([experiment], condition)] == [mine]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("target", ["it's", "both ' and \"", LINE_BREAK, "温\\"])
def test_the_best_run_is_found_whatever_its_target_is_called(target, workdir):
    text = DAILY.read_text().splitlines()[:200]
    with (workdir / "a.csv").open("w", newline="") as content:
        csv.writer(content).writerow([*text[0].split(",")[:-1], target])
        content.write("\n".join(text[1:]))
    told = [
        "data=csv",
        "data.path=a.csv",
        override("data.target", target),
        "data.numeric=[temp,hum]",
        "preprocessing=none",
    ]
    ids = [bikeml.run(*FAST, *told, "data.categorical=[]", f"model={model}").run_id for model in ("linear", "baseline")]
    assert find(config_of(), "best").run_id == ids[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("houses", marks=pytest.mark.long), "it's ${new} 🚲" + LINE_BREAK])
def test_the_yaml_that_explore_writes_has_every_name_as_it_is(name, workdir, call_task):
    names, kinds, target = [*NAMES, "tab\tand\x7f\x85\u2028"], ["kind's $\x07"], "mo$t ${of} 🚲"
    write_table(workdir / "a.csv", names, kinds, target)
    words = ["explore", "data=csv", "data.path=a.csv", override("data.target", target), override("data.name", name)]
    status, _, err = call_task(*words, override("data.numeric", names), override("data.categorical", kinds), WRITTEN)
    assert status == 0, err
    read = resolve(compose(["hydra.searchpath=[conf]", "data=houses"]))["data"]
    assert (read["name"], read["numeric"], read["categorical"], read["target"]) == (name, names, kinds, target)


# the whole story


class Shell:
    """A user's bash in a folder: it runs lines, and what these propose."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        here = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": here, "NO_PROXY": "127.0.0.1", "COLUMNS": "80"}

    def start(self, line: str) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        return subprocess.Popen(["bash", "-c", line], cwd=self.folder, env=self.environment, **pipes)

    def run(self, line: str) -> str:
        """Run a line, which must succeed, and return what it says."""
        with self.start(line) as process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == 0, f"{line}\n{out}\n{err}"
        assert "Traceback" not in err
        return out

    def bikeml(self, *words: str) -> str:
        return self.run(shell("python", "-m", "bikeml", *words))


def told(text: str, fact: str) -> str:
    """Return a fact of those that a command shows below its table."""
    (found,) = re.findall(rf"^ +{fact}  (.*)$", text, re.MULTILINE)
    return found


def commands_of(sweep_page: Path) -> list[str]:
    """Return the commands of the cells on the page of a sweep."""
    found = re.findall(r"<pre><code>(.*?)</code></pre>", sweep_page.read_text(encoding="utf-8"), re.DOTALL)
    return [command for command in map(html.unescape, found) if " -m " not in command.removeprefix("python -m ")]


@pytest.fixture
def user(workdir):
    """A user whose folder, table, config and columns have names that no tool was made for."""
    folder = workdir / '50%20off, what\'s "$new" (温度)? #1'
    options = folder / "it's my $conf" / "data"
    options.mkdir(parents=True)
    table, target, kinds = (
        folder / "what's ${new} & 100%?.csv",
        "mo$t ${of} 'all', \"y\"\t<rented>",
        ["kind's $", "kind (2)"],
    )
    write_table(table, NAMES, kinds, target)
    shutil.copy(table, folder / "NEW.csv")
    data = {"name": "na$me ${of} 'a' <table>" + LINE_BREAK, "path": str(table), "target": target, "numeric": NAMES}
    data |= {"categorical": kinds, "allowed": {kinds[1]: LEVELS, kinds[0]: LEVELS}}
    content = yaml.safe_dump({"defaults": ["csv", "_self_"], **escape(data)}, allow_unicode=True, sort_keys=False)
    (options / "it's nasty.yaml").write_text(content, encoding="utf-8")
    return Shell(folder)


@pytest.mark.long  # some twenty commands, one after another; what each has to say of a name has a test above
def test_the_whole_story_works_with_any_names(user):
    before = everything_below(user.folder.parent)
    options, data = "--config-dir=it's my $conf", override("data", "it's nasty")
    common = [options, data, "preprocessing=ordinal", *FAST]
    user.bikeml("explore", options, data, "output=seen $it")
    assert {file.name for file in (user.folder / "seen $it").iterdir()} == {
        "explore.html",
        "distributions.png",
        "relations.png",
    }
    ran = user.bikeml(*common, "model=tree", override("hydra.run.dir", "out 'a' $b"))
    assert not (user.folder / "out 'a' $b" / "bikeml.log").exists()
    search_in_mlflow(user, told(ran, "look"))
    user.run(told(ran, "next"))
    predicted = user.bikeml("predict", "run=best", "data.path=NEW.csv", "output=-")
    assert len(predicted.splitlines()) == 121
    again = user.bikeml("reproduce", "run=latest")
    assert re.search(r"result +(\d+) of \1 figures identical", again), again
    registered = user.bikeml("register", "run=latest", "registered_model=m", "alias=champion")
    user.run(told(registered, "next"))
    walk_a_sweep(user, common)
    serve_and_ask(user)
    written = everything_below(user.folder.parent) - before
    assert {file.relative_to(user.folder.parent).parts[0] for file in written} == {user.folder.name}


def search_in_mlflow(user: Shell, look: str) -> None:
    """Read the store that the command proposed for it names; itself, it serves until it is stopped."""
    command = re.fullmatch(r"python -m bikeml ui run=(\w{8})\w+(.*)", look)
    assert command[1] in user.run(f"python -m bikeml runs{command[2]}")


def walk_a_sweep(user: Shell, common: list[str]) -> None:
    """Sweep over names, show the page again, run each cell alone, and record it all in another store."""
    swept = "data.numeric=" + ",".join(quote(each) for each in (NAMES[:4], NAMES[3:]))
    place = "sw'eep $x (温)"
    user.bikeml("-m", *common, "model=tree", swept, override("hydra.sweep.dir", place))
    user.bikeml("report", place)
    commands = commands_of(user.folder / place / "report.html")
    assert len(commands) == 2
    for command in commands:
        user.run(command)
    elsewhere = "sqlite:///other's $tore? 100%.db"
    user.bikeml("record", "out 'a' $b", place, "--uri", elsewhere)
    in_it = shell(override("tracking.uri", elsewhere))
    user.run(f"python -m bikeml predict {in_it} run=latest data.path=NEW.csv output=-")
    registered = user.run(f"python -m bikeml register {in_it} run=latest registered_model=m")
    user.run(told(registered, "next"))


def serve_and_ask(user: Shell) -> None:
    """Serve the model, and paste the line to try it into another shell."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with user.start(f"exec python -m bikeml serve run=latest port={port}") as server:
        lines = [server.stdout.readline() for _ in range(4)]
        try:
            answer = user.run(told("".join(lines), "try"))
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=60)
    assert '"predictions"' in answer


@pytest.mark.long
@pytest.mark.slow
def test_a_run_that_could_not_be_recorded_is_recorded_by_the_command_that_is_proposed(workdir):
    user = Shell(workdir)
    (workdir / "it's taken $x.db").mkdir()
    words = [
        "model=tree",
        *FAST,
        override("tracking.uri", "sqlite:///it's taken $x.db"),
        override("hydra.run.dir", "o'ut"),
    ]
    with user.start(shell("python", "-m", "bikeml", *words)) as process:
        _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    command = re.search(r"record it later with (python .*)$", err, re.MULTILINE)[1]
    (workdir / "it's taken $x.db").rmdir()
    assert "it's taken $x.db" in user.run(command)


@pytest.mark.slow
@pytest.mark.parametrize("name", [LINE_BREAK, "carriage\rreturn", " blank "])
def test_predict_reads_a_column_with_a_line_break_or_blanks(name, workdir, call_task):
    write_table(workdir / "a.csv", ["a", name], [], "y")
    words = [
        "data=csv",
        "data.path=a.csv",
        "data.target=y",
        override("data.numeric", ["a", name]),
        "preprocessing=none",
    ]
    bikeml.run(*FAST, *words, "data.categorical=[]", "model=linear")
    status, _, err = call_task("predict", "run=latest", "data.path=a.csv", "output=-")
    assert status == 0, err


@pytest.mark.slow
def test_patterns_and_columns_of_any_name_in_the_config_are_recorded(bikeml_main, workdir):
    folder = workdir / "mine" / "preprocessing"
    folder.mkdir(parents=True)
    steps = {"scaler": {"_target_": "sklearn.preprocessing.StandardScaler"}}
    columns = {"*temp": steps, "wind?peed": steps}
    (folder / "own.yaml").write_text(yaml.safe_dump({"defaults": ["standard"], "columns": columns}))
    assert bikeml_main("--config-dir", "mine", "preprocessing=own", "model=ridge", *FAST) == 0


def test_two_names_that_a_store_cannot_tell_apart_stay_two_params():
    found = describe({"columns": {"*a": 1, "?a": 2, "a": 3}})
    assert sorted(found.values()) == ["1", "2", "3"]
    assert found["columns.a"] == "3"
    assert all(re.fullmatch(r"[/\w.\- :]*", name) for name in found)
