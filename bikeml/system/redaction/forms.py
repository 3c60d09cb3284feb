"""Find a value in every form in which a text may hold it: as it is, escaped, quoted, percent-encoded, in base64."""

import re
from functools import cached_property

_RUN = re.compile(r"[0-9A-Za-z]+")
_BASE64 = {"+": r"(?:[+-]|%2[bB])", "/": r"(?:[/_]|%2[fF])"}
_WRITTEN = {"\n": "n", "\r": "r", "\t": "t"}


class Form:
    """A pattern, and a run of characters that stands in every text that matches it: most texts lack it."""

    def __init__(self, value: str, *, is_base64: bool = False) -> None:
        self.value = value
        self._is_base64 = is_base64
        self._run = max(_RUN.findall(value), key=len, default="")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        if self._is_base64:
            return re.compile("".join(_BASE64.get(each, each) for each in self.value))
        if self.value.isdigit():
            return re.compile(rf"(?<![\w.]){self.value}(?![\w.])")  # not in the middle of a number
        return re.compile(_spell(self.value))

    def occurs(self, text: str) -> bool:
        """Return whether the text holds the value."""
        return self._run in text and self._pattern.search(text) is not None

    def replace(self, text: str, mask: str) -> str:
        """Return the text with the mask in place of the value."""
        return self._pattern.sub(mask, text) if self._run in text else text


def list_forms(value: str) -> list[Form]:
    """Return the forms of a value, and of its base64, which has another one behind 0, 1 and 2 further bytes."""
    import base64  # noqa: PLC0415  only who has a secret needs it

    content, forms = value.encode(errors="surrogatepass"), [Form(value)]
    for n_before in range(3):
        first = (n_before * 8 + 5) // 6  # this many characters depend on what is before
        whole = (n_before + len(content)) * 8 // 6  # and those after these on what follows
        forms.append(Form(base64.b64encode(bytes(n_before) + content).decode()[first:whole], is_base64=True))
    return forms


def _spell(value: str) -> str:
    """Return the pattern of a value in which each mark may be escaped in its own way."""
    parts, is_behind_backslash = [], False
    for mark in re.findall(r"\s+|\\+|.", value, re.DOTALL):
        if mark.isalnum() and mark.isascii():
            parts.append(mark)
        elif mark[0] == "\\":
            parts.append(rf"(?:\\{{{len(mark)},{8 * len(mark)}}}|(?:%(?:25){{0,3}}5[cC]){{{len(mark)}}})")
        elif mark.isspace():
            parts.append(rf"(?:\s|\+|%(?:25){{0,3}}(?:20|0[9aAdD])|\\{{1,4}}[nrt]){{1,{2 * len(mark) + 8}}}")
        else:
            parts.append(_spell_mark(mark, is_behind_backslash=is_behind_backslash))
        is_behind_backslash = mark[0] == "\\"
    return "".join(parts)


def _spell_mark(mark: str, *, is_behind_backslash: bool) -> str:
    """Return the pattern of a mark: itself behind backslashes, in percent, as an escape of Python, JSON or HTML."""
    from html.entities import codepoint2name  # noqa: PLC0415  only who shows a secret needs it

    number = ord(mark)
    octets = "".join(f"%(?:25){{0,3}}{_hex(byte)}" for byte in mark.encode(errors="surrogatepass"))
    names = [codepoint2name[number]] if number in codepoint2name else ["apos"] if mark == "'" else []
    entities = "|".join([f"#0{{0,4}}{number}", f"#[xX]0{{0,4}}{_hex(number)}", *names])
    units = mark.encode("utf-16-be", errors="surrogatepass")
    escapes = "".join(rf"\\{{1,4}}u{_hex(units[i])}{_hex(units[i + 1])}" for i in range(0, len(units), 2))
    itself = re.escape(mark) if is_behind_backslash else rf"\\{{0,6}}{re.escape(mark)}"
    ways = [itself, octets, escapes, rf"&(?:amp;){{0,2}}(?:{entities});"]
    if mark == "'":
        ways[:0] = ["'\"'\"'", r"'\\''", "''"]  # of a shell, twice, and of YAML
    if number < 256:  # noqa: PLR2004  Latin-1's are two digits in Python
        ways.append(rf"\\{{1,4}}x{_hex(number)}")
    if number < 32:  # noqa: PLR2004  a control character, as it is shown
        ways.append(chr(0x2400 + number))
    return f"(?:{'|'.join(ways)})"


def _hex(number: int) -> str:
    """Return the pattern of a number in hex, two digits at least, of small or capital letters."""
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.upper()}]" for digit in f"{number:02x}")
