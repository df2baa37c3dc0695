"""map: how far the curvature matrices are from each other, and why."""

from pathlib import Path

from ..oracle import map_page
from .shared import fill, require_page, require_picture, save, warn

DRAWN = "tanh", "deep linear, squared error"


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "map", help="measure how far the curvature matrices are from each other, and why",
        description="Distances between curvature matrices on one small problem per regime, and "
                    "the theorems that make some of them equal.",
        epilog="example: python -m reference map --into docs/9-map.md")
    command.add_argument("--into", type=Path, metavar="FILE",
                         help="put the tables between the markers of a page instead")
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw two regimes instead")
    command.set_defaults(run=run)


def run(arguments):
    """Measure and print the map of the matrices, put it into a page, or draw it."""
    page = None if arguments.into is None else require_page(arguments.into)
    if arguments.plot is not None:
        require_picture(arguments.plot)
        plot_map(arguments.plot)
    if page is not None:
        fill(arguments.into, page, map_page.lines())
    if arguments.plot is None and page is None:
        print("\n".join(map_page.lines()))
    return 0


def plot_map(path):
    """The picture of two regimes."""
    from .. import plotting
    save(plotting.distances({name: map_page.distances(name) for name in DRAWN}), path, dpi=75)
    warn(f"wrote {path}")
