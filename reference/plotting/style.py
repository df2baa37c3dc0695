"""How every picture looks: colours that colour-blind eyes tell apart, sizes, captions.

    plt.style.use(plotting.STYLE)
    figure, axes = plt.subplots(1, 2, figsize=plotting.size(2))
    ...
    plotting.caption(figure, "What to see.")
"""

from textwrap import fill

from cycler import cycler

# Okabe and Ito's palette without its yellow, which is pale on white.
COLORS = {"blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "vermilion": "#D55E00",
          "purple": "#CC79A7", "sky": "#56B4E9", "black": "#000000"}

# Lines differ by more than their colour, for print in grey.
STYLE = {
    "axes.prop_cycle": cycler(color=list(COLORS.values()))
    + cycler(marker=["o", "s", "^", "v", "D", "P", "x"]),
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
    letters = int(14 * figure.get_size_inches()[0])
    return figure.supxlabel(fill(" ".join(text.split()), letters), fontsize=9)
