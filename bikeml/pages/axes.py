"""Name, title and explain axes in the look of the pages."""

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from bikeml.pages.style import FAINT, INK, LABEL_POINTS, MUTED, name_style

TICKS = 5  # on an axis at most: the layout of their labels takes half the time of a figure
MARGIN, TITLE = 0.12, 0.17  # inches beside and below a title
COLOURS = 0.72  # inches for a bar of colours
CHARACTERS_PER_INCH = 14  # of a title


def name_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes, and give them few ticks with whole numbers as far as they fit."""
    axes.set_xlabel(x, **name_style())
    axes.set_ylabel(y, **name_style())
    axes.locator_params(nbins=TICKS)
    axes.ticklabel_format(scilimits=(-4, 6), useOffset=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set(color=MUTED, fontsize=LABEL_POINTS)


def write_title(axes: Axes, title: str) -> None:
    """
    Write a title from the left edge of the figure on, in smaller letters if it is long.

    Its height is given: to find it, matplotlib would lay out both axes once more.
    """
    (width, height), box = figure_of(axes).get_size_inches(), axes.get_position()
    x, y = (MARGIN / width - box.x0) / box.width, 1 + TITLE / height / box.height
    axes.set_title(title, loc="left", x=x, y=y, pad=0, fontsize=fit(title, width), color=INK, **name_style())


def fit(text: str, width: float) -> float:
    """Return the points of letters with which a text is at most as wide as a figure of that width in inches."""
    return (LABEL_POINTS + 1) * min(1.0, (width - 2 * MARGIN) * CHARACTERS_PER_INCH / len(text))


def figure_of(axes: Axes) -> Figure:
    """Return the figure of axes, which matplotlib types as one that may be missing."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes have no figure")
    return figure


def label_colours(axes: Axes, drawn: ScalarMappable, label: str) -> None:
    """Say beside the axes, which get narrower, what the colours of what is drawn mean."""
    figure, box = figure_of(axes), axes.get_position()
    inch = 1 / figure.get_figwidth()
    axes.set_position((box.x0, box.y0, box.width - COLOURS * inch, box.height))
    place = figure.add_axes((box.x1 - (COLOURS - 0.1) * inch, box.y0, 0.13 * inch, box.height))
    bar = figure.colorbar(drawn, cax=place)
    bar.outline.set_visible(False)
    place.tick_params(colors=FAINT, labelcolor=INK, labelsize=LABEL_POINTS, length=3)
    place.minorticks_off()
    bar.set_label(label, color=MUTED, fontsize=fit(label, box.height * figure.get_figheight()))
