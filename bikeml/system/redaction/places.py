"""Find where secrets stand in a text: in addresses, behind names of secrets, and behind the name of a login."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from bikeml.system.redaction.names import is_clear, is_secret_key, is_secret_parameter

Span = tuple[int, int]
WEB = frozenset({"http", "https", "ws", "wss"})
CONTAINERS = frozenset({"abfs", "abfss", "wasb", "wasbs", "hdfs", "ssh", "git+ssh", "sftp"})
"""The schemes whose addresses have a container or an account before the @, and no secret without a colon in it."""
LONGEST_SCHEME = 20
_HINTS = "pass|secret|token|cred|auth|key|pwd|pw|otp|sas|jwt|pat|sig|code|sess|ticket|assert|sid|hmac|verif|cookie|conn"
NAME = rf"(?<![\w.%-])(?=[\w.%-]{{0,200}}?(?:{_HINTS}|bearer|%))([\w.%-]++)"
"""A name, in which something hints at a secret: only then it is looked at more closely."""
HEADER = r"\b(?:authorization|x-[\w-]{0,30}(?:key|token))"
BASIC = r"[\w+/-]{16,}={0,2}(?![\w=])|[\w.~+/-]{1,40}:\S{8}"
"""What follows Basic: base64, or a user and a password; hydra/sweeper=basic may stand before any other word."""
SHAPES = (
    r"(?:gh[opsur]|github_pat|glpat|hf|xox[abprs])[_-][\w-]{16,}"
    r"|sk-[a-z0-9_]{20,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]+)?"
)
"""Tokens that are known by how they begin: of GitHub, GitLab, Hugging Face, Slack and OpenAI, and JSON Web Tokens."""
SHORTEST_SHAPE = 20
_BLANKS = 40
"""How many blanks stand at most before a key."""


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return a pattern, compiled when it is first needed: a command that shows no secret compiles none."""
    return re.compile(
        {
            "address": r"(?:://|(?<=http):/|(?<=https):/|(?<![\w:/.])//)(?P<rest>[^\s<>\"'`]+)",
            "end of host": r"[/?#\\]",
            "assigned": rf"{NAME}(?:=|[ \t]{{1,9}}=[ \t]{{1,9}})(?!=)",
            "mapped": rf"{NAME}([\"']?)[ \t]{{0,9}}:(?!//)[ \t]{{0,40}}",
            "login": r"\b(?:bearer\s{1,9}(?=\S{8})|sharedkey(?:lite)?\s{1,9}(?=\S{16})|"
            rf"basic\s{{1,9}}(?={BASIC}))([\w.~+/=:-]+)",
            "header": rf"{HEADER}\s{{0,9}}:\s{{0,9}}(?:[a-z]{{1,12}}\s{{1,9}})?([^\s'\"]{{4,}})",
            "option": r"(?<![\w-])--[\w-]{0,30}(?:passw|passwd|password|token|secret|key)\s{1,9}([^\s'\"-][^\s'\"]*)",
            "user": r"(?<![\w-])(?:-u|--(?:proxy-)?user)[\s=]{0,9}['\"]?[^\s:'\"]{1,80}:(?=\S*[^\d\s])([^\s'\"]+)",
            "copied": r"(?<![\w.%+@:/-])(?!mailto:)[a-z][\w.%+-]{0,63}:([^\s@/'\"<>]{1,99})@(?!sha\d)[\w.-]{1,99}[:/(]",
            "cookie": r"\bcookie:\s{0,9}([^\r\n'\"]{4,})",
            "key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(.*?)(?:-----END|\Z)",
            "token": rf"(?<![\w.-])({SHAPES})",
            "quoted '": r"'((?:[^'\\]|\\.)*+)",
            'quoted "': r'"((?:[^"\\]|\\.)*+)',
            "parameter": r"[^&#\s\"'<>]*+",
            "part": r"[^;&\s\"'<>]*+",  # of a connection string
            "word": r"\S*+",
            "item": r"[^,}\n]*+",
            "line": r"[^\n]*+",
            "plain": r"[+-]?\d{1,7}(?:\.\d*)?|true|false|null|none|\?{3}|\*{3}|\$\{.*",
        }[name],
        re.IGNORECASE | re.DOTALL,
    )


def find_places(text: str, *, is_code: bool = False) -> list[Span]:
    """
    Return where secrets stand in a text, in order; one does not overlap the next.

    In code, ``password=password`` is an argument: there only addresses are looked at.
    """
    if "=" not in text and ":" not in text and " " not in text:
        return [] if len(text) < SHORTEST_SHAPE else [*_find(text, "token")]
    found = {*_find_users(text), *_find_assigned(text, only_parameters=is_code)}
    if not is_code:
        found |= {*_find_mapped(text), *_find_logins(text)}
    spans: list[Span] = []
    for start, end in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        elif end > start:
            spans.append((start, end))
    return spans


def _find_users(text: str) -> Iterator[Span]:
    """Yield the user parts of addresses."""
    if "@" not in text:
        return
    for found in _pattern("address").finditer(text):
        start = found.start("rest")
        scheme = re.search(r"[\w+.-]*$", text[max(0, found.start() - LONGEST_SCHEME) : found.start()])
        yield start, start + measure_user(scheme[0].lower() if scheme else "", text[start : found.end()])


def measure_user(scheme: str, rest: str) -> int:
    """
    Return how long the user part is with which the rest of an address begins, 0 if there is none.

    Libraries differ: urllib takes what is before the last @ of the host, and SQLAlchemy all before the first @, be
    there a / or not. A password is taken to be as long as any of them may think.
    """
    end = _pattern("end of host").search(rest)
    host = rest[: end.start()] if end else rest
    at = host.rfind("@")
    if at >= 0 and ":" not in host[:at]:
        return 0 if scheme in CONTAINERS else at
    name, colon, port = host.partition(":")
    if at < 0 and (not colon or scheme == "file" or name.startswith("[") or (port.isdigit() and scheme in WEB)):
        return 0
    return max(0, rest.rfind("@"))


def _find_assigned(text: str, *, only_parameters: bool) -> Iterator[Span]:
    """Yield the values behind name=, in addresses and connection strings, and in overrides and variables."""
    position = 0
    while found := _pattern("assigned").search(text, position):
        position = found.end()
        before = text[max(0, found.start() - 3) : found.start()].rstrip("+~")[-1:]
        is_parameter = before in ("?", "&", "#", ";")
        is_secret = is_secret_parameter if is_parameter else is_secret_key
        if not is_secret(_decode(found[1])) or (only_parameters and not is_parameter):
            continue
        quote = text[position : position + 1]
        if quote in ("'", '"'):
            span = _match(f"quoted {quote}", text, position, 1)
        elif before in ("'", '"'):
            end = text.find(before, position)
            span = (position, len(text) if end < 0 else end)
        else:
            kind = ("part" if before == ";" else "parameter") if is_parameter else "word"
            span = _match(kind, text, position)
        yield from [span] if is_parameter else _unless_plain(text, span, found[1])
        position = max(position, span[1])


def _find_mapped(text: str) -> Iterator[Span]:
    """Yield the values behind ``name:`` in YAML, in JSON and in mappings as Python shows them."""
    position = 0
    while found := _pattern("mapped").search(text, position):
        position = found.end()
        name = found[1]
        if not is_clear(name.rpartition(".")[2]) and not is_secret_key(name):
            continue
        before = text[max(0, found.start() - _BLANKS) : found.start()]
        is_quoted = found[2] != "" and before.endswith(found[2])
        before = before.rstrip(" \t-")[-1:]
        begins_line = before in ("\n", "") and not found[2]
        if not (is_quoted or begins_line or before in ("{", ",")):
            continue
        quote = text[position : position + 1]
        if quote in ("'", '"'):
            span = _match(f"quoted {quote}", text, position, 1)
        else:
            span = _match("line" if begins_line else "item", text, position)
        yield from _unless_plain(text, span, name)
        position = max(position, span[1])


def _find_logins(text: str) -> Iterator[Span]:
    """Yield the logins in headers, those that options of a program name, and what is a key or a token by itself."""
    for kind in ("login", "header", "cookie", "option", "user", "copied", "key", "token"):
        yield from _find(text, kind)


def _find(text: str, kind: str) -> Iterator[Span]:
    return (found.span(1) for found in _pattern(kind).finditer(text))


def _match(kind: str, text: str, position: int, group: int = 0) -> Span:
    found = _pattern(kind).match(text, position)
    return found.span(group) if found else (position, position)


def _unless_plain(text: str, span: Span, name: str) -> Iterator[Span]:
    """Yield the span, unless it holds a short number, a truth or nothing, which no secret is but a password."""
    value = text[slice(*span)].strip()
    if value and (not _pattern("plain").fullmatch(value) or ("pass" in name.lower() and value.isdigit())):
        yield span


def _decode(name: str) -> str:
    if "%" not in name:
        return name
    from urllib.parse import unquote  # noqa: PLC0415  few need it

    return unquote(name)


def list_texts(values: object) -> Iterator[str]:
    """Yield each text among plain values, the keys too, at any depth."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            yield str(key)
            yield from list_texts(each)
    elif isinstance(values, list | tuple | set | frozenset):
        for each in values:
            yield from list_texts(each)
    elif isinstance(values, str):
        yield values
