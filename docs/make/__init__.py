"""
Make what the pages of docs/ take from the code.

``python -m docs.make`` writes docs/configuration.md, the graph of the rooms in docs/architecture.md, the metrics of
docs/judging.md, the tables of docs/coming-from-scikit-learn.md, and docs/licences.md;
``python -m docs.make.pictures`` draws docs/images from real runs;
``python -m docs.make.notebooks`` runs docs/notebooks and stores what they show.
"""

import warnings
from pathlib import Path

from sklearn.experimental import enable_iterative_imputer  # noqa: F401  all_estimators lists it then
from sklearn.utils import all_estimators

from docs.make.estimators import describe_estimators, describe_functions
from docs.make.licences import describe_licences
from docs.make.metrics import describe_metrics
from docs.make.rooms import draw_rooms
from docs.make.settings import describe_settings

DOCS = Path(__file__).parents[1]
MADE = "python -m docs.make"


def generate() -> dict[Path, str]:
    """Return the text of each page that is generated, or has a generated part."""
    return {
        DOCS / "configuration.md": describe_settings(),
        **_fill("architecture.md", rooms=draw_rooms()),
        **_fill("judging.md", metrics=describe_metrics()),
        **_fill("licences.md", licences=describe_licences((DOCS / "licences.md").read_text(encoding="utf-8"))),
        **_fill(
            "coming-from-scikit-learn.md",
            functions=describe_functions(),
            estimators=describe_estimators(_list_estimators()),
        ),
    }


def _fill(name: str, **parts: str) -> dict[Path, str]:
    """Return a page with each text between the marks of its generated part."""
    page = (DOCS / name).read_text(encoding="utf-8")
    for part, text in parts.items():
        start, end = f"<!-- {part}: {MADE} -->\n", f"<!-- end of {part} -->"
        before, _, rest = page.partition(start)
        page = f"{before}{start}{text}{end}{rest.partition(end)[2]}"
    return {DOCS / name: page}


def _list_estimators() -> dict[str, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # modules of scikit-learn that are deprecated
        return {kind: [name for name, _ in all_estimators(kind)] for kind in ("regressor", "transformer")}
