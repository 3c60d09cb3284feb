"""
Make what the pages of docs/ take from the code.

``python -m docs.make`` writes docs/configuration.md and the graph of the rooms in docs/architecture.md;
``python -m docs.make.pictures`` draws docs/images from real runs.
"""

from pathlib import Path

from docs.make.rooms import draw_rooms
from docs.make.settings import describe_settings

DOCS = Path(__file__).parents[1]
START, END = "<!-- rooms: python -m docs.make -->\n", "<!-- end of rooms -->"


def generate() -> dict[Path, str]:
    """Return the text of each page that is generated, or has a generated part."""
    architecture = DOCS / "architecture.md"
    before, _, rest = architecture.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    return {
        DOCS / "configuration.md": describe_settings(),
        architecture: f"{before}{START}{draw_rooms()}{END}{after}",
    }
