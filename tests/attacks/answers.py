"""Let the server of a store answer what it likes, and look for files outside, and for how each command ends."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.attacks.commands import import_all
from tests.attacks.forked import Ending, call
from tests.attacks.session import Case, judge_ending
from tests.attacks.values import TREE, mutate_tree
from tests.attacks.worlds import LASSO_NAME, STORE, World, make_worlds, run_main

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
PLACES = (
    *("file://{outside}", "{outside}", "file:{outside}/../outside", "http://127.0.0.1:9/files", "https://e.vil/x"),
    *("azureml://x.api.azureml.ms/a", "ftp://127.0.0.1:9/x", "dbfs:/x", "runs:/0/model", "models:/a/1", "//e.vil/x"),
    *("mlflow-artifacts://e.vil/0", "C:\\x", "", "\n", "x" * 100_000, "sqlite:////{outside}/x.db", "s3://u:p@e.vil/x"),
)
PATHS = (
    "../evil",
    "/{outside}/evil",
    "model/../../evil",
    "..",
    "a\\..\\..\\evil",
    "%2e%2e/evil",
    "a\nb",
    "\x1b[2J",
    "C:\\evil",
)
BODIES = {
    "HTML": (200, b"<html>log in</html>"),
    "nothing": (200, b""),
    "deep": (200, b"[" * 100_000),
    "deep objects": (200, b'{"run":' * 5_000 + b"1" + b"}" * 5_000),
    "a list": (200, b"[]"),
    "null": (200, b"null"),
    "not UTF-8": (200, b'{"run": "\xff\xfe"}'),
    "a number of many digits": (200, b'{"run": {"info": {"start_time": %s}}}' % (b"9" * 5_000)),
    "an error": (400, b'{"error_code": "\\u001b[2J", "message": "x\\ny"}'),
    "an error that is none": (400, b'{"error_code": 5, "message": {"a": 1}}'),
    "not found": (404, b"{}"),
    "forbidden": (403, b"token expired"),
    "elsewhere": (302, b""),
}
COMMANDS = {
    "predict": ("predict", "run={run}", "output=now.csv"),
    "register": ("register", "run={run}", "registered_model=bikes"),
    "runs": ("runs",),
    "record": ("record", "lasso"),
}
Answer = tuple[int, bytes]
Answers = Callable[[str, str], Answer]
"""Return what is answered to a path and its query."""


class Server:
    """A store with one run, whose answers a case replaces."""

    def __init__(self, world: World) -> None:
        self.world, self.run_id = world, world.find_run(LASSO_NAME)
        self.answers: Answers = self.answer
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                place = urlsplit(self.path)
                status, body = ours.answers(unquote(place.path), place.query)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._http.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self._http.server_port}"
        self.run = self._read_run()

    def _read_run(self) -> dict[str, Any]:
        """Return the run as MLflow's REST interface has it."""
        tags, params, metrics = map(self._read_pairs, ("tags", "params", "latest_metrics"))
        info = {"run_id": self.run_id, "run_uuid": self.run_id, "experiment_id": "1", "run_name": LASSO_NAME}
        times = {"start_time": 1_790_000_000_000, "end_time": 1_790_000_001_000}
        state = {
            "status": "FINISHED",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/1/{self.run_id}",
        }
        return {
            "info": {**info, **times, **state},
            "data": {
                "tags": tags,
                "params": params,
                "metrics": [{**each, "timestamp": 0, "step": 0} for each in metrics],
            },
        }

    def _read_pairs(self, table: str) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(self.world.untouched / STORE)) as store:
            rows = store.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (self.run_id,)).fetchall()
        return [{"key": key, "value": value} for key, value in rows]

    def answer(self, path: str, query: str) -> Answer:
        """Answer as MLflow's server does."""
        if path.startswith(ARTIFACTS):
            return self._answer_files(path.removeprefix(ARTIFACTS).strip("/"), query)
        experiment = {
            "experiment_id": "1",
            "name": "bikeml",
            "lifecycle_stage": "active",
            "artifact_location": "mlflow-artifacts:/1",
        }
        said: dict[str, Any] = {
            "get": {"run": self.run, "experiment": experiment},
            "search": {"runs": [self.run], "experiments": [experiment], "registered_models": [], "model_versions": []},
            "get-by-name": {"experiment": experiment},
            "create": {
                "run": self.run,
                "experiment_id": "1",
                "model_version": {"name": "bikes", "version": "1", "status": "READY"},
            },
            "list": {"files": self._list("")},
        }.get(path.rpartition("/")[2], {})
        return 200, json.dumps(said).encode()

    def _answer_files(self, path: str, query: str) -> Answer:
        if not path:
            asked = parse_qs(query).get("path", [""])[0]
            return 200, json.dumps({"files": self._list(asked.partition(self.run_id)[2].strip("/"))}).encode()
        file = self.world.untouched / "lasso" / path.partition(self.run_id)[2].strip("/")
        return (200, file.read_bytes()) if file.is_file() else (404, b"{}")

    def _list(self, below: str) -> list[dict[str, Any]]:
        folder, files = self.world.untouched / "lasso" / below, list[Path]()
        with contextlib.suppress(OSError, ValueError):  # of a path that was answered before
            files = sorted(folder.iterdir())
        return [{"path": file.name, "is_dir": file.is_dir(), "file_size": 1} for file in files]


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """Start a server, and return every combination of a command and what is wrong with an answer."""
    import_all()
    os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "3"}
    (world,) = make_worlds(session, with_new=False)
    (session / "outside").mkdir()
    server = Server(world)
    return list(_list_cases(server, session / "outside", [*COMMANDS][: 2 if is_short else None]))


def _list_cases(server: Server, outside: Path, commands: list[str]) -> Iterator[Case]:
    for command in commands:
        wrong: dict[str, Callable[[Random], tuple[str, Answers]]] = {
            "another place": partial(_name_place, server, outside),
            "another path": partial(_name_path, server, outside),
            **{f"{name} in the run": partial(_mutate_run, server, name) for name in TREE},
            **{name: partial(_replace, server, answer) for name, answer in BODIES.items()},
        }
        for name, alter in wrong.items():
            weight = {"another place": len(PLACES), "another path": len(PATHS)}.get(name, 2)
            yield from [Case("a server", command, name, partial(_run, server, outside, command, alter))] * weight


def _with_run(server: Server, run: bytes) -> Answers:
    def answers(path: str, query: str) -> Answer:
        status, body = server.answer(path, query)
        return status, body.replace(json.dumps(server.run).encode(), run)

    return answers


def _name_place(server: Server, outside: Path, rng: Random) -> tuple[str, Answers]:
    place = rng.choice(PLACES).replace("{outside}", str(outside))
    run = {**server.run, "info": {**server.run["info"], "artifact_uri": place}}
    return f"artifact_uri={place!r:.80}", _with_run(server, json.dumps(run).encode())


def _name_path(server: Server, outside: Path, rng: Random) -> tuple[str, Answers]:
    path, is_dir = rng.choice(PATHS).replace("{outside}", str(outside)), rng.random() < 0.3

    def answers(asked: str, query: str) -> Answer:
        status, body = server.answer(asked, query)
        if b'"files"' not in body:
            return (200, b"evil") if "evil" in asked else (status, body)
        return 200, json.dumps({"files": [*json.loads(body)["files"], {"path": path, "is_dir": is_dir}]}).encode()

    return f"a file {path!r}", answers


def _mutate_run(server: Server, name: str, rng: Random) -> tuple[str, Answers]:
    text, done = mutate_tree(json.loads(json.dumps(server.run)), name, rng)
    return done.text, _with_run(server, text.encode())


def _replace(server: Server, answer: Answer, rng: Random) -> tuple[str, Answers]:
    """Answer so from the first, second or later request on."""
    n_before = rng.choice([0, 1, 2, 3, 5])
    asked: list[str] = []

    def answers(path: str, query: str) -> Answer:
        asked.append(path)
        return server.answer(path, query) if len(asked) <= n_before else answer

    return f"from request {n_before + 1} on", answers


def _run(
    server: Server, outside: Path, command: str, alter: Callable[[Random], tuple[str, Answers]], rng: Random
) -> tuple[str, Ending, str | None]:
    server.world.lay_out()
    done, server.answers = alter(rng)
    words = [word.replace("{run}", server.run_id) for word in COMMANDS[command]]
    words += ["--uri", server.uri] if command == "record" else [f"tracking.uri={server.uri}"]
    before = {*outside.parent.iterdir()}
    ending = call(lambda: run_main(words), server.world.folder)
    new = [*outside.iterdir(), *({*outside.parent.iterdir()} - before)]
    return done, ending, judge_ending(ending) or (f"outside: {new[0].name}" if new else None)
