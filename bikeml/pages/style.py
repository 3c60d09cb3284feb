"""The style of figures: the colours of the pages, axes of one look, and names that are shown as they are written."""

import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from bikeml.system.printable import printable

INK, MUTED, FAINT, ACCENT, WARM, SURFACE = "#1d2126", "#5d6670", "#dfe2e5", "#2563a8", "#b4430d", "#ffffff"
"""
The colours of a picture, which are those of a light page.

:func:`bikeml.pages.page.to_svg` writes a page's own in their place, light or dark. The blue and the orange are told
apart with any kind of colour blindness.
"""
POINT = "#4784c4"
"""The blue of what a page has as pixels, whose colours cannot change with light and dark."""
LABEL_POINTS = 8
CHARACTER = 0.064
"""The width of a character of a label, in inches, on average."""
WIDE_LETTERS = "mwMW%@"
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

_OF_THE_PROCESS = ("backend", "date.epoch", "interactive", "timezone", "toolbar", "webagg")
"""The settings of matplotlib that are none of a picture."""


def make_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches."""
    return Figure(figsize=(width, height), facecolor=SURFACE)


def add_axes(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """
    Return new axes of a figure, with margins in inches.

    A layout engine would measure every label three times, which takes more than a third of a figure's time.
    """
    width, height = figure.get_size_inches()
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    axes = figure.add_axes(box, facecolor="none")
    clean(axes)
    return axes


def clean(axes: Axes) -> None:
    """Give axes the look of the pages: two faint spines, small labels, and a grid, if any, behind what is drawn."""
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=LABEL_POINTS, length=3)
    axes.tick_params(which="minor", bottom=False, left=False)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=MUTED, fontsize=LABEL_POINTS + 1)


def measure(label: str) -> float:
    """Return about how wide a label is, in inches. The exact width takes as long as drawing the label."""
    wide = sum(each in WIDE_LETTERS for each in label)
    full = sum(unicodedata.east_asian_width(each) in "WF" for each in label)
    return CHARACTER * (len(label) + 0.5 * wide + full)


def name_style() -> dict[str, Any]:
    """Return the properties of a text that shows names: it is no formula, and has the installed fonts of CJK_FONTS."""
    installed = {font.name for font in fontManager.ttflist}
    families = [*mpl.rcParams["font.family"], *(font for font in CJK_FONTS if font in installed)]
    return {"parse_math": False, "fontfamily": families}


def shorten(names: Sequence[str], most: int) -> list[str]:
    """Return a label for each name, in one line, cut in the middle to `most` characters; no two labels are equal."""
    labels: dict[str, None] = {}  # a set that keeps its order
    for name in names:
        label = _cut(printable(name, has_signs=False), most)
        numbered = (f"{label} ({number})" for number in count(2))
        labels[label if label not in labels else next(each for each in numbered if each not in labels)] = None
    return list(labels)


def _cut(text: str, most: int) -> str:
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"


@contextmanager
def our_style() -> Iterator[None]:
    """
    Draw as on every machine while the block or the function runs, and a box for each character that no font has.

    A matplotlibrc, which matplotlib also reads in the working folder, changes nothing: it could have TeX read a file.
    """
    default = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith(_OF_THE_PROCESS)}
    with warnings.catch_warnings(), mpl.rc_context(default):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
