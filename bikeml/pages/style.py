"""The style of figures: the colours of a page, and names that are shown as they are written."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import matplotlib as mpl
from matplotlib.font_manager import fontManager

from bikeml.system.printable import printable

INK, MUTED, FAINT, ACCENT, WARM = "#010102", "#010103", "#010104", "#010105", "#010106"
"""Colours for figures of a page: :func:`bikeml.pages.page.to_svg` writes the page's own, light or dark."""
CJK_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans JP", "Noto Sans SC"),
    *(
        "Source Han Sans",
        "WenQuanYi Micro Hei",
        "WenQuanYi Zen Hei",
        "Droid Sans Fallback",
        "IPAexGothic",
        "NanumGothic",
    ),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS"),
    *("Microsoft YaHei", "Yu Gothic", "MS Gothic", "Malgun Gothic", "SimHei"),
)
"""Fonts with Chinese, Japanese and Korean characters, as they are called on Linux, macOS and Windows."""


def name_style() -> dict[str, Any]:
    """Return the properties of a text that shows names: it is no formula, and has the installed fonts of CJK_FONTS."""
    installed = {font.name for font in fontManager.ttflist}
    families = [*mpl.rcParams["font.family"], *(font for font in CJK_FONTS if font in installed)]
    return {"parse_math": False, "fontfamily": families}


def shorten(names: Sequence[str], most: int) -> list[str]:
    """Return a label for each name, in one line, cut in the middle to `most` characters; no two labels are equal."""
    labels: dict[str, None] = {}  # a set that keeps its order
    for name in names:
        label = _cut(printable(name), most)
        numbered = (f"{label} ({number})" for number in count(2))
        labels[label if label not in labels else next(each for each in numbered if each not in labels)] = None
    return list(labels)


def _cut(text: str, most: int) -> str:
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"


@contextmanager
def any_glyph() -> Iterator[None]:
    """Draw a box for each character that no font has, without a warning, while the block runs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
