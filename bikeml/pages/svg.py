"""Convert a matplotlib figure to SVG for a page: in the page's colours, light or dark, and with unique ids."""

import io
import re
import warnings
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure

INK, MUTED, FAINT, ACCENT, WARM = "#010102", "#010103", "#010104", "#010105", "#010106"
"""Colours for figures that :func:`to_svg` converts. It replaces them with the page's colours, light or dark."""
_ROLES = {INK: "--ink", MUTED: "--muted", FAINT: "--line", ACCENT: "--accent", WARM: "--warm"}
_REFERENCE = re.compile(r"#([^)]+)")
_FONT = re.compile(r"font-family: [^;]*; ?")
_DIGITS = re.compile(r"(\.\d\d)\d+")
PIXELS_PER_POINT = 2.0  # the largest size of a figure, if the page has room


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
    file = io.StringIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        # The browser uses its own fonts; matplotlib's may lack a character.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(file, format="svg", transparent=True, dpi=200, metadata={"Date": None})
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
