"""Pictures: functions that take arrays and return matplotlib Axes."""

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .arrays.checks import require_array, require_finite

STYLES = {"forward difference": ("tab:orange", "v"), "central difference": ("tab:blue", "o"),
          "complex step": ("tab:green", "s")}
COLORS = {"K-FAC": "tab:red", "EKFAC": "tab:purple", "nearest products": "tab:brown"}


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
    """A matrix, red where positive and blue where negative, its parts told by lines.

    Parameters
    ----------
    M : array (P, P)
    parts : sequence of str, or dict of sizes
        What the first P/len(parts) entries belong to, the next ones, and so on; or name -> number
        of entries.
    axes : matplotlib Axes, optional
    limit, small : float
        The colours are linear within -small..small and logarithmic from there to the limits, which
        do for anything beyond.

    Returns
    -------
    matplotlib Axes
    """
    require_array("M", M)
    require_finite("M", M)
    _require_some("parts", parts)
    axes = Figure(figsize=(5, 5), layout="constrained").subplots() if axes is None else axes
    P, count = len(M), len(parts)
    sizes = list(parts.values()) if isinstance(parts, dict) else [P / count] * count
    edges = np.cumsum([0, *sizes])
    if not np.isclose(edges[-1], P):
        raise ValueError(f"the parts have {edges[-1]} entries but M has shape {M.shape}; they must "
                         "fill it.")
    axes.imshow(M, cmap="RdBu_r", extent=(0, P, P, 0), interpolation="nearest",
                norm=SymLogNorm(small, vmin=-limit, vmax=limit))
    for edge in edges[1:-1]:
        axes.axhline(edge, color="black", lw=0.7)
        axes.axvline(edge, color="black", lw=0.7)
    middles = (edges[1:] + edges[:-1]) / 2
    axes.set_xticks(middles, list(parts))
    axes.set_yticks(middles, list(parts), rotation=90, va="center")
    axes.tick_params(length=0)
    return axes


def heat_maps(matrices, layout, axes=None, small=0.01):
    """Matrices (P, P) side by side, relative to the largest entry of the first.

    Parameters
    ----------
    matrices : dict of arrays
        Name -> matrix.
    layout : Layout
        Whose weight matrices part the rows and columns.
    axes : array of matplotlib Axes, optional
        One for each matrix.
    small : float
        As in `heat_map`.

    Returns
    -------
    array of matplotlib Axes
    """
    _require_some("matrices", matrices)
    if axes is None:
        figure = Figure(figsize=(3.2 * len(matrices), 3.6), layout="constrained")
        axes = figure.subplots(1, len(matrices), squeeze=False)
    name, M = next(iter(matrices.items()))
    label, largest = f"entry / largest of {name}, linear within {small:g}", np.abs(M).max()
    parts = {f"W{k}": s.stop - s.start for k, s in enumerate(layout.slices, 1)}
    for ax, (name, M) in zip(np.ravel(axes), matrices.items(), strict=True):
        require_finite(name, M)
        heat_map(M / (largest or 1), parts, ax, small=small).set_title(name, fontsize=10)
    first = np.ravel(axes)[0]
    first.figure.colorbar(first.images[0], ax=axes, shrink=0.8, label=label)
    return axes


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
    _require_some("eigenvalues", eigenvalues)
    if axes is None:
        axes = Figure(figsize=(9, 4), layout="constrained").subplots(1, 2)
    signed, sizes = axes
    largest = max(np.abs(values).max() for values in eigenvalues.values())
    for k, (name, values) in enumerate(eigenvalues.items()):
        require_finite(name, values)
        down = np.sort(values)[::-1]
        negative = int((down < -zero * largest).sum())
        color = COLORS.get(name, f"C{k}")
        signed.plot(np.arange(1, len(down) + 1), down, color=color, lw=1.2,
                    label=f"{name}: {negative} negative")
        for part, style in ((down, "-"), (-down[::-1], ":")):
            part = part[part > zero * largest]
            sizes.semilogy(np.arange(1, len(part) + 1), part, style, color=color, lw=1.2)
    signed.axhline(0, color="gray", lw=0.6)
    signed.set(xlabel="rank", ylabel="eigenvalue", title="eigenvalues, descending")
    signed.set_yscale("symlog", linthresh=10.0 ** np.floor(np.log10(0.01 * largest or 1)))
    sizes.set(xlabel="rank by size", ylabel="|eigenvalue|",
              title="sizes: positive full, negative dotted")
    signed.legend(fontsize=7, loc="upper right")
    for ax in axes:
        ax.grid(alpha=0.3)
    return axes


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
    require_array("eigenvalues", eigenvalues)
    require_finite("eigenvalues", eigenvalues)
    axes = Figure(figsize=(5, 4), layout="constrained").subplots() if axes is None else axes
    low, high = eigenvalues.min() - 4 * width, eigenvalues.max() + 4 * width
    grid, P = np.linspace(low, high, 1000), len(eigenvalues)
    line = P * found.density(grid, width)
    axes.hist(eigenvalues, np.arange(low, high + 2 * width, 2 * width), color="lightgray",
              weights=np.full(P, 1 / (2 * width)), label=f"all {P} eigenvalues")
    axes.plot(grid, line, color="tab:red", lw=1.2,
              label=f"{found.products} products, {len(found.nodes)} probes")
    axes.set(yscale="log", ylim=(0.1 / width, 3 * line.max()), xlabel="eigenvalue",
             ylabel="eigenvalues per unit", title="spectral density")
    axes.legend(fontsize=8)
    return axes


def kron_residuals(residuals, axes=None):
    """Relative distances from the exact blocks, as bars, a group for each weight matrix.

    Parameters
    ----------
    residuals : dict of sequences
        Name -> |B - approximation|/|B| for every weight matrix, in Frobenius norm.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    _require_some("residuals", residuals)
    counts = {len(values) for values in residuals.values()}
    if len(counts) > 1:
        raise ValueError(f"residuals have {sorted(counts)} entries; pass one for every weight "
                         "matrix under each name.")
    axes = Figure(figsize=(5, 4), layout="constrained").subplots() if axes is None else axes
    width, layers = 0.8 / len(residuals), np.arange(1, max(counts) + 1)
    for k, (name, values) in enumerate(residuals.items()):
        axes.bar(layers + (k + 0.5) * width - 0.4, values, width, label=name,
                 color=COLORS.get(name, f"C{k}"))
    axes.set_xticks(layers, [f"W{layer}" for layer in layers])
    axes.set(xlabel="weight matrix", ylabel="|block - approximation| / |block|",
             title="distance from the exact blocks")
    axes.legend(fontsize=8)
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


def distances(maps):
    """How far matrices are from each other: a square for every pair, = where equal.

    Parameters
    ----------
    maps : dict
        Title -> (names, D (n, n)) as `oracle.map_page.distances` gives them: relative distances of
        diagonal blocks below the diagonal, of whole matrices above, nan where there are none.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(8.2 * len(maps), 8.4), layout="constrained")
    for axes, (title, (names, D)) in zip(figure.subplots(1, len(maps), squeeze=False)[0],
                                         maps.items()):
        shown = np.ma.masked_invalid(np.where(D == 0, np.nan, np.log10(np.where(D == 0, 1, D))))
        image = axes.imshow(shown, cmap="viridis_r", vmin=-2, vmax=0)
        for i, j in np.argwhere(np.isfinite(D)):
            equal, light = D[i, j] == 0, D[i, j] < 0.2
            axes.text(j, i, "=" if equal else f"{D[i, j]:.1g}", ha="center", va="center",
                      fontsize=8, color="black" if equal or light else "white")
        marked = [(i, i, "lightgray") for i in range(len(names))]
        for i, j, color in marked + [(*place, "lightyellow") for place in np.argwhere(D == 0)]:
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=color))
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_title(title)
        axes.tick_params(length=0)
    figure.suptitle("below the diagonal: diagonal blocks; above: whole matrices; = is equal to "
                    "rounding")
    figure.colorbar(image, ax=figure.axes, shrink=0.6, label="log10 of |a - b|/max(|a|, |b|)")
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
    _require_some("runs", runs)
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


def _require_some(name, x):
    """ValueError if there is nothing to draw."""
    if len(x) == 0:
        raise ValueError(f"{name} is empty; pass at least one.")
