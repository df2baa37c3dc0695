"""cupy.ndarray's stand-in: a NumPy array in a wrapper that obeys CuPy's rules (see __init__)."""

import json
from functools import reduce
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from .rules import crossed, require_device, require_parameters, wrapped_index

RECORD = json.loads(Path(__file__).with_name("record.json").read_text("utf-8"))
TYPES = set("?bBhHiIlLqQefdFD")
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
trips = []                                             # numbers that went to the host, by kind
moves = []                                             # arrays that crossed: ("get", shape)


class ndarray:
    """A NumPy array, wrapped."""

    __module__ = "cupy"
    __slots__ = ("_host",)
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, host):
        host = np.asarray(host)
        if host.dtype.char not in TYPES:
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host = host

    # ---- to the host, by name or not at all ----

    def get(self, order="C"):
        crossed(moves, "get", self.shape)
        return self._host.copy(order=order)

    def __array__(self, *arguments, **named):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` "
                        "to construct a NumPy array explicitly.")

    def __iter__(self):
        if self.ndim < 2:
            raise TypeError("iteration over a device array, number by number")
        return map(ndarray, self._host)

    def item(self):
        raise TypeError("item() is a hidden round trip; use transfer.to_host")

    def tolist(self):
        raise TypeError("tolist() is a hidden round trip; use transfer.to_host")

    def __contains__(self, x):
        raise TypeError("a search by items of a device array")

    def _number(self, kind):
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. "
                             "Use a.any() or a.all()")
        trips.append(kind.__name__)
        return kind(self._host.reshape(())[()])

    def __bool__(self):
        return self._number(bool)

    def __float__(self):
        return self._number(float)

    def __int__(self):
        return self._number(int)

    def __complex__(self):
        return self._number(complex)

    def __repr__(self):
        trips.append("str")
        return repr(self._host)

    def __str__(self):
        trips.append("str")
        return str(self._host)

    def __format__(self, spec):
        trips.append("str")
        return format(self._host[()] if self.ndim == 0 else self._host, spec)

    # ---- what it is ----

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    base = property(lambda self: self._host.base)
    T = property(lambda self: ndarray(self._host.T))
    mT = property(lambda self: ndarray(self._host.mT))
    real = property(lambda self: ndarray(self._host.real) if self.dtype.kind == "c" else self)
    imag = property(lambda self: ndarray(self._host.imag))

    @real.setter
    def real(self, value):
        self._host.real = unwrapped(value)

    @imag.setter
    def imag(self, value):
        self._host.imag = unwrapped(value)

    @property
    def flags(self):
        """Those that CuPy has."""
        own = self._host.flags
        return SimpleNamespace(c_contiguous=own.c_contiguous, f_contiguous=own.f_contiguous,
                               owndata=own.owndata)

    def __len__(self):
        return len(self._host)

    def __getitem__(self, index):
        return ndarray(self._host[wrapped_index(place(index), self.shape)])

    def __setitem__(self, index, value):
        with np.errstate(all="ignore"):
            self._host[wrapped_index(place(index), self.shape)] = unwrapped(value)

    def __getattr__(self, name):
        if name.startswith("__") or name not in RECORD["methods"]:
            raise AttributeError(f"cupy.ndarray has no {name}")
        found = getattr(self._host, name)

        def method(*arguments, **named):
            require_parameters(f"ndarray.{name}", RECORD["methods"][name], arguments, named)
            with np.errstate(all="ignore"):
                return wrapped(found(*map(unwrapped, arguments),
                                     **{key: unwrapped(value) for key, value in named.items()}))
        return method

    # ---- NumPy's functions lead to CuPy's ----

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **named):
        import cupy
        function = getattr(cupy, ufunc.__name__)
        if ufunc.__name__ in COMPARISONS:           # as CuPy does: NumPy passes its scalars as 0-d
            inputs = [x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        if out is not None:
            named["out"] = out[0]
        if method == "__call__":
            return function(*inputs, **named)
        return function.at(*inputs, **named) if method == "at" else NotImplemented

    def __array_function__(self, function, types, arguments, named):
        import cupy
        path = function.__module__.split(".")[1:] + [function.__name__]
        try:
            own = reduce(getattr, path, cupy)
        except AttributeError:
            return NotImplemented
        return own(*arguments, **named)


# ---- operators are ufuncs ----

def _operator(ufunc, swap=False):
    def method(self, other):
        import cupy
        if isinstance(other, np.ndarray):
            raise TypeError(f"Unsupported type {type(other)}")
        if not isinstance(other, (ndarray, np.generic, bool, int, float, complex)):
            return NotImplemented
        return getattr(cupy, ufunc)(*((other, self) if swap else (self, other)))
    return method


def _in_place(ufunc):
    def method(self, other):
        import cupy
        getattr(cupy, ufunc)(self, other, out=self)
        return self
    return method


def _unary(ufunc):
    def method(self):
        import cupy
        return getattr(cupy, ufunc)(self)
    return method


BINARY = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
          "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and",
          "or": "bitwise_or", "xor": "bitwise_xor"}
for _name, _ufunc in {**BINARY, "matmul": "matmul"}.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_ufunc, swap=True))
for _name, _ufunc in BINARY.items():
    setattr(ndarray, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
                      "eq": "equal", "ne": "not_equal"}.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute",
                      "invert": "invert"}.items():
    setattr(ndarray, f"__{_name}__", _unary(_ufunc))


# ---- in and out of the wrapper ----

def wrapped(x):
    """NumPy's arrays and all numbers as device arrays; lists and tuples of them, too."""
    if isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)):
        return ndarray(x)
    if isinstance(x, tuple):
        return tuple(map(wrapped, x))
    return list(map(wrapped, x)) if type(x) is list else x


def unwrapped(x):
    """The host array inside; TypeError for a NumPy array, which may not be here."""
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return type(x)(map(unwrapped, x)) if type(x) in (list, tuple) else x


def place(index):
    """An index without NumPy arrays and lists."""
    if isinstance(index, tuple):
        return tuple(map(place, index))
    if isinstance(index, (np.ndarray, list)):
        raise TypeError(f"a {type(index).__name__} as index of a device array is a hidden transfer")
    return index._host if isinstance(index, ndarray) else index


def require_arguments(name, known, arguments, named):
    """TypeError for what CuPy's function of this name does not take."""
    require_parameters(name, known, arguments, named)
    require_device(ndarray, name, arguments)
