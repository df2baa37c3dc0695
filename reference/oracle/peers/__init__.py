"""Other frameworks' ways to the same answers; each is imported only when it is named.

`load(name)` gives a module for the bench, with `forms(objective, theta, v)`: {quantity: {form: ()
-> array}}, for the gradient, H v ("hvp"), G v ("ggnvp"), H ("hessian") and G ("gauss_newton"), or
some of them.  `ways(name)` gives what the judge asks: {way: object}, whose functions are named as
its subjects and take (objective, theta, *arguments).
"""

from importlib import import_module

from ..named import named

NAMES = ("jax", "torch", "curvlinops", "backpack")
JUDGED = ("torch", "jax", "curvlinops", "backpack", "autograd")
PACKAGES = {"curvlinops": "curvlinops-for-pytorch", "backpack": "backpack-for-pytorch"}


class Absent(Exception):
    """A peer that is unknown or not installed; the message says what to do."""


def load(name):
    """The adapter of a framework for the bench; Absent if it is unknown or not installed."""
    if name not in NAMES:
        raise Absent(f"no peer {name!r}; choose among {', '.join(NAMES)}.")
    try:
        return import_module(f".{name}_forms", __package__)
    except ModuleNotFoundError as error:
        raise Absent(f"{error.name} is not installed; pip install '.[peers]', "
                     "or leave it out of --peers.") from None


def ways(name):
    """{way: object} of a framework, or of package.module:object.

    Parameters
    ----------
    name : str
        Of JUDGED, or "package.module:object", found from the working directory, too.

    Raises
    ------
    Absent
        If it is unknown, not installed, or offers no function at all.
    """
    if ":" in name:
        return {"": _foreign(name)}
    if name not in JUDGED:
        raise Absent(f"no peer {name!r}; choose among {', '.join(JUDGED)}, or name your own as "
                     "package.module:object.")
    try:
        return import_module(f".{name}_answers", __package__).OFFERS
    except ModuleNotFoundError as error:
        wanted = PACKAGES.get(error.name, error.name)
        raise Absent(f"{error.name} is not installed; pip install {wanted}, or pip install "
                     "'.[peers]' for all peers.") from None


def _foreign(name):
    """The object package.module:object."""
    try:
        return named(name, "peer")
    except ValueError as error:
        raise Absent(error) from None
