"""
Bad input through the command line: one message that says what is wrong, the promised status, nothing left behind.

What test_config.py, test_data.py, test_stores.py and others refuse at their own level is not repeated here.
"""

import gzip
import json
import re
import shlex
import subprocess
import sys
import time

import pytest

from tests.conftest import assert_nothing_left_behind
from tests.test_stores import answer, serving

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.fixture
def refuse(bikeml_main, workdir, capsys):
    """Run the command line, which must end with `status` and say `message`, and look at what it leaves."""

    def run(arguments, message, status=2):
        before = {*workdir.rglob("*")}
        assert bikeml_main(*arguments) == status
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        assert re.search(message, shown), shown
        if status == 2:
            assert {*workdir.rglob("*")} - before == set()
            return
        assert re.search(r"^bikeml: ", shown, re.MULTILINE)  # MLflow's log may stand above it, in this process only
        logs = {path.relative_to(workdir).as_posix() for path in workdir.rglob("bikeml.log")}
        there = {path.relative_to(workdir).as_posix() for path in before if path.is_file()}
        assert_nothing_left_behind(workdir, *there, *logs)

    return run


COMMANDS = [
    # misspelt, at every depth
    ("data=dayly", r"data has no option 'dayly'; did you mean 'daily'\?; allowed: csv, daily"),
    ("preprocessing=standart", r"preprocessing has no option 'standart'; did you mean 'standard'"),
    ("search=gird", r"search has no option 'gird'; did you mean 'grid'"),
    ("tracking=Local", r"tracking has no option 'Local'; did you mean 'local'"),
    ("evaluation.confidance=0.9", r"unknown key 'evaluation.confidance'; did you mean 'confidence'\?; allowed here"),
    ("tracking.url=http://host", r"unknown key 'tracking.url'; did you mean 'uri'"),
    ("sweep.max_failure=1 -m", r"unknown key 'sweep.max_failure'; did you mean 'max_failures'"),
    ("search=grid search.scorring=r2", r"unknown key 'search.scorring'; did you mean 'scoring'"),
    (
        "preprocessing=standard preprocessing.numerics.scaler.with_mean=true",
        r"unknown key 'preprocessing.numerics'; did you mean 'numeric'",
    ),
    (
        "preprocessing=standard preprocessing.numeric.scalar.with_mean=true",
        r"unknown key 'preprocessing.numeric.scalar'; did you mean 'scaler'",
    ),
    (
        "preprocessing=standard preprocessing.numeric.scaler.with_men=true",
        r"unknown key 'preprocessing.numeric.scaler.with_men'; did you mean 'with_mean'",
    ),
    ("hydra/launcher=jobli", r"hydra/launcher has no option 'jobli'"),
    ("hydra.jobb.name=x", r"unknown key 'hydra.jobb'; did you mean 'job'"),
    ("experiment=tutorial_rf model=tre", r"model has no option 'tre'; did you mean 'tree'"),
    ("~nothing", r"'nothing' does not exist"),
    ("~data.path", r"data.path is missing; set it"),
    # the command line itself
    ("--multirn", r"no option '--multirn'; --help shows"),
    ("--model rf", r"no option '--model'; .* values are set without dashes: model=rf"),
    ("--model=rf seed=1", r"no option '--model'; "),
    ("-x", r"no option '-x'; "),
    ("model=rf,gbr", r"Ambiguous value for argument 'model=rf,gbr'; add -m to sweep"),
    ("--cfg=jobs", r"invalid choice: 'jobs'"),
    ("--config-dir=nowhere", r"--config-dir: there is no folder 'nowhere'"),
    ("--config-name=other", r"there is no primary config 'other'; leave --config-name out"),
    ("model= rf", r"cannot read the override 'rf'; write key=value, without spaces around ="),
    ("data.path=~/my.csv", r"quote the value: 'data.path=\"~/my.csv\"'"),
    ("'data.separator=;'", r"quote the value: 'data.separator=\";\"'"),
    ("'data.numeric=[temp'", r"cannot read the override 'data.numeric=\[temp'; close its brackets"),
    ("'data.allowed={season:[1}'", r"close its brackets"),
    (
        "data.numeric=temp,hum",
        r"Ambiguous value for argument 'data.numeric=temp,hum'; add .* or write \[a,b\] for a list",
    ),
    ("model=linear -m seed=1,a", r"seed='a' should be an integer"),
    # wrong types
    ("'seed=[1]'", r"seed=\[1\] should be an integer"),
    ("seed=1e3", r"seed=1000.0 should be an integer"),
    ("'seed=${oc.env:PATH}'", r"seed='.*' should be an integer"),
    ("split.folds=2.5", r"split.folds=2.5 should be an integer"),
    ("'split.test_size=[0.1]'", r"split.test_size=\[0.1\] should be a number"),
    (
        "'data.numeric=[2019]'",
        r"there is no column '2019' for data.numeric",
    ),
    ("'data.numeric={a:1}'", r"data.numeric=\{a:1\} should be a list, such as \[1, 2\]"),
    ("'data.allowed=[1]'", r"data.allowed=\[1\] should be a mapping, such as \{key: value\}"),
    ("'data.allowed.season=[[1]]'", r"data.allowed.season.0=\[1\] should be text, a number, true or false\n$"),
    ("data.encoding=8", r"data.encoding=8 should be text"),
    ("data.date=false", r"data.date=False should be a column, a list of columns, auto, or null"),
    ("tracking=false", r"a group of the config takes the name of an option, .* tracking=none do nothing"),
    ("sweep=3", r"sweep=3 should be a mapping"),
    ("reuse=true", r"reuse=True should be 'none', 'finished' or 'all'"),
    ("search=grid search.child_runs=most", r"search.child_runs='most' should be 0 or more, or all\n$"),
    ("preprocessing=standard preprocessing.numeric.scaler=5", r"preprocessing.numeric.scaler=5 should be a mapping"),
    ("hydra.run.dir=null", r"hydra.run.dir=null: .* is not Optional"),
    # ranges
    ("seed=4294967296", r"seed=4294967296 should be less than 4294967296"),
    ("split.test_size=nan", r"split.test_size=nan should be"),
    ("split.repeats=1001", r"split.repeats=1001 should be less than or equal to 1000"),
    ("split.folds=600", r"has too few rows \(731\) for this split"),
    ("evaluation.bootstrap_samples=1000001", r"evaluation.bootstrap_samples=1000001 should be less than or equal to"),
    ("evaluation.importance_repeats=0", r"evaluation.importance_repeats=0 should be greater than or equal to 1"),
    ("evaluation.random_state=-1", r"evaluation.random_state=-1 should be greater than or equal to 0"),
    ("search=grid search.folds=1", r"search.folds=1 should be greater than or equal to 2"),
    # empty
    (
        "'data.numeric=[]' 'data.categorical=[]'",
        r"data.numeric and data.categorical are both empty; name at least one column",
    ),
    ("data.allowed.season=[]", r"data.allowed.season=\[\] should not be empty"),
    ("data.path=''", r"data.path='' should not be empty"),
    ("tracking.run_name=''", r"tracking.run_name='' should not be empty"),
    ("-m 'model=glob(zz*)'", r"the sweep has no cells: a glob\(\) or range\(\) among its overrides gives no value"),
    ("-m 'seed=range(0)'", r"the sweep has no cells"),
    # unknown targets
    ("model.estimator._target_=''", r"_target_='' has no module; name a class such as"),
    ("model.estimator._target_=sklearn", r"_target_='sklearn' has no module"),
    ("model.estimator._target_=sklearn..Lasso", r"_target_='sklearn..Lasso' cannot be imported"),
    ("model.estimator._target_=sklearn.linear_model.lasso", r"did you mean 'Lasso'"),
    ("model.estimator._target_=sklearn.base.RegressorMixin", r"is not a regressor class"),
    (
        "model.estimator._target_=pygam.LinearGAM",
        r"is not in an allowed package \(sklearn, skrub, lightgbm, xgboost, catboost\); to allow another",
    ),
    # misspelt and wrong arguments
    ("model=lasso model.estimator.alpha=high", r"'alpha' parameter of Lasso must be a float .* Got 'high'"),
    ("model=ridge model.estimator.solver=fast", r"'solver' parameter of Ridge .* Got 'fast'"),
    ("model=gbr model.estimator.loss=squared", r"'loss' parameter .* Got 'squared'"),
    ("model=hist_gbr model.estimator.learning_rate=0", r"'learning_rate' parameter .* Got 0 "),
    ("model=tree model.estimator.max_leaf_nodes=1", r"'max_leaf_nodes' parameter .* Got 1 "),
    ("+model.estimator.n_estimators=5", r"LinearRegression has no such argument; it has fit_intercept"),
    (
        "preprocessing=imputed preprocessing.numeric.imputer.strategy=averge",
        r"preprocessing.numeric.imputer: The 'strategy' parameter .* Got 'averge'",
    ),
    (
        "preprocessing=standard preprocessing.numeric.scaler._target_=sklearn.preprocessing.StandardScalar",
        r"did you mean 'StandardScaler'\?; name a class such as sklearn.preprocessing.StandardScaler",
    ),
    (
        "model=tree search=grid '+model.grid.max_dept=[3]'",
        r"DecisionTreeRegressor has no such argument; did you mean 'max_depth'",
    ),
    ("model=tree search=grid 'model.grid.max_depth=[3,deep]'", r"model.grid.max_depth: .* Got 'deep'"),
    ("search=grid search.scoring=R2", r"search.scoring='R2' is not a scorer of scikit-learn; did you mean 'r2'"),
    # contradictions
    ("search=grid ~model.grid.positive ~model.grid.fit_intercept", r"search=grid needs axes to search"),
    ("search.n_jobs=2", r"unknown key 'search.n_jobs'; allowed here: kind"),
    ("split=chronological split.random_state=1", r"unknown key 'split.random_state'; allowed here: folds, gap, kind"),
    (
        "split=chronological data=csv data.path=x.csv data.date=null",
        r"split=chronological needs a date column; set data.date",
    ),
    ("-m hydra/launcher=joblib hydra.launcher.n_jobs=0", r"hydra.launcher.n_jobs=0: .*; use 1 or more, or -1"),
    ("'seed=${seed}'", r"seed cannot be resolved: Recursive interpolation"),
    # places
    ("data=csv data.path=nowhere/my.csv", r"there is no table at 'nowhere/my.csv'; set data.path"),
    ("data=csv data.path=/dev/null", r"cannot read '/dev/null': it is a device, which may never end"),
    ("data=csv 'data.path=\"http://127.0.0.1:1/a b\"'", r"cannot read 'http://127.0.0.1:1/a b': URL can't contain"),
    ("data=csv 'data.path=\"file:///nowhere/my.csv\"'", r"cannot read 'file:///nowhere/my.csv': .*No such file"),
    ("data=csv data.path=" + "x" * 300, r"File name too long"),
    ("tracking.uri=http:/host", r"tracking.uri='http:/host' names no server; write one such as"),
    ("tracking.uri=C:/runs", r"tracking.uri='C:/runs' is a folder"),
    ("tracking.uri=http://host:99999", r"tracking.uri='http://host:99999' Port out of range"),
]


@pytest.mark.parametrize(("command", "message"), COMMANDS, ids=[command[:60] for command, _ in COMMANDS])
def test_a_bad_command_is_one_message_and_leaves_nothing(refuse, command, message):
    refuse([*shlex.split(command), *(() if "tracking" in command else ("tracking=none",))], message)


LASSO = "_target_: sklearn.linear_model.Lasso, alpha: 1"
MODEL = f"estimator: {{{LASSO}}}\ngrid: {{}}\n"
FILES = [
    ("model", "", r"model.estimator is missing.*\n +model.grid is missing"),
    ("model", "5\n", r"a config file holds no mapping: .*int; write lines such as key: value"),
    ("model", "a text\n", r"unknown key 'model.a text'; allowed here: estimator, max_rows, grid, space"),
    ("model", MODEL.encode("utf-16"), r"a config file is not UTF-8"),
    ("model", "estimator: \0\n", r"special characters are not allowed\n.*mine.yaml"),
    (
        "model",
        "estimator: *x\n",
        r"cannot read .*mine.yaml': its alias \*x names no value, or the one that it stands in; mend it",
    ),
    ("model", "estimator: !!python/object/apply:os.system ['exit']\n", r"line 1.*could not determine a constructor"),
    ("model", "estimator:\n  _target_: x\n alpha: 1\n", r"mine.yaml, line 3, column 2: not valid YAML"),
    ("model", f"estimator: {{{LASSO}}}\ngrid: {{alpha: [1, 2}}\n", r"mine.yaml, line 2, column 20: not valid YAML"),
    ("model", f"estimator: {{{LASSO}}}\n", r"model.grid is missing; set it, or put the line back"),
    ("model", MODEL + "grids: {}\n", r"unknown key 'model.grids'; did you mean 'grid'"),
    ("model", "estimator: null\ngrid: {}\n", r"model.estimator=null should be a mapping"),
    ("model", "estimator: {alpha: 1}\ngrid: {}\n", r"model.estimator needs a _target_"),
    ("model", f"estimator: {{{LASSO}, 1: 2}}\ngrid: {{}}\n", r"model.estimator.1=1 should be text"),
    ("model", f"estimator: {{{LASSO}, tol: '${{'}}\ngrid: {{}}\n", r"tol=\$\{: no viable alternative at input '\$\{'"),
    ("model", f"estimator: {{{LASSO}, tol: '${{no}}'}}\ngrid: {{}}\n", r"tol cannot be resolved: .*'no' not found"),
    (
        "model",
        f"estimator: {{{LASSO}, selektion: x}}\ngrid: {{}}\n",
        r"Lasso has no such argument; did you mean 'selection'",
    ),
    ("model", f"estimator: {{{LASSO}}}\ngrid: [alpha]\n", "model.grid.0='alpha' should be a mapping"),
    ("model", "defaults: [nope]\n" + MODEL, r"model has no option 'nope'; allowed: .*gbr"),
    ("model", "defaults: 5\n" + MODEL, r"Invalid defaults list in 'model/mine', defaults must be a list"),
    ("model", "# @package _global_\n" + MODEL, r"model is missing.*\n.*unknown key 'estimator'"),
    (
        "model",
        "estimator: {_target_: sklearn.ensemble.VotingRegressor, estimators: [[a, {_target_: sklearn.svm.SVX}]]}\ngrid: {}",
        r"model.estimator.estimators.0.1._target_='sklearn.svm.SVX' does not exist; did you mean 'SV[CR]'",
    ),
    (
        "model",
        "estimator: {_target_: sklearn.ensemble.VotingRegressor}\ngrid: {}",
        r"missing 1 required positional argument: 'estimators'",
    ),
    ("experiment", "# @package _global_\nmodle: {x: 1}\n", r"unknown key 'modle'; did you mean 'model'"),
    ("experiment", "# @package _global_\ndefaults: [override /model: rff]\n", r"did you mean 'rf'"),
    ("experiment", "# @package _global_\ndefaults: [override /modle: rf]\n", r"Could not override 'modle'"),
    ("experiment", "seed: 5\n", r"a recipe's file begins with the line # @package _global_"),
    ("data", "name: null\npath: x.csv\ntarget: y\n", r"data.numeric is missing.*\n.*data.categorical is missing"),
    ("split", "test_size: 0.3\n", r"split.kind=null is not one of 'random', 'chronological', 'stratified', 'group'\n"),
    ("search", "kind: bayes\n", r"search.kind='bayes' is not one of 'none', 'grid', 'random'"),
    ("preprocessing", "numeric: {}\n", r"preprocessing.categorical is missing"),
    ("preprocessing", "numeric: [a]\ncategorical: {}\n", r"preprocessing.numeric=\['a'\] should be a mapping"),
]


@pytest.mark.parametrize(("group", "content", "message"), FILES)
def test_a_bad_config_file_is_one_message_and_leaves_nothing(refuse, workdir, group, content, message):
    (workdir / "my" / group).mkdir(parents=True)
    (workdir / "my" / group / "mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse([f"--config-dir={workdir / 'my'}", f"{group}=mine", "tracking=none"], message)


def rows(number, line="{0},{1},{1}.5\n"):
    return "".join(line.format(i, i * i % 7) for i in range(number))


TABLES = {
    "two rows": ("a,b,y\n" + rows(2), [], r"table.csv has too few rows \(2\) for this split"),
    "three rows": ("a,b,y\n" + rows(3), [], r"too few rows \(3\)"),
    "one date": (
        "a,b,d,y\n" + rows(40, "{0},{1},2011-01-01,{0}\n"),
        ["split=chronological", "data.date=d"],
        r"too few rows \(40 on 1 dates\)",
    ),
    "a truncated line in the middle": (
        "a,b,y\n" + rows(30) + "7\n" + rows(30),
        ["data.missing_target=refuse", "preprocessing=none"],
        r"column 'y' is missing in row 31; .*\n.*column 'b' is missing in row 31",
    ),
    "a gap in the target alone": (
        "a,b,y\n" + rows(9) + "1,2,NaN\n",
        ["data.missing_target=refuse"],
        r"column 'y' is missing in row 10: NaN; leave these rows out, or set data.missing_target=drop",
    ),
    "a word far down": (
        "a,b,y\n" + rows(500) + "1,2,three\n",
        [],
        r"row 501: 'three'; .*set data.target to a column of n",
    ),
    "compressed, and cut off": (gzip.compress(b"a,b,y\n1,2,3\n")[:20], [], r"cannot read 'table.csv': "),
    "half a Parquet file": (b"PAR1\x15\x04", [], r"cannot read 'table.csv': Parquet file size is 6 bytes"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", [], r"is not a text file"),
    "a page that asks to log in": (
        "<!DOCTYPE html>\n<p>Log in</p>\n",
        [],
        r"is not a text file of a table: it is a web page",
    ),
    "JSON": (json.dumps([{"a": 1, "y": 2}], indent=1), [], r"it is JSON; read it with pandas.read_json"),
    "one column": ("a\n1\n2\n", [], r"has one column, 'a', and needs two, a target and a feature\n$"),
    "blanks between values": (
        "a b y\n1 2 3\n",
        ["data.separator=','"],
        r"separated by ' ', set 'data.separator=\" \"'",
    ),
    "ASCII it is not": ("ä,b,y\n1,2,3\n", ["data.encoding=ascii"], r"table.csv is not ascii: .*set data.encoding"),
    "UTF-16 it is not": ("a,b,y\n1,2,3\n", ["data.encoding=utf-16"], r"table.csv is not utf-16"),
    "decimal commas": ("a;b;y\n1,5;2;3\n", ["data.decimal=."], r"in row 1: '1,5'; set data.decimal or data.thousands"),
    "thousands separators": (
        'a,b,y\n"1,000",2,3\n',
        ["data.thousands=null"],
        r"row 1: '1,000'; set .* or data.thousands",
    ),
    "percentages": ("a,b,y\n5%,2,3\n", [], r"'a' is not a number in row 1: '5%'"),
    "a very long cell": (f"a,b,y\n{'x' * 9999},2,3\n", [], r"row 1: 'x{59}\.\.\.; "),
    "too large for a float": (f"a,b,y\n{10**400},2,3\n", [], r"'a' is (infinite|not a number) in row 1: '?10"),
    "Infinity": ("a,b,y\n1,2,3\nInfinity,2,4\n", [], r"'a' is infinite in row 2: Infinity; fix the cells"),
    "mixed numbers and words": ("a,b,y\nTrue,2,3\nFalse,x,4\n", [], r"'b' is not a number in row 2: 'x'"),
    "a constant target": ("a,b,y\n1,2,3\n2,3,3\n", [], r"target 'y' is 3 in every row; there is nothing to learn"),
    "a target constant in the held-out rows": (
        "a,b,y\n" + rows(40, "{0},{1},0\n") + "1,2,5\n",
        [],
        r"the target is 0 in every held-out row of table.csv, so that R2 is undefined",
    ),
    "a target of text": ("a,b,y\n1,2,red\n2,3,blue\n", [], r"'y' is not a number in row 1: 'red'"),
    "names in capitals": ("A,B,Y\n1,2,3\n", [], r"no column 'y' for data.target; did you mean 'Y'"),
    "only the target is missing": (
        "a,b,z\n1,2,3\n4,5,6\n",
        [],
        r"there is no column 'y' for data.target\b.*\n.*the table has the columns \['a', 'b', 'z'\]; data=csv without",
    ),
    "no header": ("1,2,3\n4,5,6\n", [], r"the table has the columns \['1', '2', '3'\]"),
    "a target twice": ("a,b,y,y\n1,2,3,4\n", [], r"columns of the same name: \['y'\]; rename"),
    "two columns without a name": ("a,,,y\n1,2,3,4\n", [], r"no column 'b' .*\n.*'a', 'column_2', 'column_3', 'y'\]"),
    "dates in another format": (
        "a,b,d,y\n1,2,01/02/2011,3\n2,3,2011-01-02,4\n",
        ["data.date=d", "data.date_format='%m/%d/%Y'"],
        r"'d' is not a date in row 2: '2011-01-02'; data.date_format is '%m/%d/%Y'",
    ),
    "a day that never was": (
        "a,b,d,y\n1,2,2011-02-30,3\n",
        ["data.date=d"],
        r"'d' is not a date in row 1: '2011-02-30'",
    ),
    "allowed words, numbers in the table": (
        "a,b,y\n1,2,3\n2,3,4\n",
        ["+data.allowed.a=['1','2']"],
        r"'a' is not allowed in row 1: 1, row 2: 2; data.allowed has '1', '2' for it",
    ),
}
CSV = ("data=csv", "data.path=table.csv", "data.target=y", "data.numeric=[a,b]", "data.categorical=[]")


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_one_message_and_leaves_nothing(refuse, workdir, case):
    content, overrides, message = TABLES[case]
    (workdir / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse([*FAST, *CSV, *overrides], message)


def announce_much_and_hang_up(request):
    request.send_response(200)
    request.send_header("Content-Length", str(10 * 2**30))
    request.end_headers()
    request.wfile.write(b"a,b,y\n1,2,3\n")
    request.close_connection = True


def send_in_a_circle(request):
    request.send_response(302)
    request.send_header("Location", request.path)
    request.send_header("Content-Length", "0")
    request.end_headers()


SERVED = {
    "10 GB announced and not there": (
        announce_much_and_hang_up,
        r"cannot read 'http://.*': IncompleteRead\(12 bytes read",
    ),
    "sent in a circle": (send_in_a_circle, r"cannot read 'http://.*': .*(infinite loop|Found)"),
    "out of order": (answer(500, b"out of order"), r"cannot read 'http://.*': .*Internal Server Error"),
    "no such page": (answer(404, b""), r"cannot read 'http://.*': .*Not Found"),
    "nothing": (answer(200, b""), r"table.csv is empty; it needs a line of column names"),
    "slow": (lambda request: time.sleep(2), r"cannot read 'http://.*': .*timed out"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SERVED)
def test_a_bad_server_of_tables_is_one_message_and_leaves_nothing(refuse, monkeypatch, case):
    monkeypatch.setattr("bikeml.table.reading.source.DOWNLOAD_TIMEOUT_SECONDS", 1)
    handle, message = SERVED[case]
    with serving(handle) as address:
        refuse([*FAST, *CSV, f"data.path='{address}/table.csv'"], message)


UNFITTED = [
    ("model=rf model.estimator.bootstrap=false model.estimator.max_samples=5", r"`max_sample` cannot be set if"),
    ("preprocessing=standard +preprocessing.numeric.none={_target_: sklearn.feature_selection.VarianceThreshold, threshold: 1e9}", r"No feature .* meets the variance threshold"),
    ("preprocessing=imputed preprocessing.categorical.onehot.min_frequency=0.99 preprocessing.categorical.onehot.drop=[0]", r"drop"),
    ("+model.estimator.copy_X=true data.numeric=[season] data.categorical=[temp] preprocessing=standard preprocessing.categorical.onehot.handle_unknown=error", r"Found unknown categories"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), UNFITTED)
def test_what_only_the_fit_can_find_out_is_one_message_and_status_1(refuse, command, message):
    overrides = re.findall(r"(?:\{.*?\}|\S)+", command)
    refuse([*FAST, *overrides], rf"the pipeline could not be fitted: \w+: .*{message}", status=1)


@pytest.mark.parametrize("size", [1_000, 30_000, 60_000])
def test_a_full_disk_is_one_message_and_leaves_nothing_half_written(refuse, full_disk, size):
    full_disk(size)
    refuse(
        [*FAST, "hydra.run.dir=out"], r"cannot write the run folder '.*out': File too large; choose another", status=1
    )


@pytest.mark.long
def test_a_disk_too_full_for_a_warning_in_the_log_is_told_once(workdir):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
    code = f"{limit}from bikeml.__main__ import main; main()"  # joblib warns that it can make no semaphore
    words = [sys.executable, "-c", code, *FAST, "hydra.run.dir=out"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"bikeml: cannot write the run folder '.*out': File too large; choose .*\n", done.stderr)
    assert_nothing_left_behind(workdir, "out/bikeml.log")


@pytest.mark.slow
def test_a_full_disk_leaves_an_earlier_result_as_it_was(refuse, bikeml_main, workdir, full_disk):
    assert bikeml_main(*FAST, "hydra.run.dir=out") == 0
    before = {file: file.read_bytes() for file in (workdir / "out").rglob("*") if file.is_file()}
    full_disk(30_000)
    refuse([*FAST, "hydra.run.dir=out", "model=tree"], r"cannot write the run folder", status=1)
    assert {file: file.read_bytes() for file in (workdir / "out").rglob("*") if file.is_file()} == before


@pytest.mark.slow
def test_a_disk_too_full_for_the_store_keeps_the_result(refuse, full_disk):
    full_disk(200_000)
    refuse([*FAST[1:], "hydra.run.dir=out"], r"cannot record the run in '.*mlflow.db': .*nothing is lost", status=1)


def make_file(folder):
    (folder / "file").write_text("")


def make_foreign_model(folder):
    (folder / "out" / "model").mkdir(parents=True)
    (folder / "out" / "model" / "mine.txt").write_text("of my own")


def make_model_file(folder):
    (folder / "out").mkdir()
    (folder / "out" / "model").write_text("of my own")


def make_folder_for_a_figure(folder):
    (folder / "out" / "evaluate.png").mkdir(parents=True)


PLACES = [
    ("hydra.run.dir=/dev/null/out", make_file, r"cannot write the run folder: .*; choose another with hydra.run.dir=FOLDER"),
    ("hydra.run.dir=" + "x" * 300, make_file, r"cannot write the run folder: .*File name too long"),
    ("hydra.run.dir=out", make_foreign_model, r"model in '.*out' was not written by a run, or was changed; choose another hydra.run.dir"),
    ("hydra.run.dir=out", make_model_file, r"model in '.*out' was not written by a run, or was changed; choose another hydra.run.dir"),
    ("hydra.run.dir=out", make_folder_for_a_figure, r"evaluate.png in '.*out' was not written by a run, or was changed; choose another"),
    ("-m hydra.sweep.dir=/dev/null/sweep", make_file, r"cannot write to '/dev/null/sweep': .*; set hydra.sweep.dir"),
    ("-m hydra.sweep.dir=" + "x" * 300, make_file, r"cannot write to '.*': File name too long"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "prepare", "message"), PLACES)
def test_a_folder_that_cannot_be_written_is_one_message_and_keeps_what_was_there(
    refuse, workdir, command, prepare, message
):
    prepare(workdir)
    is_anothers = "was not written by a run" in message
    refuse([*FAST, *command.split()], message, status=2 if is_anothers else 1)
