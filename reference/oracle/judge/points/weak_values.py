"""Values that hide faults: data that are alike, gradients and biases of 0, unit directions."""

import numpy as np

from .audit import CLOSE, listed, weakness
from ..orders import is_bias
from .weak_layers import SECOND
from .weak_sizes import FACTORED


@weakness("labels")
def equal_labels(point):
    """y_n = y_1."""
    y = point.objective.y
    if len(y) > 1 and (y == y[:1]).all():
        return "all labels are equal: one label in place of another goes unseen"


@weakness("examples")
def equal_examples(point):
    """x_n = x_1."""
    x = point.objective.x
    if len(x) > 1 and (x == x[:1]).all():
        return ("all examples are equal: a product of means in place of a mean of products goes "
                "unseen")


@weakness("gradient", ("gradient", "per_example_gradients", "kfac_direction"))
def zero_gradient(point):
    """dL/dz = 0."""
    if not np.abs(point.dz).max() > 0:
        return "dL/dz is 0: the gradient is 0, whatever is wrong behind the loss"


@weakness("residual", (*SECOND, "fisher_empirical"))
def zero_residual(point):
    """dL/dz small beside the outputs: H = G."""
    size = np.abs(point.z).max() or 1.0
    if np.abs(point.objective.R * point.dz).max() <= CLOSE * size:
        return ("the residual is 0: H is the Gauss-Newton matrix, and a missing residual part goes "
                "unseen")


@weakness("biases")
def zero_biases(point):
    """b = 0."""
    biases = [a for name, a in point.net.named(point.theta).items() if is_bias(name)]
    if biases and not any(a.any() for a in biases):
        return "all biases are 0: a forward pass that leaves them out goes unseen"


@weakness("direction")
def holes(point):
    """v is 0 on a matrix, or has one entry."""
    v = point.arguments.get("v")
    if v is None:
        return None
    if np.count_nonzero(v) == 1:
        return "v is a unit vector: only one column is seen"
    found = [f"matrix {l}" for l, s in enumerate(point.net.layout.slices) if not v[s].any()]
    if found:
        return f"v is 0 on {listed(found)}: whatever is wrong along it goes unseen"


@weakness("damping", FACTORED)
def no_damping(point):
    """lam = 0: all rules are one."""
    if point.arguments.get("damping") == 0:
        return "damping is 0: one rule of damping cannot be told from another"
