"""Bad input, refused at the boundary: what is wrong, with the value, and what to do."""

from math import inf
from numbers import Integral, Real

import numpy as np

from . import functions as F


def require_array(name, x):
    """TypeError unless x is an array, and every entry of it counts."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be ignored; pass "
                        f"{name}.filled(value), or leave the masked entries out.")
    if isinstance(x, np.matrix):
        raise TypeError(f"{name} is a numpy.matrix, whose products and slices are others; pass "
                        f"numpy.asarray({name}).")
    if not (hasattr(x, "shape") and isinstance(getattr(x, "dtype", None), np.dtype)):
        raise TypeError(f"{name} is a {type(x).__name__}; pass numpy.asarray({name}).")


def is_finite(x):
    """Whether x is one real number, neither NaN nor infinite; True and False are none."""
    return isinstance(x, Real) and not isinstance(x, bool) and -inf < x < inf


def plain(x):
    """A NumPy number as a Python one, which narrows and widens no array it meets."""
    return x.item() if isinstance(x, np.generic) else x


def is_whole(x, least):
    """Whether x is one whole number of at least `least`; True and False are none."""
    return isinstance(x, Integral) and not isinstance(x, bool) and x >= least


def shown(value):
    """repr(value), of arrays their dtype and shape alone."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    if not getattr(value, "shape", ()):
        return repr(value)
    return f"<{value.dtype} array {tuple(value.shape)}>"


def require_float(name, x, kinds="fcO"):
    """ValueError unless x holds floating-point numbers (or a number system made of them).

    `kinds` are NumPy's letters for what is allowed: "f" alone for data, which are real.
    """
    require_array(name, x)
    if x.dtype.kind in "biu":
        raise ValueError(f"{name} holds {x.dtype}; write {name}.astype(float) if these are numbers "
                         "to compute with.")
    if x.dtype.kind not in kinds or x.dtype == np.float16:
        raise ValueError(f"{name} holds {x.dtype}; use float32, float64 or longdouble.")


def require_finite(name, x):
    """ValueError naming how many entries are not finite, and the first."""
    bad = ~np.isfinite(x)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{name} has {int(bad.sum())} entries that are not finite; the first is "
                         f"{name}[{', '.join(map(str, first))}] = {x[first]}.")


def require_objective(objective):
    """TypeError unless objective is an Objective or behaves as one."""
    if not (hasattr(objective, "net") and hasattr(objective, "value")):
        raise TypeError(f"objective is a {type(objective).__name__}; pass Objective(net, loss, x, "
                        "y).")


def require_theta(objective, theta, name="theta"):
    """Error unless theta is a vector (P,) of finite floating-point numbers, P as the net needs."""
    require_objective(objective)
    require_float(name, theta)
    P = objective.net.layout.size
    if tuple(theta.shape) != (P,):
        raise ValueError(f"{name} has shape {tuple(theta.shape)} but the network needs ({P},); "
                         "build it with net.initial(rng).")
    require_finite(name, F.primal(theta))


def require_shape(name, shape, expected, of):
    """ValueError naming both shapes unless they are equal."""
    if tuple(shape) != tuple(expected):
        raise ValueError(f"{name} has shape {tuple(shape)}, but {of} asks for {tuple(expected)}; "
                         "shapes must match exactly.")


def require_generator(rng):
    """TypeError unless rng is a numpy Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng={rng!r} is not a generator; pass numpy.random.default_rng(seed).")


def require_callables(**functions):
    """TypeError unless each of these, passed by its name, can be called."""
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"{name} is {shown(function)}; pass a function.")


def require_whole(name, x, least):
    """ValueError unless x is a whole number of at least `least`."""
    if not is_whole(x, least):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {shown(x)}.")


def require_choice(name, x, choices):
    """ValueError unless x is one of these names."""
    if not isinstance(x, str) or x not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {shown(x)}.")
