"""Render an HTML page as one file that contains its style, script and figures; the figures are SVG in its colours."""

import base64
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bikeml.pages.style import ACCENT, FAINT, INK, MUTED, SURFACE, WARM, our_style

_ROLES = {INK: "--ink", MUTED: "--muted", FAINT: "--line", ACCENT: "--accent", WARM: "--warm", SURFACE: "--surface"}
_REFERENCE = re.compile(r"#([^)]+)")
_FONT = re.compile(r"font-family: [^;]*; ?")
_DIGITS = re.compile(r"(\.\d\d)\d+")
PIXELS_PER_INCH = 200  # of what a figure has as pixels
PIXELS_PER_POINT = 2.0  # the largest size of a figure, if the page has room


_LOADER = PackageLoader("bikeml.pages")


class Panel(NamedTuple):
    """A figure with its caption."""

    title: str
    text: str
    svg: Markup


def embed(figure: Figure, label: str, prefix: str) -> Markup:
    """Return a figure as SVG for a page; see :func:`to_svg`."""
    return Markup(to_svg(figure, label, prefix))  # noqa: S704  text in it is escaped by the XML writer


def render(template: str, filters: Mapping[str, Callable[..., str]], **values: object) -> str:
    """Return the page that a template of this package renders; it escapes `values`."""
    page = load(template, tuple(filters.items()))
    style, script = (Markup(_read(name)) for name in ("page.css", "page.js"))  # noqa: S704  of this package
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return str(page.render(style=style, script=script, script_digest=digest, **values))


@lru_cache(maxsize=4)
def load(template: str, filters: tuple[tuple[str, Callable[..., str]], ...]) -> Any:  # noqa: ANN401  jinja2's Template
    """Return a template; to compile it takes a tenth of a run's page and figures."""
    environment = Environment(
        loader=_LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= dict(filters)
    return environment.get_template(template)


@cache
def _read(name: str) -> str:
    return _LOADER.get_source(Environment(), name)[0]  # noqa: S701  nothing is rendered with it


def to_svg(figure: Figure, label: str, prefix: str) -> str:
    """
    Return a figure as an <svg> element for HTML, as wide as its container.

    `label` describes the figure for screen readers. `prefix` makes its ids different from those of other figures.
    """
    svg = _draw(figure, prefix)
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):  # a style would apply to the whole page
                parent.remove(child)
    for element in svg.iter():
        _adapt(element, prefix)
    for element in svg.iter():
        _share_style(element)
    width, _ = svg.attrib.pop("width"), svg.attrib.pop("height")
    limit = f"max-width: {float(width.removesuffix('pt')) * PIXELS_PER_POINT:.0f}px"
    svg.attrib |= {"role": "img", "aria-label": label, "style": limit}
    return ET.tostring(svg, encoding="unicode")


def _draw(figure: Figure, salt: str) -> ET.Element:
    """Return a figure as SVG. `savefig` writes the same, but draws twice."""
    file = io.StringIO()
    figure.set_dpi(PIXELS_PER_INCH)
    with our_style(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):  # a browser has its own fonts
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return ET.fromstring(file.getvalue())  # noqa: S314  written by matplotlib just now


def _adapt(element: ET.Element, prefix: str) -> None:
    """Change an element for HTML: no namespaces, unique ids, the page's fonts and colours, two decimals."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if "id" in attributes:
        attributes["id"] = f"{prefix}-{attributes['id']}"
    for name in {"href", "clip-path"} & attributes.keys():
        if not attributes[name].startswith("data:"):
            attributes[name] = _REFERENCE.sub(rf"#{prefix}-\1", attributes[name])
    for name in {"x", "y", "d"} & attributes.keys():
        attributes[name] = _DIGITS.sub(r"\1", attributes[name])
    if "style" in attributes:
        attributes["style"] = _FONT.sub("", attributes["style"])
        for colour, role in _ROLES.items():
            attributes["style"] = attributes["style"].replace(colour, f"var({role})")
    element.attrib.clear()
    element.attrib.update(attributes)
    element.text = (element.text or "").strip("\n") if element.tag in ("text", "tspan") else None
    element.tail = None


def _share_style(element: ET.Element) -> None:
    """Move the style that all points of a cloud share to their parent: it is most of a figure's size."""
    points = [child for child in element if child.tag == "use"]
    styles = {point.get("style", "") for point in points}
    if len(points) > 1 and len(points) == len(element) and len(styles) == 1:
        element.set("style", f"{element.get('style', '')}; {styles.pop()}".lstrip("; "))
        for point in points:
            del point.attrib["style"]
