"""Pictures of eigenvalues."""

import numpy as np

from .checks import require_some, require_values, require_width
from .matrices import color_of
from .style import COLORS, caption, grid, look, panels, styled

@styled
def spectrum(eigenvalues, axes=None, zero=1e-15):
    """Sorted eigenvalues: with their signs, and in size, negative ones dotted.

    Parameters
    ----------
    eigenvalues : dict of arrays
        Name -> eigenvalues, in any order.
    axes : two matplotlib Axes, optional
    zero : float
        What is this small beside the largest is rounding, and not drawn on the logarithmic axis.

    Returns
    -------
    two matplotlib Axes
    """
    require_some("eigenvalues", eigenvalues)
    for name, values in eigenvalues.items():
        require_values(name, values)
    own, axes = axes is None, panels(2) if axes is None else axes
    signed, sizes = axes
    largest = max(np.abs(values).max() for values in eigenvalues.values())
    for k, (name, values) in enumerate(eigenvalues.items()):
        down = np.sort(values)[::-1]
        negative = int((down < -zero * largest).sum())
        line = {"lw": 1.2, "marker": look(k)["marker"], "markevery": max(1, len(down) // 8),
                "color": color_of(name, k)}
        signed.plot(np.arange(1, len(down) + 1), down, label=f"{name}: {negative} negative", **line)
        for part, dashes in ((down, "-"), (-down[::-1], ":")):
            part = part[part > zero * largest]
            sizes.semilogy(np.arange(1, len(part) + 1), part, dashes, **line)
    signed.axhline(0, color="gray", lw=0.6, marker="")
    signed.set(xlabel="rank", ylabel="eigenvalue", title="eigenvalues, descending")
    signed.set_yscale("symlog", linthresh=10.0 ** np.floor(np.log10(0.01 * largest or 1)))
    sizes.set(xlabel="rank by size", ylabel="|eigenvalue|",
              title="sizes: positive full, negative dotted")
    signed.legend(fontsize=7, loc="upper right")
    grid(*axes)
    if own:
        caption(signed.figure, "Left: by value, linear near 0; right: by size, so that negative "
                "eigenvalues lie beside positive ones.")
    return axes


@styled
def density(found, eigenvalues, width, axes=None):
    """Stochastic Lanczos quadrature's density as a line over a histogram of all eigenvalues.

    Parameters
    ----------
    found : SpectralDensity
    eigenvalues : array (P,)
    width : float
        Standard deviation of the line's Gaussians, and half the width of the bins, in the unit of
        the eigenvalues.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    require_values("eigenvalues", eigenvalues)
    require_width(width, eigenvalues)
    axes = panels() if axes is None else axes
    low, high = eigenvalues.min() - 4 * width, eigenvalues.max() + 4 * width
    points, P = np.linspace(low, high, 1000), len(eigenvalues)
    line = P * found.density(points, width)
    axes.hist(eigenvalues, np.arange(low, high + 2 * width, 2 * width), color="lightgray",
              weights=np.full(P, 1 / (2 * width)), label=f"all {P} eigenvalues")
    axes.plot(points, line, color=COLORS["vermilion"], lw=1.2, marker="",
              label=f"{found.products} products, {len(found.nodes)} probes")
    axes.set(yscale="log", ylim=(0.1 / width, 3 * line.max()), xlabel="eigenvalue",
             ylabel="eigenvalues per unit", title="spectral density")
    grid(axes)
    axes.legend(fontsize=8)
    return axes
