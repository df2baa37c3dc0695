"""Other frameworks' ways to the same answers; each is imported only when it is named.

`load(name)` gives a module with `forms(objective, theta, v)`: {quantity: {form: () -> array}}, for
the gradient, H v ("hvp"), G v ("ggnvp"), H ("hessian") and G ("gauss_newton"), or some of them.
"""

from importlib import import_module

NAMES = ("jax", "torch", "curvlinops", "backpack")


class Absent(Exception):
    """A peer that is unknown or not installed; the message says what to do."""


def load(name):
    """The adapter of a framework; Absent if it is unknown or not installed."""
    if name not in NAMES:
        raise Absent(f"no peer {name!r}; choose among {', '.join(NAMES)}.")
    try:
        return import_module(f".{name}_forms", __package__)
    except ModuleNotFoundError as error:
        raise Absent(f"{error.name} is not installed; pip install '.[peers]', "
                     "or leave it out of --peers.") from None
