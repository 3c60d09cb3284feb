"""The page of a table, in a real browser where there is one."""

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bikeml.pages import look_plots
from bikeml.table.association import correlate, correlation_ratio, count_copies, predict_alone
from bikeml.table.hints import find_hints
from bikeml.table.look import Column, look_at
from bikeml.tasks.tables.explore import Explorable, Options, choose, explore, read_explorable, render_page, show_number
from tests.browser.fixtures import CONTRASTS, PHONE
from tests.conftest import DAILY, config_of

HOSTILE = """<script>window.hacked=1</script>"'`><img src=x onerror=window.hacked=1> $x_1$ 雪 {{7*7}} """ + "w" * 90


@pytest.fixture
def call(workdir, call_task):
    return lambda *arguments: call_task("explore", *arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page of the embedded table."""
    folder = tmp_path_factory.mktemp("made")
    config, options = config_of(), Options(output=str(folder), max_rows=100_000, max_columns=40, write=None)
    explore(config, options)
    return folder


def look_at_daily(*overrides, max_rows=100_000, **columns):
    config = config_of(*overrides)
    frame = read_explorable(config)[0].assign(**columns)
    return look_at(frame, config, max_rows)


def column(looked, name):
    return next(each for each in looked.columns if each.name == name)


def test_a_table_becomes_one_page_and_two_pictures(made):
    assert {file.name for file in made.iterdir()} == {"explore.html", "distributions.png", "relations.png"}
    assert all(file.read_bytes().endswith(b"IEND\xaeB`\x82") for file in made.glob("*.png"))
    page = (made / "explore.html").read_text()
    assert len(page) < 700_000
    assert page.count("<figure>") == 14 + 13


def test_the_figures_are_those_of_the_table(made):
    table, looked = pd.read_csv(DAILY), look_at_daily()
    rentals, hum, season = (column(looked, name) for name in ("rentals", "hum", "season"))
    assert (rentals.role, rentals.mean, rentals.median) == (
        "target",
        table["rentals"].mean(),
        table["rentals"].median(),
    )
    assert (hum.low, hum.high, hum.n_levels) == (table["hum"].min(), table["hum"].max(), table["hum"].nunique())
    assert hum.correlation == pytest.approx(table["hum"].corr(table["rentals"]))
    assert hum.association == pytest.approx(abs(table["hum"].corr(table["rentals"], method="spearman")))
    assert season.kind == "category"
    assert column(looked, "dteday").kind == "date"
    lower, upper = table["hum"].quantile([0.25, 0.75])
    far = 1.5 * (upper - lower)
    assert hum.n_outliers == ((table["hum"] < lower - far) | (table["hum"] > upper + far)).sum() == 2
    page = (made / "explore.html").read_text()
    assert "mean 848.2, median 713" in page


@pytest.mark.slow
def test_the_held_out_part_is_that_of_the_experiment(made):
    import bikeml

    fast = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
    result = bikeml.run(*fast, "hydra.run.dir=out")
    assert set(np.flatnonzero(look_at_daily().held_out) + 1) == set(result.predictions["row"])


def hints(looked):
    return [headline for headline, _ in find_hints(looked)]


def test_the_only_hint_at_the_embedded_table_is_the_pair_of_temperatures():
    assert hints(look_at_daily()) == ["temp and atemp say almost the same"]


@pytest.mark.slow
@pytest.mark.parametrize("date_format", ["%Q", "%d %d"])
def test_a_bad_date_format_is_told_where_the_split_is_by_date(date_format):
    words = ("data.date=dteday", f"data.date_format='{date_format}'")
    assert look_at_daily("split=random", *words).held_out is not None
    looked = look_at_daily("split=chronological", *words)
    assert looked.held_out is None
    assert looked.why_not_split.startswith(f"data.date_format='{date_format}' is not a date format: ")
    assert "No rows can be held out" in hints(looked)


@pytest.mark.slow
def test_leaks_constants_gaps_and_drift_are_hinted_at():
    y = pd.read_csv(DAILY)["rentals"]
    rng = np.random.default_rng(0)
    gaps = pd.Series(rng.normal(size=len(y))).where(rng.random(len(y)) < 0.5)
    looked = look_at_daily(
        log=np.log(y + 1),
        code=pd.cut(y, 200).astype(str),
        same=1,
        nothing=np.nan,
        gaps=gaps,
        noise=rng.normal(size=731),
    )
    found = hints(looked)
    assert {"log is almost the target", "code is almost the target"} <= {*found}
    assert {"same is constant", "nothing is empty"} <= {*found}
    assert any(re.fullmatch(r"gaps is missing in \d\d% of rows", hint) for hint in found)
    assert not any(hint.startswith("noise") for hint in found)
    drifting = hints(look_at_daily("split=chronological"))
    assert any(re.fullmatch(r"\d columns drift", hint) for hint in drifting)
    assert not any("drift" in hint for hint in found)


def test_twins_across_the_split_and_copies_are_counted():
    config = config_of()
    table = read_explorable(config)[0]
    doubled = pd.concat([table, table.head(100)], ignore_index=True)
    looked = look_at(doubled, config, 100_000)
    assert looked.copies.n_duplicates == 100
    features = doubled[config.data.features]
    out, rest = features[looked.held_out], features[~looked.held_out]
    expected = out.merge(rest.drop_duplicates(), how="inner").shape[0]
    assert looked.copies.n_shared == expected > 0
    assert f"{expected} held-out rows have a twin in the rest" in hints(looked)


def test_the_correlation_ratio_is_1_of_a_copy_and_0_of_noise_however_many_levels_it_has():
    y = pd.Series(np.repeat([1.0, 5.0, 9.0], 200))
    assert correlation_ratio(y.astype(str), y) == 1
    noise = pd.Series(np.random.default_rng(0).integers(0, 200, 600).astype(str))
    assert correlation_ratio(noise, y) < 0.25
    assert correlation_ratio(pd.Series(range(600)).astype(str), y) == 0


def test_a_category_that_is_all_but_unique_says_nothing_of_the_target():
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = rng.normal(size=500)
        code = pd.Series([0, *range(499)]).map(str)
        assert correlation_ratio(code, pd.Series(y)) == 0
        assert predict_alone(code, y) == 0


def test_the_levels_of_a_target_predict_it_and_the_square_root_of_its_square_too():
    y = np.random.default_rng(0).normal(size=500)
    assert predict_alone(pd.Series(np.round(y, 1)).map(str), np.round(y, 1)) == 1
    assert predict_alone(pd.Series(y), y**2) > 0.99
    assert predict_alone(pd.Series(y), np.random.default_rng(1).normal(size=500)) == 0


@pytest.mark.slow
def test_gaps_that_rise_in_the_held_out_part_drift_and_others_do_not():
    looked = look_at_daily()
    rng, temp = np.random.default_rng(0), pd.read_csv(DAILY)["temp"]
    late = look_at_daily(temp=temp.where(rng.random(731) > np.where(looked.held_out, 0.25, 0.05)))
    assert "The gaps of 1 column drift" in hints(late)
    assert column(late, "temp").gap_drift == pytest.approx(0.2, abs=0.06)
    same = look_at_daily(temp=temp.where(rng.random(731) > 0.1))
    assert not any("drift" in hint for hint in hints(same))


def test_copies_are_told_only_above_chance():
    rng = np.random.default_rng(0)
    region = rng.integers(0, 9, 400)
    few = pd.DataFrame({"a": region, "b": region // 3, "c": rng.integers(0, 3, 400), "d": rng.integers(0, 2, 400)})
    is_feature, held_out = np.array([True, True, True, False]), rng.random(400) < 0.3
    found = count_copies(few, is_feature, held_out)
    assert found.n_duplicates > 300
    assert (found.are_duplicates, found.are_shared) == (False, False)
    many = few.assign(a=rng.normal(size=400))
    found = count_copies(pd.concat([many, many[:20]]), is_feature, np.concatenate([held_out, ~held_out[:20]]))
    assert found == (20, 20, True, True)
    assert count_copies(many, is_feature, None) == (0, 0, False, False)


@pytest.mark.slow
def test_a_line_break_in_the_name_of_a_column_begins_no_line(call, workdir):
    rng = np.random.default_rng(0)
    pd.DataFrame({"y": rng.normal(size=40), "a\nFORGED": rng.normal(size=40)}).to_csv("my.csv", index=False)
    lines = call("data=csv", "data.path=my.csv", "data.target=y")[2].splitlines()
    assert [line[:25] for line in lines if "FORGED" in line] == ["y goes most with a␊FORGED"]


@pytest.mark.slow
def test_of_a_large_table_a_sample_is_looked_at_and_the_page_says_so(call, workdir):
    rows = np.random.default_rng(0).integers(0, 100, 20_000)
    pd.DataFrame({"y": rows, "a": rows / 7, "b": "x"}).to_csv("my.csv", index=False)
    status, out, err = call(*CSV, "max_rows=1000", "output=my/table")
    assert (status, out) == (0, "my/table/explore.html\n")
    assert err.splitlines() == [
        "20,000 rows, 3 columns",
        "y goes most with a 1.00 (from 0 to 1)",
        "a is almost the target. Their association is 1.000: leave it out of the features.",
        "19,900 rows are copies of earlier ones. Leave them out, unless they are true repeats.",
        "b is constant. Its value is the same in every row; leave it out.",
    ]
    page = (workdir / "my/table/explore.html").read_text()
    assert re.search(r"<dd>20,000 <small>1,000 sampled</small>", page)
    assert "All values come from 1,000 rows drawn at random." in page


@pytest.mark.slow
def test_the_most_serious_findings_are_told_and_the_others_counted(call, workdir):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.normal(size=60), "a": rng.normal(size=60), "b": "x"})
    call_for = ("data=csv", "data.path=my.csv", "data.target=y")
    table[["y", "a"]].to_csv("my.csv", index=False)
    assert call(*call_for)[2].splitlines()[-1] == "nothing stands out"
    twice = table.assign(**{f"c{i}": table["a"] + i for i in range(3)}, **{f"e{i}": np.nan for i in range(3)}, d=1)
    numeric = "data.numeric=[a,c0,c1,c2,e0,e1,e2,d]"
    twice.to_csv("my.csv", index=False)
    told = call(*call_for, numeric, "data.categorical=[b]", "output=twice")[2].splitlines()
    assert told[1].startswith("y goes most with a 0.")
    assert told[-1] == "and 1 more on the page"
    assert len(told) == 1 + 1 + 5 + 1


def table_of(**columns):
    return pd.DataFrame({"y": np.arange(40.0), **columns}).to_csv(index=False)


CSV = ("data=csv", "data.path=my.csv", "data.target=y", "data.numeric=[a]", "data.categorical=[b]", "data.name=mine")
TABLES = {
    "an empty column": table_of(a=np.nan, b="x"),
    "a constant": table_of(a=1.0, b="x"),
    "a thousand levels": pd.DataFrame(
        {"y": range(2000), "a": 0.5, "b": [f"level {i % 1000}" for i in range(2000)]}
    ).to_csv(index=False),
    "one row": "y,a,b\n1,2,x\n",
    "two rows": "y,a,b\n1,2,x\n2,3,z\n",
    "the target alone and another": "y,c\n1,\n2,\n",
    "a constant target": "y,a,b\n" + "1,2,x\n" * 30,
    "gaps in the target": "y,a,b\n" + "1,2,x\n,3,z\n2,,\n" * 20,
    "infinities": table_of(a=[np.inf, -np.inf] * 20, b="x"),
    "booleans": table_of(a=[True, False] * 20, b=[True, False] * 20),
    "large integers": "y,a,b\n" + "".join(f"{i},{10**25 + i},{10**25 + i}\n" for i in range(30)),
    "large numbers": "y,a,b\n" + "".join(f"{1e16 + i},{1e25},x\n" for i in range(30)),
    "a target of booleans": "y,a,b\n" + "True,1,x\nFalse,2,z\n,3,z\n" * 20,
    "a target of large integers": "y,a,b\n" + "".join(f"{i * 10**25},{i},x\n" for i in range(30)),
    "long text": table_of(a=["x" * 5000] * 40, b="$\\frac{$"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLES)
def test_odd_tables_have_their_page(call, workdir, case):
    (workdir / "my.csv").write_text(TABLES[case])
    status, out, err = call(*CSV)
    assert (status, out) == (0, "explore/explore.html\n"), err
    assert (workdir / "explore/explore.html").read_text().rstrip().endswith("</html>")
    assert not list((workdir / "explore").glob(".*"))


REFUSED = {
    "nothing": ("", r"my.csv is empty; it needs a line of column names"),
    "no rows": ("y,a,b\n", r"my.csv has no rows below its column names"),
    "another target": ("z,a,b\n1,2,3\n", r"my.csv has no column 'y'; it has \['z', 'a', 'b'\]; set data.target"),
    "a target of words": (
        "y,a,b\n1,2,3\nred,2,3\n",
        r"my.csv: column 'y' is not a number in row 2: 'red'; fix the cells, or set data.target",
    ),
    "an empty target": ("y,a,b\n,2,3\n,2,3\n", r"column 'y' is empty in every row; fix the cells, or set data.target"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", r"my.csv is not a text file"),
    "one column": ("y\n1\n2\n", r"my.csv has one column, 'y', and needs two"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_with_a_target_is_one_message_and_leaves_nothing(refuse, workdir, case):
    content, message = REFUSED[case]
    (workdir / "my.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse(CSV, message)


@pytest.mark.parametrize(
    ("command", "message", "status"),
    [
        ("data.path=nowhere.csv", r"there is no table at 'nowhere.csv'", 2),
        ("max_rows=5", r"max_rows=5 should be greater than or equal to 100", 2),
        ("output=/dev/null/x", r"cannot write to '/dev/null/x': .*; set output to another folder", 1),
    ],
)
def test_a_wrong_command_is_one_message_and_leaves_nothing(refuse, command, message, status):
    refuse(command.split(), message, status)


@pytest.mark.slow
def test_an_interrupt_leaves_no_half_of_a_page(call, workdir, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bikeml.tasks.tables.explore.render_page", interrupt)
    assert call() == (130, "", "bikeml: interrupted\n")
    assert list((workdir / "explore").iterdir()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (-1.5, "−1.5"),
        (1234.5, "1,234"),
        (0.00012345, "0.0001234"),
        (3, "3"),
        (12345678.0, "1.235e7"),
        (-1e-9, "−1e−9"),
        (1e7, "1e7"),
        (9_999_999.0, "9,999,999"),
    ],
)
def test_numbers_are_short(value, text):
    assert show_number(value) == text


def look_at_frame(frame, reasons=None, words=(), **roles):
    """Look at a table of one's own, whose columns have these roles; other columns are in no list."""
    config = config_of("data=csv", "data.path=my.csv", "data.target=y", *words)
    lists = {role: [] for role in ("numeric", "categorical", "date", "text", "ignored")}
    data = config.data.model_copy(update=lists | roles)
    return look_at(frame, config.model_copy(update={"data": data}), 100_000, reasons)


@pytest.fixture(scope="module")
def mixed():
    """A table with a column of each role, and gaps."""
    rng = np.random.default_rng(0)
    n = 400
    dates = pd.date_range("2019-01-01", periods=n).strftime("%Y-%m-%d")
    words = rng.choice(["a", "house", "with", "garden", "and", "many", "rooms"], (n, 6))
    frame = pd.DataFrame(
        {
            "y": np.arange(n) + rng.normal(size=n),
            "size": pd.Series(rng.normal(size=n)).where(rng.random(n) > 0.1),
            "town": [f"town {i}" for i in rng.integers(0, 28, n)],
            "sold": dates,
            "note": [" ".join(row) + f" {i}" for i, row in enumerate(words)],
            "remark": rng.choice([f"remark {i} of an expert" for i in range(50)], n),
            "id": range(n),
            "same": "x",
        }
    )
    roles = {"numeric": ["size"], "categorical": ["town"], "date": ["sold"], "text": ["note", "remark"]}
    reasons = {"id": "an id", "same": "a constant"}
    return look_at_frame(frame, reasons, **roles, ignored=["id", "same"])


def page_of(looked):
    return render_page(looked, Explorable(looked.frame, looked.config, [], {}), choose(looked, 40))


@pytest.mark.slow
def test_each_column_has_its_role_and_kind(mixed):
    assert [(each.name, each.role, each.kind) for each in mixed.columns] == [
        ("y", "target", "number"),
        ("size", "numeric", "number"),
        ("town", "categorical", "category"),
        ("sold", "date", "date"),
        ("note", "text", "text"),
        ("remark", "text", "text"),
        ("id", "ignored", "number"),
        ("same", "ignored", "category"),
    ]
    sold = column(mixed, "sold")
    assert (sold.low, sold.high) == (pd.Timestamp("2019-01-01"), pd.Timestamp("2020-02-04"))
    assert sold.association > 0.99
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page_of(mixed)))
    for said in ("ignored an id", "ignored a constant", "numeric decimal", "2019-01-01 2020-02-04"):
        assert said in text


@pytest.mark.slow
def test_dates_are_drawn_over_time_and_text_by_length_or_value(mixed):
    page = page_of(mixed)
    captions = re.findall(r"<figcaption>(.*?)<span>(.*?)</span>", page)
    assert ("sold", "rows of each week") in captions
    assert ("sold", f"mean of each week, correlation of ranks {column(mixed, 'sold').association:.2f}") in captions
    assert ("note", "lengths in characters of 400 values") in captions
    assert ("remark", "12 of 50 values") in captions
    assert ("town", "12 of 28 levels") in captions
    assert any(name == "town" and text.startswith("12 of 28 levels, correlation ratio") for name, text in captions)
    assert [name for name, _ in captions].count("note") == 1


def test_what_is_left_out_is_drawn_last(mixed):
    assert [each.name for each in choose(mixed, 3)] == ["y", "sold", "size"]
    assert {each.name for each in choose(mixed, 40)[-2:]} == {"id", "same"}


@pytest.mark.parametrize(
    ("first", "last", "period"),
    [
        ("2020-01-01 10:00", "2020-01-01 10:40", "minute"),
        ("2020-01-01", "2020-01-02", "hour"),
        ("2020-01-01", "2020-02-20", "day"),
        ("2020-01-01", "2020-12-31", "week"),
        ("2020-01-01", "2023-12-31", "month"),
        ("2010-01-01", "2023-12-31", "quarter"),
        ("1900-01-01", "1950-12-31", "year"),
        ("1700-01-01", "2020-12-31", "year"),
    ],
)
def test_the_period_of_dates_leaves_few_enough_to_draw(first, last, period):
    dates = Column("d", "date", "date", "", "date", 0, 0.0, 9, low=pd.Timestamp(first), high=pd.Timestamp(last))
    assert look_plots.find_period(dates) == period


@pytest.mark.slow
def test_gaps_are_said_and_what_was_left_out_for_a_reason_is_not_blamed(mixed):
    found = dict(find_hints(mixed))
    assert found["1 column has gaps"].startswith("Missing cells: size ")
    assert "The preprocessing fills those of numbers, unless the model takes gaps." in found["1 column has gaps"]
    assert not any(each.startswith("same") for each in found)
    assert "Nothing stands out" not in page_of(mixed)


@pytest.mark.slow
def test_hints_say_what_the_chosen_preprocessing_does():
    frame = pd.DataFrame({"y": range(300), "code": [f"c{i % 150}" for i in range(300)], "note": "some words"})
    roles = {"categorical": ["code"], "text": ["note"]}
    standard = dict(find_hints(look_at_frame(frame, words=["preprocessing=standard"], **roles)))
    assert standard["code has 150 levels"].startswith("One-hot encoding makes a column of each")
    assert standard["1 column of text is not used"] == "note: preprocessing=auto has steps for text."
    ordinal = dict(find_hints(look_at_frame(frame, words=["preprocessing=ordinal"], **roles)))
    assert "code has 150 levels" not in ordinal
    auto = dict(find_hints(look_at_frame(frame, **roles)))
    assert not {"code has 150 levels", "1 column of text is not used"} & auto.keys()


@pytest.mark.slow
def test_the_same_hint_at_many_columns_is_one_line():
    rng = np.random.default_rng(0)
    same = rng.normal(size=300)
    columns = {f"constant{i}": np.ones(300) for i in range(80)} | {f"copy{i}": same * (i + 1) for i in range(40)}
    columns |= {f"gaps{i}": np.where(rng.random(300) > 0.5, rng.normal(size=300), np.nan) for i in range(30)}
    frame = pd.DataFrame({"y": rng.normal(size=300)} | columns)
    found = dict(find_hints(look_at_frame(frame, numeric=[name for name in frame if name != "y"])))
    assert found["80 columns are constant"].endswith("constant5 and 74 more.")
    assert found["780 pairs of columns say almost the same"].startswith("copy0 and copy1 1.000, copy0 and copy2 1.000")
    assert "30 columns have gaps" in found
    assert len(found) == 3


def test_the_matrix_of_correlations_is_that_of_pandas_with_gaps_and_constants():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) * 1e6 + 1e9, columns=list("abcdef"))
    numbers = numbers.mask(rng.random(numbers.shape) < 0.3).assign(g=1.0, h=np.nan)
    expected = numbers.corr()
    pd.testing.assert_frame_equal(correlate(numbers), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_the_overview_has_the_numbers_that_are_nearest_to_the_target(unrendered):
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    frame = pd.DataFrame({"y": y} | {f"x{i}": y + rng.normal(size=200) * (i + 1) for i in range(30)})
    looked = look_at_frame(frame, numeric=[f"x{i}" for i in range(30)])
    overview = re.search(r'<table class="heat">.*?</table>', page_of(looked), re.DOTALL)[0]
    names = re.findall(r'<div class="name">\d+ (.*?)</div>', overview)
    assert names[:2] == ["y", "x0"]
    assert len(names) == 20
    assert len(re.findall("<td class", overview)) == 400
    assert page_of(look_at_daily()).count('class="heat"') == 1


def test_names_and_levels_with_the_same_beginning_stay_apart():
    stem = "the number of rooms of a house that was sold in"
    names = [f"{stem} {year}" for year in (2019, 2020)]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": range(40)} | {name: rng.choice([f"{stem} {i}" for i in (1, 2)], 40) for name in names})
    looked = look_at_frame(frame, categorical=names)
    _, axes = look_plots.make_picture(names)
    look_plots.draw_distribution(axes[0], looked, column(looked, names[0]))
    assert len({each.get_title() for each in axes}) == 2
    assert {each.get_text() for each in axes[0].get_yticklabels()} == {"…1", "…2"}


# What follows needs a browser.


@pytest.fixture
def hostile(call, workdir):
    """The page of a table whose every name and cell is hostile."""
    frame = pd.DataFrame({f"y {HOSTILE}": range(40), f"a {HOSTILE}": 0.5, f"b {HOSTILE}": [HOSTILE, "x"] * 20})
    frame.to_csv("my.csv", index=False)
    folder = workdir / "my conf" / "data"
    folder.mkdir(parents=True)
    names = dict(zip(("target", "numeric", "categorical"), frame.columns, strict=True))
    text = {"name": HOSTILE, "path": "my.csv", "target": names["target"], "numeric": [names["numeric"]]}
    import yaml

    text |= {"categorical": [names["categorical"]], "date": None, "date_format": None, "allowed": {}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(text | {"separator": ",", "encoding": "utf-8"}))
    with mpl.rc_context({"axes.formatter.use_mathtext": False}):
        status, _, err = call("--config-dir", "my conf", "data=mine")
    assert status == 0, err
    return workdir / "explore" / "explore.html"


@pytest.mark.slow
def test_hostile_names_and_cells_do_nothing_and_fit(hostile, look):
    page = look(hostile, viewport=PHONE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert "<script>window.hacked=1</script>" in page.locator("h1").inner_text()
    assert "{{7*7}}" in page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 768, 1366])
def test_nothing_but_the_table_scrolls_sideways(made, look, width):
    page = look(made / "explore.html", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_the_page_is_whole_without_script_and_sorts_with_it(made, look):
    page = look(made / "explore.html", java_script_enabled=False)
    assert page.locator("table.sortable tbody tr").count() == 14
    assert page.locator("figure svg").count() == 27
    assert page.locator("button").count() == 0
    page = look(made / "explore.html")
    page.get_by_role("button", name="distinct", exact=True).click()
    first = page.locator("table.sortable tbody tr").first
    assert first.locator("th").inner_text() in ("instant", "dteday")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(made, look, scheme):
    page = look(made / "explore.html", color_scheme=scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 200
    assert [each for each in contrasts if each[0] < 4.5] == []  # WCAG 2.2, AA
