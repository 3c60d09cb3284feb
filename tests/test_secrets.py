"""Secrets are hidden at their places and by their values; control characters and formulas do nothing."""

import base64
import html
import io
import json
import logging
import shlex
import sys
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bikeml
from bikeml.cli import start
from bikeml.config.overrides import override
from bikeml.config.schema import Config
from bikeml.config.sections import names_not_in_result
from bikeml.errors import BikemlError, ConfigError, DataError
from bikeml.records.sweep import FailureRecord
from bikeml.system.files import write_text
from bikeml.system.redaction import MASK, forget, hide, learn, learn_environment, learn_value, mask, redact, spare
from bikeml.system.redaction.names import RESULT_SECTIONS, is_secret_variable
from bikeml.system.sheets import to_sheet
from bikeml.tasks.reproduce import _find_table
from bikeml.terminal.clean import CleanFormatter, CleanStream, clean_output
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

RESERVED = ":/?#[]@!$&'()*+,;=%\\\"<>{}|^`~ é温"
SECRET = "s3cr:t/?#[]@!$&'()*+,;=%25\\\"<>é"


def is_usable(value):
    """Whether a text is more than blanks, digits, or one of the words that are hidden at their places only."""
    return len(value.strip("'\" ")) >= 8 and not value.strip("'\" ").isdigit()


secrets = st.text(alphabet="abcXYZ019._-" + RESERVED, min_size=8, max_size=30).filter(is_usable)


def write_forms(secret):
    """Return the forms in which libraries write a text."""
    return [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps(json.dumps(secret)),
        repr(secret),
        yaml.safe_dump({"a": secret}, allow_unicode=True, width=10**6),
        yaml.safe_dump({"a": secret}, width=10**6),
        html.escape(secret),
        html.escape(secret, quote=False),
        shlex.quote(secret),
        override("a", secret),
        *(base64.b64encode(before.encode() + secret.encode()).decode() for before in ("", "u:", "me:")),
        base64.urlsafe_b64encode(f"user:{secret}".encode()).decode(),
    ]


def check_hidden(secret, text):
    """Fail if a part of the secret that tells something is in the text."""
    assert MASK in text
    for form in write_forms(secret):
        core = form.strip("'\"\n a:=")
        assert len(core) < 8 or core[1:-1] not in text


@settings(max_examples=25)
@given(secret=secrets)
@example(secret=SECRET)
@example(secret="\\\\\\\\@@@@")
@example(secret="''''''''")
@example(secret="%2525%41%")
def test_a_learned_value_is_hidden_in_every_form(secret):
    forget()
    learn_value(secret)
    for form in write_forms(secret):
        check_hidden(secret, hide(f"before {form} after"))


@settings(max_examples=25)
@given(secret=secrets, scheme=st.sampled_from(["https", "postgresql", "mysql+pymysql", "s3", "mlflow"]))
@example(secret=SECRET, scheme="https")
@example(secret="/password", scheme="https")
@example(secret="12345/67", scheme="mysql")
def test_a_password_in_an_address_is_hidden_with_any_character_in_it(secret, scheme):
    forget()
    for written in {quote(secret, safe=""), secret.strip()}:
        if scheme == "https" and written.partition("/")[0].partition("?")[0].partition("#")[0].isdigit():
            continue  # it is a port to every library
        forget()
        address = f"{scheme}://user:{written}@host.example/path/x.csv"
        learn(override("data.path", address), {"data": {"path": address}})
        for text in (address, f"cannot read {address!r}: refused", json.dumps([address])):
            check_hidden(secret, redact(text))


@settings(max_examples=25)
@given(secret=secrets, name=st.sampled_from(["vars.password", "vars.my_token", "hydra.job.env_set.A_SECRET"]))
@example(secret=SECRET, name="vars.db.api_key")
def test_a_value_with_the_name_of_a_secret_is_hidden_in_an_override(secret, name):
    forget()
    word = override(f"+{name}", secret)
    learn(word)
    for text in (word, shlex.join(["bikeml", word, "model=rf"]), repr([word])):
        check_hidden(secret, redact(text))


PLACES = [
    ("https://h/x?pwd=abc", "https://h/x?pwd=***"),
    ("https://h/x?code=abc&n=1", "https://h/x?code=***&n=1"),
    ("https://h/x#access_token=abc&state=1", "https://h/x#access_token=***&state=1"),
    ("https://h/x?key=1", "https://h/x?key=***"),
    ("https://h/x?%74oken=abc", "https://h/x?%74oken=***"),
    ("https://h/x?X-Amz-Signature=abc&X-Amz-Date=1", "https://h/x?X-Amz-Signature=***&X-Amz-Date=1"),
    ("https://token@h/x", "https://***@h/x"),
    ("https://me:p/w@h/x", "https://***@h/x"),
    ("https://me:p@w@h/x", "https://***@h/x"),
    ("postgresql://u:1/2@h/db", "postgresql://***@h/db"),
    ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
    ("https://h:8080/@scope/x?mail=a@b", "https://h:8080/@scope/x?mail=a@b"),
    ("file:///C:/a@b", "file:///C:/a@b"),
    ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
    ("AccountName=a;AccountKey=abc==;EndpointSuffix=x", "AccountName=a;AccountKey=***;EndpointSuffix=x"),
    ("+hydra.job.env_set.MY_TOKEN=abc", "+hydra.job.env_set.MY_TOKEN=***"),
    ("{'password': 'a b', 'n': 1}", "{'password': '***', 'n': 1}"),
    ("vars:\n  db:\n    password: a b\n  n: 3", "vars:\n  db:\n    password: ***\n  n: 3"),
    ("Authorization: Basic YWJjOmRlZg==", "Authorization: ***"),
    ("header: 'Authorization: Bearer abcdefgh'", "header: 'Authorization: Bearer ***'"),
    ("header: 'X-Api-Key: abcdefgh'", "header: 'X-Api-Key: ***'"),
    ("Bearer abcdefgh", "Bearer ***"),
    ("Basic regression", "Basic regression"),
    ("tool '--password abc' --token=abc", "tool '--password ***' --token=***"),
    ("//me:abc@h/x", "//***@h/x"),
    ("https:/me:abc@h/x", "https:/***@h/x"),
    ("models:/name@champion", "models:/name@champion"),
    ("mlflow-artifacts:/1/a@b", "mlflow-artifacts:/1/a@b"),
    ("//server/share/a@b", "//server/share/a@b"),
    ("+vars.conn_str=abc", "+vars.conn_str=***"),
    ("model.estimator.max_tokens=100", "model.estimator.max_tokens=100"),
    ("data.key=abc", "data.key=abc"),
    ("an experiment takes key=value", "an experiment takes key=value"),
    ("curl -u me:abc https://h/x", "curl -u me:*** https://h/x"),
    ("curl --user 'me:abc' https://h/x", "curl --user 'me:***' https://h/x"),
    ("scp x me:abc@h.org:y", "scp x me:***@h.org:y"),
    ("oauth2:abc@gitlab.com/x", "oauth2:***@gitlab.com/x"),
    ("me:a:b@tcp(localhost:3306)/db", "me:***@tcp(localhost:3306)/db"),
    ("git@h.org:me/x.git", "git@h.org:me/x.git"),
    ("registry.io/x:latest@sha256:0a1b", "registry.io/x:latest@sha256:0a1b"),
    ("mail to mailto:me@h.org/", "mail to mailto:me@h.org/"),
    ("https://h/x;jsessionid=abc", "https://h/x;jsessionid=***"),
    ("password = abc", "password = ***"),
    ('token = "a b"', 'token = "***"'),
    ("if password == abc", "if password == abc"),
    ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: ***"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\ndef\n-----END", "-----BEGIN RSA PRIVATE KEY-----***-----END"),
    ("it said: ghp_0123456789abcdefghij", "it said: ***"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_d", "***"),
    ("password: null", "password: null"),
    ("token: ${oc.env:TOKEN}", "token: ${oc.env:TOKEN}"),
]


@pytest.mark.parametrize(("text", "shown"), PLACES)
def test_a_secret_is_hidden_at_its_place(text, shown):
    assert redact(text) == shown


def test_in_code_an_argument_is_no_secret():
    code = "connect(password=password, token='a')\nurl = 'https://me:pw@host/'\n"
    assert redact(code, is_code=True) == "connect(password=password, token='a')\nurl = 'https://***@host/'\n"


@pytest.mark.parametrize(
    "name",
    [
        "MY_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_SAS_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "STORAGE_SAS",
        "AZURE_STORAGE_CONNECTION_STRING",
        "DB_PWD",
        "DB_PASS",
        "OPENAI_API_KEY",
        "GITHUB_PAT",
        "dbPassword",
    ],
)
def test_an_environment_variable_is_a_secret_by_its_name(name, monkeypatch):
    monkeypatch.setenv(name, "hunter2-hunter2")
    learn_environment()
    assert redact("it is hunter2-hunter2") == "it is ***"


@pytest.mark.parametrize(
    "name",
    [
        "PWD",
        "OLDPWD",
        "TOKENIZERS_PARALLELISM",
        "AWS_SHARED_CREDENTIALS_FILE",
        "KEYBOARD",
        "SSH_ASKPASS",
        "PATH",
        "MONKEY",
        "TOKEN_TYPE",
        "AZURE_FEDERATED_TOKEN_FILE",
        "SASL_MECHANISM",
        "XDG_SESSION_ID",
    ],
)
def test_other_variables_are_none(name):
    assert not is_secret_variable(name)


def test_a_variable_that_names_a_folder_is_none_and_an_address_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_CREDENTIALS", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2-hunter2@proxy:8080")
    learn_environment()
    assert redact(f"{tmp_path} hunter2-hunter2") == f"{tmp_path} ***"


def test_the_items_of_a_list_below_a_secrets_key_are_secrets():
    learn("++vars.secrets=[hunter2-hunter2,{a: hunter3-hunter3}]")
    assert redact("hunter2-hunter2 hunter3-hunter3") == "*** ***"


def test_a_short_value_is_hidden_at_its_place_only():
    learn("+vars.password=hush")
    assert redact("hush: +vars.password=hush") == "hush: +vars.password=***"


def test_a_value_that_determines_the_result_stays():
    learn("+vars.token=temperature", "+vars.password=hunter2-hunter2")
    spare({"columns": ["the temperature"], "temperature": 1}, ["hum"])
    learn({"vars": {"token": "temperature"}})
    assert redact("temperature, hunter2-hunter2") == "temperature, ***"


def test_the_sections_that_determine_the_result_are_those_of_the_schema():
    assert Config.model_fields.keys() - names_not_in_result() == RESULT_SECTIONS


def test_values_of_a_config_are_masked_by_key_and_in_texts():
    config = {
        "vars": {"db": {"password": "hush", "user": "me"}, "secrets": {"a": 1, "b": ["x"]}, "token": None},
        "model": {"estimator": {"token_pattern": "abc", "key": "x"}},
        "data": {"path": "https://h/?sig=abc"},
        "tracking": {"tags": {"api_key": "abc"}},
    }
    assert mask(config) == {
        "vars": {"db": {"password": "***", "user": "me"}, "secrets": {"a": "***", "b": ["***"]}, "token": None},
        "model": {"estimator": {"token_pattern": "abc", "key": "x"}},
        "data": {"path": "https://h/?sig=***"},
        "tracking": {"tags": {"api_key": "***"}},
    }


def test_an_error_holds_no_secret_however_it_is_shown():
    learn_value("hunter2-hunter2")
    error = ConfigError("cannot use hunter2-hunter2 of https://me:pw@host/")
    error.add_note("hunter2-hunter2")
    shown = f"{error} {error!r} {error.args} {error.__notes__} {BikemlError._render_traceback_(error)}"
    assert "hunter2" not in shown
    assert "pw@" not in shown


def test_a_record_and_a_file_hold_no_secret_and_are_read_back(tmp_path):
    learn_value('hunter2"\\hunter2')
    FailureRecord(error='x hunter2"\\hunter2 y', overrides=(), command="").write(tmp_path)
    assert FailureRecord.read(tmp_path).error == "x *** y"
    write_text(tmp_path / "page.html", "<p>hunter2&quot;\\hunter2</p>")
    assert (tmp_path / "page.html").read_text() == "<p>***</p>"


def test_a_number_in_a_file_stays_a_number(tmp_path):
    learn_value("12345678")
    write_text(tmp_path / "x.json", '{"a": 12345678}')
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 12345678}
    assert redact("pin 12345678, 123456789, 0.12345678") == "pin ***, 123456789, 0.12345678"


def test_a_log_holds_no_secret_in_messages_arguments_and_tracebacks():
    learn_value("hunter2-hunter2")
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(CleanFormatter(logging.Formatter("%(message)s")))
    logger = logging.Logger("urllib3")  # noqa: LOG001  one that no other test has
    logger.addHandler(handler)
    logger.warning("Retrying /x?token=%s with \x1b]0;%s", "abc", "hunter2-hunter2")
    try:
        int("hunter2-hunter2")
    except ValueError:
        logger.exception("failed")
    assert "hunter2" not in output.getvalue()
    assert "/x?token=*** with ␛]0;***\n" in output.getvalue()
    assert "ValueError: invalid literal for int() with base 10: '***'" in output.getvalue()


def test_the_output_is_clean_and_colours_and_data_keep_their_escapes(capsys):
    learn_value("hunter2-hunter2")
    with clean_output():
        sys.stdout.write("a\x1b[31m\r\u202e hunter2-hunter2\nb\n")
        sys.stdout.with_escapes.write("data \x1b hunter2-hunter2\n")
        assert isinstance(sys.stderr, CleanStream)
    assert capsys.readouterr().out == "a␛[31m␍\\u202e ***\nb\ndata \x1b ***\n"
    assert not isinstance(sys.stdout, CleanStream)


def test_tables_facts_and_notices_show_names_in_one_line(capsys):
    learn_value("hunter2-hunter2")
    show_table(build_table(["a\x1b[1m"], [["b\nc"], ["hunter2-hunter2"]], "d\x1be"))
    show_facts({"f\x07": "g\x1b\nh hunter2-hunter2"})
    show_notice("i\x9b1m")
    shown = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b"} & {*shown.out, *shown.err}
    for text in ("a␛[1m", "b␊c", "d␛e", "f␇  g␛\n", "  h ***\n"):
        assert text in shown.out
    assert shown.err == "bikeml: i\\x9b1m\n"


def test_a_spreadsheet_gets_text_and_numbers_as_they_are():
    cells = [
        "=1+1",
        "+a",
        "-a",
        "@a",
        "\ta",
        "\ra",
        "a=1",
        "-3.5",
        "+1e5",
        "",
        None,
        "＝1",
        "a;=1",
        'a; "@b',
        "a\n-b",
        "a;b=1",
    ]
    table = pd.DataFrame({"text": cells, "number": [-1.5] * len(cells)})
    read = pd.read_csv(io.StringIO(to_sheet(table)), keep_default_na=False, dtype={"text": str})
    safe = [
        "'=1+1",
        "'+a",
        "'-a",
        "'@a",
        "'\ta",
        "␍a",
        "a=1",
        "-3.5",
        "+1e5",
        "",
        "",
        "'＝1",
        "a;'=1",
        "a; \"'@b",
        "a\n'-b",
        "a;b=1",
    ]
    assert [*read["text"]] == safe
    assert [*read["number"]] == [-1.5] * len(cells)
    assert table["text"].iloc[0] == "=1+1"


def test_reproduce_asks_for_an_address_whose_secret_is_not_recorded():
    told = r"the secret in 'https://\*{3}@h/x.csv' is not recorded; set table=FILE to where it is"
    with pytest.raises(DataError, match=told):
        _find_table("0" * 64, "table", None, "https://***@h/x.csv")


@pytest.mark.slow
def test_what_hydra_itself_writes_of_a_run_holds_no_secret(workdir, capfd):
    words = [
        "tracking=none",
        "evaluation.importance=none",
        "evaluation.bootstrap_samples=100",
        "hydra.output_subdir=.h",
    ]
    secrets = ["+vars.password=hush", "+vars.note=hunter2-hunter2", "+hydra.job.env_set.MY_TOKEN=hunter2-hunter2"]
    assert start([*words, *secrets, "hydra.run.dir=out"]) == 0
    files = [file for file in (workdir / "out").rglob("*") if file.is_file()]
    assert {"config.yaml", "hydra.yaml", "overrides.yaml"} <= {file.name for file in files if file.parent.name == ".h"}
    held = [file.name for file in files if b"hunter2" in file.read_bytes() or b"hush" in file.read_bytes()]
    assert held == []
    assert "hunter2" not in "".join(capfd.readouterr())


def test_cfg_shows_no_secret_and_tells_what_it_is_of(capsys):
    assert start(["--cfg", "job", "data.path='https://h/x.csv?sig=abcdef'", "+vars.password=hush"]) == 0
    shown = capsys.readouterr().out
    assert "  path: https://h/x.csv?sig=***\n" in shown
    assert "  password: ***\n" in shown
    assert "abcdef" not in shown


@pytest.mark.slow
def test_a_column_with_the_name_that_is_a_password_elsewhere_keeps_it(workdir, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "temperature")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"temperature": rng.normal(size=60), "hum": rng.normal(size=60)})
    table.assign(price=table["temperature"] + rng.normal(size=60)).to_csv("t.csv", index=False)
    words = ["data=csv", "data.path=t.csv", "data.target=price", "tracking=none", "evaluation.importance=none"]
    assert start([*words, "hydra.run.dir=out"]) == 0
    assert "temperature" in json.loads((workdir / "out" / "result.json").read_text())["dataset"]["columns"]
    assert len(bikeml.load("out").predict(table)) == 60
