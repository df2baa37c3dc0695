"""Pictures of errors, times and losses along something."""

import numpy as np

from .checks import require_some
from .style import COLORS, caption, grid, look, panels, styled

ROUTES = {"forward difference": ("vermilion", "v"), "central difference": ("blue", "o"),
          "complex step": ("black", "s")}


@styled
def step_sizes(steps, errors, eps=np.finfo(float).eps, axes=None):
    """Error against step length: the V of finite differences, the flat line of the complex step.

    Parameters
    ----------
    steps : array
        Step lengths h.
    errors : dict of arrays
        Route -> relative errors; an error of exactly 0 is drawn at eps/10.
    eps : float
        Drawn as a line: the spacing of floats next to 1.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    own, axes = axes is None, panels() if axes is None else axes
    for route, error in errors.items():
        color, marker = ROUTES.get(route, ("purple", "."))
        axes.loglog(steps, np.maximum(error, eps / 10), marker=marker, color=COLORS[color],
                    markevery=3, ms=4, label=route)
    axes.axhline(eps, color="gray", ls=":", marker="", label="eps of float64")
    axes.set(xlabel="step h: theta moves by h v", ylabel="relative error of $g^T v$")
    axes.invert_xaxis()
    grid(axes)
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.37), fontsize=8)
    if own:
        caption(axes.figure, "Left to right h shrinks: differences improve until rounding wins; "
                "Im f(theta + ihv)/h subtracts nothing and stays at rounding.")
    return axes


@styled
def scaling(growths, rate):
    """Time and memory of each quantity against P and against N, beside the least arithmetic.

    Parameters
    ----------
    growths : list of Growth
        Of `oracle.scaling`: sizes, seconds, bytes, operations and their exponents.
    rate : float
        Operations a second of a large matrix product; the dashed lines are operations/rate.

    Returns
    -------
    matplotlib Figure
    """
    all_axes = panels(2, 2, sharex="col")
    for column, against in enumerate(("P", "N")):
        chosen = [growth for growth in growths if growth.against == against]
        for axes, (what, label) in zip(all_axes[:, column], (("seconds", "time [s]"),
                                                             ("bytes", "peak memory [bytes]"))):
            _grown(axes, chosen, what, rate)
            axes.set(ylabel=label)
    all_axes[1, 0].set(xlabel="parameters P, the widths growing")
    all_axes[1, 1].set(xlabel="examples N, the network fixed")
    figure = all_axes[0, 0].figure
    caption(figure, "Numbers are exponents of P and of N, over the upper half of the sizes; "
            f"dashed: the least arithmetic at {rate / 1e9:.0f} GFlop/s, those of a large matrix "
            "product.")
    return figure


def _grown(axes, growths, what, rate):
    """One panel: a line for each quantity, and its least arithmetic beside times."""
    for k, growth in enumerate(growths):
        own = look(k)
        axes.loglog(growth.sizes, getattr(growth, what), ms=4, **own,
                    label=f"{growth.quantity} {growth.exponents[what]:.2f}")
        if what == "seconds":
            axes.loglog(growth.sizes, [count / rate for count in growth.operations],
                        color=own["color"], ls="--", lw=0.8, marker="")
    axes.set_ylim(top=60 * axes.get_ylim()[1])
    axes.legend(fontsize=7, loc="upper left", ncols=2, handlelength=1.5, columnspacing=1)
    grid(axes)


@styled
def losses(runs, title=""):
    """Losses against epochs and against seconds of training: full on the training set, dashed on
    the test set.

    Parameters
    ----------
    runs : dict
        Name -> the columns of a record.npz (reference/training/record.py: `read`): arrays "epoch",
        "seconds", "train_loss" and "test_loss".
    title : str

    Returns
    -------
    matplotlib Figure
    """
    require_some("runs", runs)
    axes = panels(2, sharey=True)
    for each, (name, label) in zip(axes, (("epoch", "epochs"),
                                          ("seconds", "seconds of training"))):
        for k, (run, columns) in enumerate(runs.items()):
            own = look(k)
            each.semilogy(columns[name], columns["train_loss"], color=own["color"],
                          marker=own["marker"], markevery=max(1, len(columns[name]) // 8),
                          ls="-", label=run)
            each.semilogy(columns[name], columns["test_loss"], color=own["color"], ls="--", lw=0.9,
                          marker="")
        each.set(xlabel=label)
        grid(each)
    axes[0].set(ylabel="loss")
    axes[0].legend(fontsize=8)
    figure = axes[0].figure
    figure.suptitle(title, fontsize=11)
    caption(figure, "Full: training set; dashed: test set. Each run from the same start. Seconds "
            "are of initialisation and steps, without evaluation.")
    return figure
