"""Other frameworks' ways to the same matrices; each is imported only when it is named.

`load(name)` gives a module with `forms(objective, theta)`: {quantity: {form: () -> array}}.
"""

from importlib import import_module

NAMES = ("jax", "torch")


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


def dense_tanh_shapes(objective):
    """Shapes of W for a chain Dense, Tanh, ..., Dense with biases and cross-entropy on labels.

    The adapters spell out that network and no other.
    """
    net, loss = objective.net, objective.loss
    layers = [type(layer).__name__ if layer.shape else layer.name for layer in net.layers]
    wanted = ["Dense", "Tanh"] * (len(layers) // 2) + ["Dense"]
    if layers != wanted or loss.name != "CrossEntropy" or objective.l2 or objective.y.ndim != 1:
        raise ValueError(f"the adapters know Dense/Tanh chains with cross-entropy, not {net}.")
    return net.layout.shapes
