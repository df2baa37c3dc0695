"""How every picture looks: colours that colour-blind eyes tell apart, sizes, captions.

    plt.style.use(plotting.STYLE)
    figure, axes = plt.subplots(1, 2, figsize=plotting.size(2))
    ...
    plotting.caption(figure, "What to see.")
"""

from functools import wraps
from textwrap import fill

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is pale on white.
COLORS = {"blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "vermilion": "#D55E00",
          "purple": "#CC79A7", "sky": "#56B4E9", "black": "#000000"}

# Lines differ by more than their colour, for print in grey.
MARKERS = "o", "s", "^", "v", "D", "P", "x"
DASHES = "-", "--", ":", "-."
STYLE = {
    "axes.prop_cycle": cycler(color=list(COLORS.values())) + cycler(marker=MARKERS),
    "lines.markersize": 4, "lines.linewidth": 1.4,
    "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True,
    "axes.titlesize": 11, "axes.labelsize": 10, "legend.fontsize": 9, "font.size": 10,
    "figure.constrained_layout.use": True, "figure.dpi": 110, "savefig.dpi": 110,
    "image.cmap": "viridis", "image.interpolation": "nearest",
}


def size(columns=1, rows=1):
    """Inches of a figure of so many panels, whose 10 point letters are read at half a page."""
    return min(3.8 * columns + 0.6, 9.0), 3.1 * rows + 0.5


def caption(figure, text):
    """What to see, under the picture, in lines as wide as the figure.

    Parameters
    ----------
    figure : matplotlib Figure
    text : str
        A sentence or two; line breaks of the source are filled anew.

    Returns
    -------
    matplotlib Text
    """
    letters = max(1, int(14 * figure.get_size_inches()[0]))
    return figure.supxlabel(fill(" ".join(text.split()), letters), fontsize=9)


def look(k):
    """Colour, marker and dashes of the k-th line of a picture: 28 that differ."""
    return {"color": list(COLORS.values())[k % len(COLORS)], "marker": MARKERS[k % len(MARKERS)],
            "ls": DASHES[k // len(COLORS) % len(DASHES)]}


def panels(columns=1, rows=1, **options):
    """The axes of a figure of their own, whose size follows from their number."""
    figure = Figure(figsize=size(columns, rows), layout="constrained")
    return figure.subplots(rows, columns, **options)


def styled(draw):
    """The same function, drawing in STYLE whatever the caller's settings are."""
    @wraps(draw)
    def drawn(*given, **named):
        with matplotlib.rc_context(STYLE):
            return draw(*given, **named)
    return drawn


def grid(*axes):
    """A pale grid, which holds for ticks that are made later, too."""
    for each in axes:
        each.grid(True, alpha=STYLE["grid.alpha"])
