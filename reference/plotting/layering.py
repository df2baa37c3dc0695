"""A picture of who imports whom."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from .checks import require_some
from .style import caption, look, styled


@styled
def layering(imports):
    """Folders in order, the first at the top, and an arrow from each to every one that it imports.

    Parameters
    ----------
    imports : dict of dicts
        Folder -> {imported folder: number of files that do}, in the order of the layers.

    Returns
    -------
    matplotlib Axes
        Arrows upwards are the rule; one downwards would be drawn on the left.

    Raises
    ------
    ValueError
        If there are no folders, or one that is imported is not among them.
    """
    require_some("imports", imports)
    places = {name: -k for k, name in enumerate(imports)}
    unknown = sorted({to for own in imports.values() for to in own} - places.keys())
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is imported and not in the order; add it.")
    axes = Figure(figsize=(4.4, 0.42 * len(places) + 0.6), layout="constrained").subplots()
    for k, (name, place) in enumerate(places.items()):
        axes.text(0, place, name, ha="center", va="center", bbox={
            "boxstyle": "round,pad=0.3", "fc": "white", "ec": look(k)["color"], "lw": 1.5})
        for to, files in imports[name].items():
            axes.add_patch(_arrow(place, places[to], files, look(list(places).index(to))["color"]))
    axes.set(xlim=(-1.6, 4), ylim=(-len(places) + 0.4, 0.6))
    axes.axis("off")
    caption(axes.figure, "An arrow leads from a folder to one that it imports, in the colour of "
            "the imported one; the more files import it, the thicker.")
    return axes


def _arrow(start, end, files, color):
    """Bent to the right if it leads upwards, to the left if downwards."""
    side = 1 if end > start else -1
    return FancyArrowPatch((side * 1.15, start), (side * 1.15, end), arrowstyle="-|>",
                           connectionstyle=f"arc3,rad={0.55 * (1 if side > 0 else -1)}",
                           mutation_scale=9, lw=0.5 + 0.3 * np.sqrt(files), color=color, shrinkA=0,
                           shrinkB=0)
