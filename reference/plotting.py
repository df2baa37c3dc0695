"""Pictures: functions that take arrays and return matplotlib Axes."""

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

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


def heat_map(M, parts, axes=None, limit=1.0, small=0.01):
    """A matrix, red where positive and blue where negative, its parts of equal size told by lines.

    Parameters
    ----------
    M : array (P, P)
    parts : sequence of str
        What the first P/len(parts) entries belong to, the next ones, and so on.
    axes : matplotlib Axes, optional
    limit, small : float
        The colours are linear within -small..small and logarithmic from there to the limits, which
        do for anything beyond.

    Returns
    -------
    matplotlib Axes
    """
    axes = Figure(figsize=(5, 5), layout="constrained").subplots() if axes is None else axes
    P, size = len(M), len(M) / len(parts)
    axes.imshow(M, cmap="RdBu_r", extent=(0, P, P, 0),
                norm=SymLogNorm(small, vmin=-limit, vmax=limit))
    for k in range(1, len(parts)):
        axes.axhline(k * size, color="black", lw=0.7)
        axes.axvline(k * size, color="black", lw=0.7)
    middles = [(k + 0.5) * size for k in range(len(parts))]
    axes.set_xticks(middles, parts)
    axes.set_yticks(middles, parts, rotation=90, va="center")
    axes.tick_params(length=0)
    return axes
