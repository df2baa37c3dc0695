"""Modules `cupy`, `cupy.linalg`, `cupyx` made of NumPy under CuPy's rules, and their installation.

    with installed():
        objective.to("cupy")
"""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.special

from . import array
from .array import RECORD, ndarray, require_parameters, unwrapped, wrapped
from .operators import LinearOperator

PLAIN = {"shape", "ndim", "size", "result_type", "iscomplexobj", "isrealobj", "can_cast",
         "broadcast_shapes", "isscalar", "dtype", "finfo", "iinfo", "promote_types", "issubdtype"}
TAKES_HOST = {"asarray", "array", "ascontiguousarray"}
_raise = []


class Ufunc:
    """A NumPy ufunc of the types that CuPy's has."""

    def __init__(self, function, types):
        self.function, self.types, self.__name__ = function, types, function.__name__

    def __call__(self, *arguments, **named):
        arguments = [unwrapped(x) for x in arguments]
        given = [np.result_type(x) if hasattr(x, "dtype") else None for x in arguments]
        wide = np.result_type(*arguments) if len(arguments) > 1 else given[0]
        loops = [t.split("->")[0] for t in self.types]
        fits = any(len(loop) == len(given) and all(
            g is None or np.can_cast(g, t, "safe") for g, t in zip(given, loop)) for loop in loops)
        if not fits or (wide is not None and wide.kind == "c"
                        and not any(set(loop) & set("FD") for loop in loops)):
            raise TypeError(f"Wrong type ({wide}) of arguments for cupy ufunc {self.__name__}")
        return wrapped(self.function(*arguments, **{k: unwrapped(v) for k, v in named.items()}))

    def at(self, a, index, b):
        if a.dtype.kind == "c":
            raise TypeError(f"cupy.{self.__name__}.at is not defined for {a.dtype}")
        self.function.at(a._host, array.place(index), unwrapped(b))


def function(name, own, known):
    """A NumPy function that takes device arrays alone and CuPy's parameters."""
    def call(*arguments, **named):
        require_parameters(name, known, arguments, named)
        if name == "where":
            if not isinstance(arguments[0], ndarray):
                raise AttributeError("cupy.where needs a device array as condition")
        take = (lambda x: getattr(x, "_host", x)) if name in TAKES_HOST else unwrapped
        found = own(*map(take, arguments), **{k: take(v) for k, v in named.items()})
        return found if name in PLAIN else wrapped(found)
    call.__name__ = name
    return call


def silent(name, own):
    """Without cupyx.errstate(linalg="raise") a failing factorisation gives NaN, not an error."""
    def call(a, *rest, **named):
        try:
            return own(a, *rest, **named)
        except np.linalg.LinAlgError:
            if _raise:
                raise
            return wrapped(np.full(a.shape if name != "solve" else rest[0].shape, np.nan, a.dtype))
    call.__name__ = name
    return call


@contextmanager
def errstate(linalg=None, **_):
    """cupyx.errstate: what a failing factorisation does."""
    before = list(_raise)
    _raise[:] = [True] if linalg == "raise" else []
    try:
        yield
    finally:
        _raise[:] = before


def module(name, source):
    """A module with those of CuPy's names that `source` has."""
    made = ModuleType(name)
    for key, known in RECORD["modules"][name].items():
        own = getattr(source, key, None)
        if isinstance(known, list) and known and "->" in str(known[0]) and isinstance(own, np.ufunc):
            setattr(made, key, Ufunc(own, known))
        elif known == "class" and isinstance(own, type):
            setattr(made, key, own)
        elif callable(own):
            setattr(made, key, function(key, own, known))
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
    cupy.linalg = module("cupy.linalg", np.linalg)
    for name in ("cholesky", "solve", "inv"):
        setattr(cupy.linalg, name, silent(name, getattr(cupy.linalg, name)))
    cupy.linalg.LinAlgError = np.linalg.LinAlgError
    stream = SimpleNamespace(synchronize=lambda: None)
    cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 1),
                                get_current_stream=lambda: stream)
    special = module("cupyx.scipy.special", scipy.special)
    operators = ModuleType("cupyx.scipy.sparse.linalg")
    operators.LinearOperator = LinearOperator
    cupyx = ModuleType("cupyx")
    cupyx.errstate = errstate
    found = {"cupy": cupy, "cupy.linalg": cupy.linalg, "cupyx": cupyx,
             "cupyx.scipy": ModuleType("cupyx.scipy"), "cupyx.scipy.special": special,
             "cupyx.scipy.sparse": ModuleType("cupyx.scipy.sparse"),
             "cupyx.scipy.sparse.linalg": operators}
    return found


@contextmanager
def installed():
    """`import cupy` finds the stand-in, in a with statement."""
    before = {name: sys.modules.get(name) for name in modules()}
    sys.modules.update(modules())
    try:
        yield sys.modules["cupy"]
    finally:
        for name, was in before.items():
            sys.modules.pop(name)
            if was is not None:
                sys.modules[name] = was
