"""Read the pages that people read: their blocks, the commands in them, and what they show."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NAMES_A_FILE = re.compile(r"`([\w./-]+\.\w+)`:$")
NUMBERS = {
    r"\x1b\[[\d;]*m": "",
    r"\b[0-9a-f]{32}(-\d+)?\b": "ID",
    r"\b[0-9a-f]{16}\b": "FINGERPRINT",
    r"(sqlite:///)?/[\w./-]+": "PATH",
    r"\b\d+(\.\d+)? s\b": "TIME",
    r"\b\d+\.\d (?=(start and (imports|plan)|read|fit|judge|record|cells|page)\b)": "",
    r"[━─]+": "━",
    r"[ \t]+": " ",
}
"""What is another in each run or place, and what becomes of it before texts are compared."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    before: str
    """The line above it."""

    @property
    def file(self) -> str | None:
        """The file that the block is the content of; None if it is none."""
        named = NAMES_A_FILE.search(self.before)
        return named[1] if named and self.language in ("yaml", "json", "python", "text") else None

    @property
    def commands(self) -> list[str]:
        """The lines of a block for a shell, without their comments."""
        lines = self.text.splitlines() if self.language == "bash" else []
        return [re.sub(r"  +# .*", "", line) for line in lines if line.strip()]


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [Block(found[2], _dedent(found), _line_above(text, found.start())) for found in FENCE.finditer(text)]


def read_prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def read_commands(page: Path) -> list[str]:
    """Return the commands of a page, those in its prose and tables included."""
    spans = re.findall(r"`((?:python -m )?bikeml [^`]+)`", read_prose(page))
    return [*(command for block in read_blocks(page) for command in block.commands), *spans]


def split_ours(command: str) -> list[str] | None:
    """Return the words of a command of bikeml behind its name; None if the command is another's."""
    words = shlex.split(command)
    for name in (["python", "-m", "bikeml"], ["bikeml"]):
        if words[: len(name)] == name:
            return words[len(name) :]
    return None


def matches(shown: str, said: str) -> bool:
    """Tell whether what a page shows stands in what a command said, but for NUMBERS; ... stands for any lines."""
    lines = (re.escape(_mask(line)) if line.strip() != "..." else r"(?:.*\n)*?.*" for line in shown.splitlines())
    return re.search("\n".join(lines), "\n".join(_mask(line) for line in said.splitlines())) is not None


def _mask(line: str) -> str:
    for pattern, name in NUMBERS.items():
        line = re.sub(pattern, name, line)
    return line.strip()


def _dedent(found: re.Match[str]) -> str:
    return re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)


def _line_above(text: str, position: int) -> str:
    return next(iter(_lines_upwards(text[:position])), "")


def _lines_upwards(text: str) -> Iterator[str]:
    return (line for line in reversed(text.splitlines()) if line.strip())
