"""Give the program secrets in every shape, let them come up everywhere, and look for them in all that it leaves."""

import base64
import html
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import quote, quote_plus

from tests.attacks.commands import import_all
from tests.attacks.forked import Ending, call
from tests.attacks.session import Case, judge_ending

LETTERS, RESERVED = "abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789", ":/?#[]@!$&'()*+,;=%\\\"<>{}|^`~ é"
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "evaluation.metrics=[r2]", "split.folds=2")
NOWHERE = "127.0.0.1:9"
"""A place where nobody answers."""
Given = tuple[list[str], dict[str, str]]
"""The words of a command, and variables."""
Shape = Callable[[str], Given]


def draw_secret(random: Random) -> str:
    """Return a secret: letters and digits with some reserved characters among them, none at an end that gets lost."""
    marks = [*random.choices(LETTERS, k=random.randint(10, 24)), *random.choices(RESERVED, k=random.randint(0, 5))]
    random.shuffle(marks)
    return random.choice(LETTERS) + "".join(marks) + random.choice(LETTERS)


def _word(key: str, value: str) -> Given:
    from bikeml.config.overrides import override

    return [override(key, value)], {}


def _address(form: str, key: str = "+tracking.tags.source") -> Shape:
    """Return the shape of a secret in an address, percent-encoded as it should be."""
    return lambda secret: _word(key, form.format(quote(secret, safe="")))


def _raw(form: str, key: str = "+tracking.tags.source") -> Shape:
    """Return the shape of a secret in a text, with all of its characters."""
    return lambda secret: _word(key, form.replace("{}", secret))


def _variable(name: str, form: str = "{}") -> Shape:
    return lambda secret: ([], {name: form.replace("{}", secret)})


PARAMETERS = (
    "sig",
    "pwd",
    "code",
    "token",
    "api_key",
    "X-Amz-Signature",
    "access_token",
    "client_secret",
    "auth",
    "sas",
)
KEYS = ("vars.password", "vars.my_token", "vars.db.api_key", "vars.db.key", "tracking.tags.secret", "vars.credentials")
VARIABLES = (
    *("MY_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_STORAGE_KEY"),
    *("AZURE_STORAGE_SAS_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PWD", "DB_PASS", "SMTP_PASSWD"),
)
SHAPES: dict[str, Shape] = {
    **{f"?{name}=": _address(f"https://{NOWHERE}/x.csv?a=1&{name}={{}}&b=2") for name in PARAMETERS},
    **{f"#{name}=": _address(f"https://{NOWHERE}/x.csv#a=1&{name}={{}}") for name in ("access_token", "id_token")},
    **{
        f"user of {scheme}": _address(f"{scheme}://me:{{}}@host/x")
        for scheme in ("https", "postgresql", "mysql+pymysql")
    },
    "user alone": _address(f"https://{{}}@{NOWHERE}/x.csv"),
    "raw password": _raw("postgresql://me:{}@host/db"),
    "table": _address(f"http://me:{{}}@{NOWHERE}/x.csv", "data.path"),
    "table's signature": _address(f"http://{NOWHERE}/x.csv?sig={{}}", "data.path"),
    "connection string": _raw("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}", "+vars.connection_string"),
    **{f"key {key}": (lambda secret, key=key: _word(f"+{key}", secret)) for key in KEYS},
    "mapping": lambda secret: ([f"+vars={{db: {{password: {json.dumps(secret, ensure_ascii=False)}}}}}"], {}),
    "env_set": lambda secret: _word("+hydra.job.env_set.MY_TOKEN", secret),
    **{name: _variable(name) for name in VARIABLES},
    "variable with an address": _variable("HTTPS_PROXY", "http://me:{}@proxy:8080"),
    "variable with a database": _variable("DATABASE_URL", "postgresql://me:{}@host/db"),
    "AZURE_STORAGE_CONNECTION_STRING": _variable("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a;AccountKey={};B=c"),
}


def list_forms(secret: str) -> dict[str, str]:
    """Return the forms in which a secret may show, by name."""
    return {
        "as it is": secret,
        "percent-encoded": quote(secret, safe=""),
        "percent-encoded path": quote(secret),
        "form-encoded": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "Python": repr(secret)[1:-1],
        "HTML": html.escape(secret),
        "base64": base64.b64encode(secret.encode()).decode(),
        "base64 of a user": base64.b64encode(f"me:{secret}".encode()).decode(),
    }


Place = Callable[[str], None]
"""Let a text come up, once the program has got the secret."""


def _print(text: str) -> None:
    from bikeml.terminal.clean import clean_output

    with clean_output():
        sys.stdout.write(f"{text}\n")


def _fail(text: str) -> None:
    from bikeml.errors import ConfigError
    from bikeml.terminal.status import report

    report(ConfigError(f"wrong: {text}"))


def _break(text: str) -> None:
    from bikeml.terminal.status import report

    os.environ["BIKEML_TRACEBACK"] = "1"
    report(ValueError(f"wrong: {text}"))


def _log(text: str) -> None:
    from bikeml.terminal.status import log_error, settle_logging

    logging.getLogger().handlers[:] = [logging.FileHandler("bikeml.log", encoding="utf-8")]
    settle_logging()
    logging.getLogger("urllib3").warning("Retrying %s", text)
    log_error(ValueError(text))


def _record(text: str) -> None:
    from bikeml.records.sweep import FailureRecord

    FailureRecord(error=text, overrides=(text,), command=text).write(Path())


def _write(text: str) -> None:
    from bikeml.system.files import write_text

    write_text(Path("report.html"), f"<p title='{text}'>{text}</p>")


def _tag(text: str) -> None:
    from bikeml.records.params import Limits
    from bikeml.tracking.description import describe_failure
    from bikeml.tracking.entities import to_params

    sent = [str(each) for each in to_params({"a": text}, Limits(params=10, value=5000, tag=5000))]
    Path("sent.txt").write_text("\n".join([*sent, describe_failure("a", text)]), encoding="utf-8")


def _show(text: str) -> None:
    from bikeml.terminal import tables

    tables.show_table(tables.build_table(["a"], [[text]], folded=["a"]), wide=True)
    tables.show_facts({"a": text})
    tables.show_notice(text)


PLACES: dict[str, Place] = {
    "output": _print,
    "error": _fail,
    "traceback": _break,
    "log": _log,
    "record": _record,
    "page": _write,
    "store": _tag,
    "terminal": _show,
}


def _compose(words: list[str]) -> int:
    from bikeml.cli import start

    return start(["--cfg", "job", *words])


def _run(words: list[str]) -> int:
    from bikeml.cli import start

    folders = ("hydra.run.dir=run", "hydra.output_subdir=.hydra")
    return start([*folders, *FAST, *words])


def _sweep(words: list[str]) -> int:
    from bikeml.cli import start

    return start(["-m", "seed=0,1", "hydra.sweep.dir=sweep", "hydra/sweeper=basic", *FAST, *words])


COMMANDS = {"compose": _compose, "run": _run, "sweep": _sweep}
SLOW = ("run", "sweep")


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Return every combination of a shape with a command, or with a place and a form."""
    import_all()
    cases = []
    for shape in SHAPES:
        commands = [command for command in COMMANDS if not (is_short and command in SLOW)]
        cases += [Case(shape, each, "as it is", partial(_attack_command, shape, each)) for each in commands]
        cases += [
            Case(shape, place, "any form", partial(_attack_place, shape, place)) for place in PLACES for _ in "12"
        ]
    return cases


def _attack_command(shape: str, command: str, random: Random) -> tuple[str, Ending, str | None]:
    secret = draw_secret(random)
    words, variables = SHAPES[shape](secret)
    words = words or _mention(secret)
    return _judge(secret, lambda: _with(variables, lambda: COMMANDS[command](words)))


def _mention(secret: str) -> list[str]:
    """Return words that hold a secret which came in as a variable."""
    return [*_word("tracking.description", f"see {secret}!")[0], *_word("+tracking.tags.note", quote(secret))[0]]


def _attack_place(shape: str, place: str, random: Random) -> tuple[str, Ending, str | None]:
    secret = draw_secret(random)
    words, variables = SHAPES[shape](secret)
    form, written = random.choice(sorted(list_forms(secret).items()))

    def act() -> int:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            out, sys.stdout = sys.stdout, nowhere
            try:
                _compose(words)
            finally:
                sys.stdout = out
        PLACES[place](f"it is {written} here")
        return 0

    done, ending, complaint = _judge(secret, lambda: _with(variables, act))
    return f"{shape}, {form}: {done}", ending, complaint


def _with(variables: Mapping[str, str], act: Callable[[], int]) -> int:
    os.environ.update(variables)
    return act()


def _judge(secret: str, act: Callable[[], int]) -> tuple[str, Ending, str | None]:
    with TemporaryDirectory() as folder:
        ending = call(act, Path(folder))
        texts = {"output": ending.out.encode(), "error": ending.err.encode(), **_read_all(Path(folder))}
    leaks = [f"{name} in {place}" for place, text in texts.items() for name in _find(secret, text)]
    complaint = f"secret: {leaks[0]}, {len(leaks)} in all" if leaks else judge_ending(_without_traceback(ending))
    return f"{secret!r}", ending, complaint


def _without_traceback(ending: Ending) -> Ending:
    """Return the ending without the traceback that a case asks for."""
    if "ValueError: wrong" not in ending.err:
        return ending
    return Ending(ending.status, ending.killed_by, ending.seconds, ending.out, "a traceback, as asked for")


def _find(secret: str, text: bytes) -> Iterator[str]:
    for name, form in list_forms(secret).items():
        core = form.rstrip("=")[4:-1] if name.startswith("base64") else form
        if core.encode() in text:
            yield name


def _read_all(folder: Path) -> dict[str, bytes]:
    read = {}
    for file in folder.rglob("*"):
        with suppress(OSError):
            if file.is_file():
                read[str(file.relative_to(folder))] = str(file.relative_to(folder)).encode() + file.read_bytes()
    return read
