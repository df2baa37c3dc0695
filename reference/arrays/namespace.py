"""Which module acts on these arrays?  There is no global switch: the arrays themselves say."""

import sys
from functools import cache
from importlib import import_module

import numpy as np

# Classes of other libraries; every other class lives in the module that holds its functions.
HOMES = {
    "numpy": "floats",
    "builtins": "floats",
    "flint": "ball",
    "autograd": "tape",
    "cupy": "device",
}
SCALARS = (bool, int, float, complex)


@cache
def _home(cls, is_object):
    root = cls.__module__.partition(".")[0]
    name = "ball" if root == "numpy" and is_object else HOMES.get(root)
    if root == "builtins" and not issubclass(cls, SCALARS):
        raise TypeError(f"no number system for {cls.__name__}; pass an array (numpy.asarray).")
    module = import_module("." + name, __package__) if name else sys.modules[cls.__module__]
    if not hasattr(module, "RANK"):
        raise TypeError(f"no number system for {cls.__module__}.{cls.__name__}: its module states "
                        "no RANK and no vocabulary (see reference.arrays.functions).")
    return module


def home(x):
    """The module of one array; NumPy arrays of objects are arrays of balls."""
    cls = type(x)
    return _home(cls, cls is np.ndarray and x.dtype.kind == "O")


def namespace(*arrays):
    """The module whose functions act on `arrays`: the one of highest rank among their homes.

    Floats (rank 0) mix with everything; dual and bicomplex numbers (rank 2) may hold any other
    numbers; two different systems of the same rank do not mix.

    Raises
    ------
    TypeError
        For something that is no array, or for arrays of two systems that do not mix.

    >>> import numpy as np
    >>> namespace(np.ones(3)).__name__
    'reference.arrays.floats'
    """
    if len(arrays) == 1:
        return home(arrays[0])
    homes = {home(a) for a in arrays}
    if len(homes) == 1:
        return homes.pop()
    top = max(homes, key=lambda module: module.RANK)
    rivals = sorted(m.__name__ for m in homes if m.RANK == top.RANK)
    if len(rivals) > 1:
        raise TypeError(f"arrays of number systems that do not mix: {', '.join(rivals)}.")
    return top


def library(x):
    """The module of the arrays of x, or of an operator: cupy or else numpy, for new ones beside it.

    >>> import numpy as np
    >>> library(np.ones(3)).__name__
    'numpy'
    """
    return import_module("cupy") if _of_device(type(x)) else np


@cache
def _of_device(cls):
    return any(base.__module__.partition(".")[0] in ("cupy", "cupyx") for base in cls.__mro__)
