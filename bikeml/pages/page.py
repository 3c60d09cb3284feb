"""Render an HTML page as one file that contains its style, script and figures."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from bikeml.pages.svg import to_svg


class Panel(NamedTuple):
    """A figure with its caption."""

    title: str
    text: str
    svg: Markup


def embed(figure: Figure, label: str, prefix: str) -> Markup:
    """Return a figure as SVG for a page; see :func:`bikeml.pages.svg.to_svg`."""
    return Markup(to_svg(figure, label, prefix))  # noqa: S704  text in it is escaped by the XML writer


def render(template: str, filters: Mapping[str, Callable[..., str]], **values: object) -> str:
    """Return the page that a template of this package renders; it escapes `values`."""
    loader = PackageLoader("bikeml.pages")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= filters
    style, script = (Markup(loader.get_source(environment, name)[0]) for name in ("report.css", "report.js"))  # noqa: S704
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page: Any = environment.get_template(template)
    return str(page.render(style=style, script=script, script_digest=digest, **values))
