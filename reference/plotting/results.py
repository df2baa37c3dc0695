"""Pictures of the results: medians and ranges over the seeds, one task to a figure."""

import numpy as np
from matplotlib.figure import Figure

from .checks import require_some
from .style import caption, grid, look, styled

PANELS = (("epoch", "train_loss", "epochs", "training loss"),
          ("seconds", "train_loss", "seconds of training", "training loss"),
          ("seconds", "test_loss", "seconds of training", "test loss"))
HIGHEST, LOWEST = 1.5, 1e-6             # of what is shown, times the loss at the start


@styled
def results(runs, order, title="", seconds=None):
    """Training loss against epochs and against seconds, test loss against seconds, on a log axis.

    Parameters
    ----------
    runs : dict
        Optimiser -> [(columns, diverged) of each seed], columns as `losses` takes them, {} without
        a record.
    order : sequence of str
        All optimisers, by which an optimiser looks the same in every picture.
    title : str
    seconds : float, optional
        Where the numbers of the table are read off: a line.

    Returns
    -------
    matplotlib Figure
    """
    require_some("runs", runs)
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    for axes, (along, what, xlabel, ylabel) in zip(figure.subplots(1, 3), PANELS):
        for name in [name for name in order if name in runs]:
            _draw(axes, runs[name], along, what, **look(order.index(name)), label=name)
        axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log", ylim=_limits(runs, what))
        grid(axes)
        if along == "seconds" and seconds is not None:
            axes.axvline(seconds, color="gray", lw=0.8, marker="")
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", fontsize=8, ncols=5, title=title,
                  handlelength=3.5)
    caption(figure, "Line: median over the seeds; band: from the least to the largest. Lower and "
            "further left is better. A line ends where half of the seeds diverged (x) or the time "
            "was over; the gray line is where the table is read off.")
    return figure


def _draw(axes, seeds, along, what, color, **style):
    """The median line and the band of the seeds, by epochs."""
    x, low, middle, high = band(seeds, along, what)
    if not len(x):
        return
    axes.plot(x, middle, color=color, lw=1.2, ms=4, markevery=max(1, len(x) // 6), **style)
    axes.fill_between(x, low, np.where(np.isfinite(high), high, np.nan), color=color, alpha=0.12,
                      lw=0)
    if sum(diverged for _, diverged in seeds) * 2 > len(seeds):
        axes.plot(x[-1], middle[-1], "x", color=color, ms=9, mew=2)


def band(seeds, along, what):
    """(x, least, median, largest) by epochs, as long as the median is finite.

    A seed counts as infinite from where it diverged; where another one's time was over all end.
    """
    ended = [len(columns[what]) for columns, diverged in seeds if columns and not diverged]
    longest = [len(columns[what]) for columns, _ in seeds if columns]
    count = min(ended) if ended else max(longest, default=0)
    losses, places = (np.full((len(seeds), count), fill) for fill in (np.inf, np.nan))
    for row, (columns, _) in enumerate(seeds):
        there = min(count, len(columns.get(what, ())))
        if there:
            losses[row, :there] = columns[what][:there]
            places[row, :there] = columns[along][:there]
    shown = np.flatnonzero(np.isfinite(losses).sum(0) * 2 > len(seeds))
    losses, places = np.sort(losses[:, shown], axis=0), places[:, shown]
    middle = (losses[(len(seeds) - 1) // 2] + losses[len(seeds) // 2]) / 2
    return np.nanmedian(places, axis=0), losses[0], middle, losses[-1]


def _limits(runs, what):
    """(least, largest) of the axis: the first is no lower than LOWEST of the start."""
    every = [columns[what] for seeds in runs.values() for columns, _ in seeds if columns]
    if not every:
        return None
    start = np.median([losses[0] for losses in every])
    positive = np.concatenate(every)
    positive = positive[np.isfinite(positive) & (positive > 0)]
    if not len(positive):
        return None
    return max(0.9 * positive.min(), LOWEST * start), HIGHEST * start
