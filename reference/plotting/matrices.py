"""Pictures of matrices: entries, distances from each other, residuals of Kronecker products."""

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .checks import require_matrix, require_some
from .style import COLORS, caption, panels, styled

PRODUCTS = {"K-FAC": COLORS["vermilion"], "EKFAC": COLORS["purple"],
            "nearest products": COLORS["sky"]}
OTHERS = [color for color in COLORS.values() if color not in PRODUCTS.values()]


def color_of(name, k):
    """Of the k-th matrix of a picture: products look the same in every picture."""
    return PRODUCTS.get(name, OTHERS[k % len(OTHERS)])


@styled
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
    require_matrix("M", M)
    require_some("parts", parts)
    axes = panels() if axes is None else axes
    P, count = len(M), len(parts)
    sizes = list(parts.values()) if isinstance(parts, dict) else [P / count] * count
    edges = np.cumsum([0, *sizes])
    if not np.isclose(edges[-1], P):
        raise ValueError(f"the parts have {edges[-1]} entries but M has shape {M.shape}; they must "
                         "fill it.")
    axes.imshow(M, cmap="RdBu_r", extent=(0, P, P, 0), interpolation="nearest",
                norm=SymLogNorm(small, vmin=-limit, vmax=limit))
    for edge in edges[1:-1]:
        axes.axhline(edge, color="black", lw=0.7, marker="")
        axes.axvline(edge, color="black", lw=0.7, marker="")
    middles = (edges[1:] + edges[:-1]) / 2
    axes.set_xticks(middles, list(parts))
    axes.set_yticks(middles, list(parts), rotation=90, va="center")
    axes.tick_params(length=0)
    axes.grid(False)
    return axes


@styled
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
    require_some("matrices", matrices)
    for name, M in matrices.items():
        require_matrix(name, M)
    own, axes = axes is None, panels(len(matrices), squeeze=False) if axes is None else axes
    name, M = next(iter(matrices.items()))
    label, largest = f"entry / largest of {name}\n(linear within {small:g})", np.abs(M).max()
    parts = {f"W{k}": s.stop - s.start for k, s in enumerate(layout.slices, 1)}
    for ax, (name, M) in zip(np.ravel(axes), matrices.items(), strict=True):
        heat_map(M / (largest or 1), parts, ax, small=small).set_title(name, fontsize=10)
    first = np.ravel(axes)[0]
    first.figure.colorbar(first.images[0], ax=axes, shrink=0.8, label=label).ax.grid(False)
    if own:
        caption(first.figure, "Red: positive, blue: negative; lines part the weight matrices.")
    return axes


@styled
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
    require_some("residuals", residuals)
    counts = {len(values) for values in residuals.values()}
    if len(counts) > 1:
        raise ValueError(f"residuals have {sorted(counts)} entries; pass one for every weight "
                         "matrix under each name.")
    require_some("residuals of each name", range(max(counts)))
    axes = panels() if axes is None else axes
    width, layers = 0.8 / len(residuals), np.arange(1, max(counts) + 1)
    for k, (name, values) in enumerate(residuals.items()):
        axes.bar(layers + (k + 0.5) * width - 0.4, values, width, label=name, ec="white", lw=0.5,
                 color=color_of(name, k))
    axes.set_xticks(layers, [f"W{layer}" for layer in layers])
    axes.set(xlabel="weight matrix", ylabel="|block - approximation| / |block|",
             title="distance from the exact blocks")
    axes.grid(axis="x", visible=False)
    axes.legend(fontsize=8)
    return axes


@styled
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
    require_some("maps", maps)
    figure = Figure(figsize=(8.2, 6.8 * len(maps) + 0.6), layout="constrained")
    for axes, (title, (names, D)) in zip(figure.subplots(len(maps), squeeze=False)[:, 0],
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
        axes.grid(False)
    figure.colorbar(image, ax=figure.axes, shrink=0.4,
                    label="log10 of |a - b|/max(|a|, |b|)").ax.grid(False)
    caption(figure, "Below the diagonal: diagonal blocks; above: whole matrices; = is equal to "
            "rounding.")
    return figure
