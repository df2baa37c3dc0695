"""Numbers of one convention in another: by the order of theta, the loss's scale, the factors'."""

from collections.abc import Mapping

import numpy as np

from ...network.objective import Objective
from ...network.patches import Convolution
from ..judge import orders
from . import convention
from .quantities import BLOCKS, FACTORS, JACOBIAN, MATRIX, PLAIN, VECTOR, change_of
from .scales import Impossible, of_factors, of_loss, owners

NAMED = {"ours": "torch", "torch": "torch", "torch.func": "torch", "jax": "flax",
         "keras": "keras", "kfac-jax": "flax", "curvlinops": "torch", "backpack": "torch",
         "kfac-pytorch": "torch", "asdl": "torch", "nngeometry": "torch"}


def convert(value, quantity, objective, source, target="ours", setting="expand", kind="type-2"):
    """What a program of one convention has, as a program of another would have it.

    Parameters
    ----------
    value : array, or list of arrays
        In the source's order and scale; blocks and factors one per matrix of the layout, factors
        as `Kron` or pairs (G, A).  A vector like theta may be a dict of named arrays.
    quantity : str or function
        As in `check`: "hvp", or `ref.hvp`.
    objective : Objective
        Whose shapes, N, and loss are theirs; with reduction="sum", theirs is a sum too.
    source, target : str
        Of `conventions`.
    setting, kind : str
        Of the factors, as in `kfac`; needed for "kfac", "kfac_inverse" and "ekfac".

    Returns
    -------
    array, list of arrays, or list of (G, A) for factors
        An inverse is that of the same matrix with the damping that `convert_damping` says.

    Raises
    ------
    Impossible
        A ValueError: where the one has not what the other needs, as a factor summed over places
        for one that is not, or where a convention is not known, saying which.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))
    >>> g = objective.grad(theta)
    >>> bool((ref.convert(ref.convert(g, "gradient", objective, "ours", "ours"),
    ...                   "gradient", objective, "ours") == g).all())
    True
    """
    if not isinstance(objective, Objective):
        raise TypeError(f"objective is a {type(objective).__name__}; pass a ref.Objective.")
    change = change_of(quantity)
    source, target = convention(source), convention(target)
    if source is target:
        return pairs_of(value) if change.form == FACTORS else value
    here = _moved(value, change, objective, source, setting, kind, False)
    return _moved(here, change, objective, target, setting, kind, True)


def _moved(value, change, objective, record, setting, kind, out):
    """From a convention to ours, or from ours `out` to it."""
    if record.name == "ours":
        return pairs_of(value) if change.form == FACTORS else value
    if change.form == FACTORS:
        return _factors(value, objective, record, setting, kind, out)
    if isinstance(value, Mapping) and change.form == VECTOR:
        own = objective.net.from_named(value, _layout(record))
        return own / of_loss(record, objective, change.scale)
    scales = _scales(change, objective, record, setting, kind)
    if change.form == BLOCKS:
        moved = _by_matrix(objective, record)
        require_count(value, len(moved))
        return [_apply(np.asarray(B), p, c, (-2, -1), out)
                for B, p, c in zip(value, moved, scales)]
    axes = {PLAIN: (), VECTOR: (-1,), MATRIX: (-2, -1), JACOBIAN: (-1,)}[change.form]
    p = order_of(record, objective) if axes else None
    return _apply(np.asarray(value), p, scales, axes, out)


def _apply(a, p, c, axes, out):
    """theirs = c ours[p] along the axes, or ours from theirs."""
    if not out:
        a, p = a / c, None if p is None else np.argsort(p)
    for axis in axes:
        if a.ndim < len(axes) or a.shape[axis] != len(p):
            raise ValueError(f"the array has shape {a.shape}; {len(p)} entries of theta are wanted "
                             f"on axis {axis}.")
        a = np.take(a, p, axis)
    return c * a if out else a


def _scales(change, objective, record, setting, kind):
    """One number, or one per matrix."""
    if not change.scale.startswith("factors"):
        c = of_loss(record, objective, change.scale, change.form)
        return [c] * len(objective.net.layout.shapes) if change.form == BLOCKS else c
    power = -1 if change.scale.endswith("inverse") else 1
    return [(g * a) ** power for g, a in of_factors(record, objective, setting, kind)]


def order_of(record, objective):
    """p with theirs = ours[p]; Impossible if it is not known."""
    if record.parameters is None:
        raise Impossible(f"the order of parameters of {record.title} is not known.")
    p = None
    if record.gru:
        p = orders.order(record.gru, objective.net)
    return orders.order(record.parameters, objective.net) if p is None else p


def _by_matrix(objective, record):
    """The same within each matrix, whose block keeps our place."""
    p = order_of(record, objective)
    return [p[(p >= s.start) & (p < s.stop)] - s.start for s in objective.net.layout.slices]


def _layout(record):
    if record.name not in NAMED:
        raise Impossible(f"{record.title} has no names of arrays; pass a flat vector.")
    return NAMED[record.name]


def require_count(value, count):
    """ValueError unless there is one of each matrix."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        told = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else type(value)
        raise ValueError(f"one entry for each of the {count} matrices is wanted, got {told}.")


# ---- factors ----

def _factors(value, objective, record, setting, kind, out):
    """[(G, A), ...] of one convention from those of the other."""
    pairs = pairs_of(value)
    shapes, layers = objective.net.layout.shapes, owners(objective.net)
    require_count(pairs, len(shapes))
    scales = of_factors(record, objective, setting, kind)
    return [(_apply(G, np.arange(O), g, (-2, -1), out),
             _inputs(A, leaf, I, a, record, out))
            for (G, A), leaf, (O, I), (g, a) in zip(pairs, layers, shapes, scales)]


def pairs_of(value):
    """[(G, A), ...] of Krons, pairs, or all arrays one after the other."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"factors are a list of pairs (G, A), got a {type(value).__name__}.")
    value = list(value)
    if value and all(getattr(each, "ndim", 0) == 2 for each in value):
        value = list(zip(value[::2], value[1::2]))
    if any(hasattr(each, "blocks") for each in value):
        raise Impossible("a matrix whose rows fall into groups has one product for each group: "
                         "what the conventions make of that is not known.")
    for each in value:
        if not hasattr(each, "G") and not (isinstance(each, (list, tuple)) and len(each) == 2):
            raise TypeError(f"factors are pairs (G, A) of matrices, got a {type(each).__name__} "
                            "among them.")
    found = [(each.G, each.A) if hasattr(each, "G") else tuple(each) for each in value]
    return [(np.asarray(G), np.asarray(A)) for G, A in found]


def _inputs(A, leaf, I, a, record, out):
    """A with its entries in the other order, with or without the constant 1."""
    bias = bool(getattr(leaf, "bias", False))
    if bias and record.bias_in_A is None:
        raise Impossible(f"where {record.title} has the constant among the inputs of A is not "
                         "known.")
    if bias and not record.bias_in_A:
        if not out:
            raise Impossible(f"{record.title} has no constant 1 among the inputs of A: the row of "
                             "the bias, the mean of the inputs, is not in it.")
        A = A[:-1, :-1]
    p = columns(leaf, I - bias, record.kernel)
    if bias and record.bias_in_A:
        p = np.append(p, I - 1)
    return _apply(A, p, a, (-2, -1), out)


def columns(leaf, inputs, kernel):
    """Which of our inputs (channel, *place) theirs are; "HWIO" has places first."""
    p = np.arange(inputs)
    if kernel != "HWIO" or not isinstance(leaf, Convolution):
        return p
    return np.moveaxis(p.reshape(-1, *leaf.kernel_size), 0, -1).reshape(-1)
