"""Pictures of closed formulas, and what is seen of them: in a few pixels, without words.

    python -m tests.plotting.drawn        records tests/plotting/pictures/*.png; look at each

Words are taken away since their shapes depend on the fonts and the version of matplotlib, and axes
stand side by side, since the layout depends on the words.  Lines, bars, squares and arrows are
left; means over 8 x 8 pixels leave little of how edges are smoothed.
"""

from pathlib import Path

import numpy as np
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.testing.decorators import remove_ticks_and_titles
from matplotlib.transforms import Bbox

from reference import plotting
from reference.curvature.quadrature import SpectralDensity
from reference.network.layout import Layout

FOLDER = Path(__file__).parent / "pictures"
BLOCK, HIGH, WIDE = 8, 40, 40           # pixels of a block, blocks of a picture's axes


def steps(slope=1.0):
    """The V of differences: h^slope + eps/h, h^2 + eps/h, and h^2 down to eps."""
    h, eps = np.logspace(0, -18, 37), 2.0 ** -52
    return plotting.step_sizes(h, {"forward difference": h ** slope + eps / h,
                                   "central difference": h ** 2 + eps / h,
                                   "complex step": h ** 2 + eps}).figure


def waves(P=24, shift=0.0):
    """cos(i j/50 + shift) (P, P)."""
    i = np.arange(P)
    return np.cos(np.outer(i, i) / 50 + shift)


def map_of_one(shift=0.0):
    return plotting.heat_map(waves(shift=shift), {"a": 6, "b": 8, "c": 10}).figure


def maps(shift=0.0):
    layout = Layout(((2, 3), (2, 4), (5, 2)))
    return plotting.heat_maps({"A": waves(), "B": np.tril(waves(shift=shift))}, layout)[0, 0].figure


def residuals(first=0.5):
    return plotting.kron_residuals({"K-FAC": [first, 0.4], "EKFAC": [0.35, 0.3],
                                    "nearest products": [0.25, 0.1]}).figure


def eigenvalues(shift=0.0):
    """Of a definite and of an indefinite matrix."""
    i = np.arange(40)
    return plotting.spectrum({"G": 10.0 ** (-i / 8), "H": np.cos(i / 7) ** 3 + shift})[0].figure


def spectral(weight=0.2):
    """Two nodes over a histogram."""
    found = SpectralDensity(np.array([[0.0, 2.0]]), np.array([[1 - weight, weight]]), 20, 2,
                            False)
    values = np.repeat([0.0, 2.0], [16, 4]) + np.linspace(-0.1, 0.1, 20)
    return plotting.density(found, values, 0.1).figure


def layers(below=()):
    return plotting.layering({"first": dict.fromkeys(below, 4), "second": {"first": 3},
                              "third": {"first": 9, "second": 1}}).figure


# name -> (picture, the same with something wrong)
DRAWN = {"step_sizes": (steps, lambda: steps(1.2)),
         "heat_map": (map_of_one, lambda: map_of_one(0.5)),
         "heat_maps": (maps, lambda: maps(0.5)),
         "kron_residuals": (residuals, lambda: residuals(0.45)),
         "spectrum": (eigenvalues, lambda: eigenvalues(0.1)),
         "density": (spectral, lambda: spectral(0.1)),
         "layering": (layers, lambda: layers(["third"]))}


def seen(figure):
    """Red, green and blue, 0 to 255 (HIGH, WIDE for each axes, 3), without words."""
    figure.set_layout_engine("none")
    figure.supxlabel("")
    remove_ticks_and_titles(figure)
    count = len(figure.axes)
    for k, axes in enumerate(figure.axes):
        axes.set(xlabel="", ylabel="", aspect="auto")
        axes.grid(False, which="both")
        axes.tick_params(length=0, which="both")          # which of them there are is the version's
        for thing in [*axes.texts, *filter(None, [axes.get_legend()])]:
            thing.remove()
        axes.set_axes_locator(lambda *_, k=k: Bbox.from_bounds(
            (k + 0.05) / count, 0.05, 0.9 / count, 0.9))
    figure.set(dpi=100, figwidth=count * WIDE * BLOCK / 100, figheight=HIGH * BLOCK / 100)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(float)
    return pixels.reshape(HIGH, BLOCK, count * WIDE, BLOCK, 3).mean((1, 3)).round()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (draw, _) in DRAWN.items():
        image.imsave(FOLDER / f"{name}.png", seen(draw()).astype(np.uint8))
