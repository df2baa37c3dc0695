"""Pictures of errors, times and losses along something."""

import numpy as np
from matplotlib.figure import Figure

from .checks import require_some

STYLES = {"forward difference": ("tab:orange", "v"), "central difference": ("tab:blue", "o"),
          "complex step": ("tab:green", "s")}


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
    axes = Figure(figsize=(7, 5), layout="constrained").subplots() if axes is None else axes
    for route, error in errors.items():
        color, marker = STYLES.get(route, (None, "."))
        axes.loglog(steps, np.maximum(error, eps / 10), marker=marker, color=color, ms=4,
                    label=route)
    axes.axhline(eps, color="gray", ls=":", label="eps of float64")
    axes.set(xlabel="step length h (theta moves by h v)",
             ylabel="relative error of the directional derivative g^T v",
             title="Finite differences cancel; the complex step does not")
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
    axes.legend()
    axes.text(0.5, -0.19, "Left to right h shrinks: differences improve until rounding wins; "
              "Im f(theta + ihv)/h has no subtraction\nand stays at rounding. "
              "Errors are against a value proven by ball arithmetic.",
              transform=axes.transAxes, ha="center", fontsize=8)
    return axes


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
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    all_axes = figure.subplots(2, 2, sharex="col")
    for column, against in enumerate(("P", "N")):
        chosen = [growth for growth in growths if growth.against == against]
        for row, (what, label) in enumerate((("seconds", "time [s]"), ("bytes", "peak [bytes]"))):
            axes = all_axes[row, column]
            for k, growth in enumerate(chosen):
                axes.loglog(growth.sizes, getattr(growth, what), color=f"C{k}", marker="o", ms=3,
                            label=f"{growth.quantity}: {against}^{growth.exponents[what]:.2f}")
                if what == "seconds":
                    axes.loglog(growth.sizes, [count / rate for count in growth.operations],
                                color=f"C{k}", ls="--", lw=0.8)
            axes.set(ylabel=label)
            axes.set_ylim(top=20 * axes.get_ylim()[1])
            axes.legend(fontsize=8, loc="upper left", ncols=2)
            axes.grid(alpha=0.3)
    all_axes[1, 0].set(xlabel="parameters P, the widths growing")
    all_axes[1, 1].set(xlabel="examples N, the network fixed")
    figure.suptitle("Exponents over the upper half; dashed: the least arithmetic at "
                    f"{rate / 1e9:.0f} GFlop/s, a matrix product's", fontsize=11)
    return figure


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
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, label) in zip(panels, (("epoch", "epochs"), ("seconds", "training [s]"))):
        for k, (run, columns) in enumerate(runs.items()):
            axes.semilogy(columns[name], columns["train_loss"], f"C{k}", marker=".", label=run)
            axes.semilogy(columns[name], columns["test_loss"], f"C{k}", ls="--", lw=0.9)
        axes.set(xlabel=label)
        axes.grid(alpha=0.3, which="both")
    panels[0].set(ylabel="loss")
    panels[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel("Full: training set; dashed: test set. Each run from the same start. Seconds "
                     "are of initialisation and steps, without evaluation.", fontsize=8)
    return figure
