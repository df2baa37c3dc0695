"""Modules `cupy`, `cupy.linalg`, `cupyx` made of NumPy under CuPy's rules, and their installation.

    with installed():
        objective.to("cupy")
"""

import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import scipy.special

from reference.curvature.operator import on_device

from . import array
from .array import RECORD, moves, ndarray, require_arguments, unwrapped, wrapped
from .cuda import cuda, pool
from .operators import LinearOperator
from .rules import ADDED_AT, crossed, require_linalg, wrapped_index

PLAIN = {"shape", "ndim", "size", "result_type", "iscomplexobj", "isrealobj", "can_cast",
         "broadcast_shapes", "isscalar", "dtype", "finfo", "iinfo", "promote_types", "issubdtype"}
CONVERTS = {"asarray", "array", "ascontiguousarray"}
AT = {"add", "subtract", "maximum", "minimum"}
NAIVE = {"log1p": lambda x: np.log(1 + x),                # of complex x
         "expm1": lambda x: np.exp(x) - 1}
WEAK = {bool: "biufc", int: "ifc", float: "fc", complex: "c"}     # kinds a Python number fits into
_raise = []


# ---- ufuncs ----

class Ufunc:
    """A NumPy ufunc of the types that CuPy's has; the first loop that its arguments fit into."""

    def __init__(self, function, types):
        self.function, self.types, self.__name__ = function, types, function.__name__

    def __call__(self, *arguments, out=None, dtype=None, casting="same_kind"):
        arguments = [unwrapped(x) for x in arguments]
        into = unwrapped(out)
        if dtype is None:
            kinds = self.loop(arguments[:self.function.nin]).split("->")[1]
        with np.errstate(all="ignore"):
            if self.__name__ in NAIVE and np.iscomplexobj(arguments[0]):
                return wrapped(NAIVE[self.__name__](arguments[0]))
            found = self.function(*arguments, dtype=dtype, casting=casting,
                                  **({} if out is None else {"out": into}))
        if out is not None or len(arguments) > self.function.nin:
            return arguments[-1] if out is None else out
        if dtype is None and type(found) is tuple:
            return wrapped(tuple(f.astype(k) for f, k in zip(found, kinds)))
        return wrapped(found if dtype is not None else found.astype(kinds))

    def loop(self, given):
        for types in self.types:
            if all(map(_fits, given, types.split("->")[0])):
                return types
        shown = [getattr(x, "dtype", type(x).__name__) for x in given]
        raise TypeError(f"Wrong type ({shown}) of arguments for cupy ufunc {self.__name__}")

    def at(self, a, index, b):
        if self.__name__ not in AT or a.dtype.char not in ADDED_AT:
            raise TypeError(f"cupy.{self.__name__}.at is not defined for {a.dtype}")
        self.function.at(a._host, wrapped_index(array.place(index), a.shape), unwrapped(b))


def _fits(x, kind):
    if type(x) in WEAK:
        return np.dtype(kind).kind in WEAK[type(x)] + "u" * (type(x) is int)
    return np.can_cast(x.dtype, kind, "safe")


# ---- functions ----

def function(name, own, known):
    """A NumPy function that takes device arrays alone and CuPy's parameters."""
    def call(*arguments, **named):
        require_arguments(name, known, arguments, named)
        require_own(name, arguments, named)
        if name in CONVERTS:
            return converted(own, arguments, named)
        if name == "take":
            named["mode"] = "wrap"
        with np.errstate(all="ignore"):
            found = own(*map(unwrapped, arguments), **{k: unwrapped(v) for k, v in named.items()})
        return found if name in PLAIN else wrapped(found)
    call.__name__ = name
    return call


def require_own(name, arguments, named):
    """Errors of single functions."""
    if name == "where" and not isinstance(arguments[0], ndarray):
        raise AttributeError("cupy.where needs a device array as condition")
    if name in ("split", "array_split", "repeat") and isinstance(arguments[1], ndarray):
        raise TypeError(f"cupy.{name} takes its second argument from the host")
    if name == "einsum" and set(named) - {"dtype", "optimize"}:
        raise TypeError(f"cupy.einsum does not take {set(named)}")


def converted(own, arguments, named):
    """asarray and its like: of device arrays no move, of anything else one from the host."""
    x = arguments[0]
    there = isinstance(x, ndarray) or type(x) in (list, tuple) and x and all(
        isinstance(each, ndarray) for each in x)
    if not there:
        crossed(moves, "asarray", np.shape(x))
    x = unwrapped(x) if there else np.array(x, order="K")
    return wrapped(np.asarray(own(x, *arguments[1:], **named)))


# ---- linear algebra: silent, if it is not asked to speak ----

def factorisation(name, known):
    """np.linalg's; what fails gives NaN, without cupyx.errstate(linalg="raise")."""
    own = function(name, getattr(np.linalg, name), known)

    def call(*arguments, **named):
        require_linalg(ndarray, name, arguments)
        try:
            return own(*arguments, **named)
        except np.linalg.LinAlgError:
            if _raise or name not in ("cholesky", "solve", "inv"):
                raise
            like = arguments[-1]
            return wrapped(np.full(like.shape, np.nan, like.dtype))
    call.__name__ = name
    return call


@contextmanager
def errstate(*, linalg=None, **others):
    """cupyx.errstate: what a failing factorisation does; it knows nothing else."""
    if any(value is not None for value in others.values()):
        raise NotImplementedError
    before = list(_raise)
    _raise[:] = [True] if linalg == "raise" else []
    try:
        yield
    finally:
        _raise[:] = before


# ---- the modules ----

def module(name, source, make=function):
    """A module with those of CuPy's names that `source` has."""
    made = ModuleType(name)
    for key, known in RECORD["modules"][name].items():
        own = getattr(source, key, None)
        if isinstance(own, np.ufunc) and known and "->" in str(known[0]):
            setattr(made, key, Ufunc(own, known))
        elif known == "class" and isinstance(own, type):
            setattr(made, key, own)
        elif callable(own):
            setattr(made, key, make(key, own, known))
        elif own is not None:
            setattr(made, key, own)
    return made


def modules():
    """The stand-ins by name."""
    cupy = module("cupy", np)
    cupy.ndarray, cupy.__version__ = ndarray, RECORD["version"] + " (stand-in)"
    cupy.matmul = function("matmul", np.matmul, None)
    for name in ("pi", "inf", "nan", "newaxis"):
        setattr(cupy, name, getattr(np, name))
    cupy.asnumpy = lambda x: x.get() if isinstance(x, ndarray) else np.asarray(x)
    cupy.linalg = module("cupy.linalg", np.linalg, lambda key, own, known: (
        factorisation(key, known)))
    cupy.linalg.LinAlgError = np.linalg.LinAlgError
    cupy.cuda, cupy.get_default_memory_pool = cuda(), pool
    special = module("cupyx.scipy.special", scipy.special)
    operators = ModuleType("cupyx.scipy.sparse.linalg")
    operators.LinearOperator = LinearOperator
    cupyx = ModuleType("cupyx")
    cupyx.errstate = errstate
    return {"cupy": cupy, "cupy.linalg": cupy.linalg, "cupyx": cupyx,
            "cupyx.scipy": ModuleType("cupyx.scipy"), "cupyx.scipy.special": special,
            "cupyx.scipy.sparse": ModuleType("cupyx.scipy.sparse"),
            "cupyx.scipy.sparse.linalg": operators}


@contextmanager
def installed():
    """`import cupy` finds the stand-in, in a with statement; a real CuPy comes back after it."""
    found = modules()
    before = {name: sys.modules.get(name) for name in found}
    sys.modules.update(found)
    on_device.cache_clear()                       # classes derive from the LinearOperator they met
    moves.clear()
    array.trips.clear()
    try:
        yield found["cupy"]
    finally:
        on_device.cache_clear()
        for name, was in before.items():
            sys.modules.pop(name)
            if was is not None:
                sys.modules[name] = was
