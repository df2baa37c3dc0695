"""Pictures: functions that take arrays and return matplotlib Axes."""

import numpy as np
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
