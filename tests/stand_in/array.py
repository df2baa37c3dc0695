"""An array that obeys CuPy's rules and lives in host memory: a stand-in for cupy.ndarray.

CuPy's rules, of which each breach is an error as it is there: no implicit way to NumPy, no NumPy
array beside a CuPy array (scalars may be), no types beyond 64 bits, no function, parameter or type
that `record.json` does not list, 0-d arrays out of reductions.  Stricter than CuPy, since each
would be a hidden round trip: no iteration over items, no item(), no tolist(), no NumPy array as an index.
What takes one number to the host (float, int, bool) is counted in `trips`.
"""

import json
from functools import reduce
from pathlib import Path

import numpy as np

RECORD = json.loads(Path(__file__).with_name("record.json").read_text("utf-8"))
TYPES = set("?bBhHiIlLqQefdFD")
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
trips = []


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

    def get(self):
        return self._host.copy()

    def __array__(self, *arguments, **named):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` "
                        "to construct a NumPy array explicitly.")

    def __iter__(self):
        if self.ndim < 2:
            raise TypeError("iteration over a device array, item by item")
        return map(ndarray, self._host)

    def item(self):
        raise TypeError("item() is a hidden round trip; use transfer.to_host")

    def tolist(self):
        raise TypeError("tolist() is a hidden round trip; use transfer.to_host")

    def __contains__(self, x):
        raise TypeError("a search by items of a device array")

    def _number(self, kind):
        if self._host.size != 1:
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

    # ---- what it is ----

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray(self._host.T))
    real = property(lambda self: ndarray(self._host.real))
    base = property(lambda self: self._host.base)

    @property
    def imag(self):
        return ndarray(self._host.imag)

    @imag.setter
    def imag(self, value):
        self._host.imag = unwrapped(value)

    @real.setter
    def real(self, value):
        self._host.real = unwrapped(value)

    def __len__(self):
        return len(self._host)

    def __repr__(self):
        return f"device({self._host!r})"

    def __format__(self, spec):
        return format(self._host[()] if self.ndim == 0 else self._host, spec)

    def __getitem__(self, index):
        return ndarray(self._host[place(index)])

    def __setitem__(self, index, value):
        self._host[place(index)] = unwrapped(value)

    def __getattr__(self, name):
        if name.startswith("__") or name not in RECORD["methods"]:
            raise AttributeError(f"cupy.ndarray has no {name}")
        found = getattr(self._host, name)

        def method(*arguments, **named):
            require_parameters(f"ndarray.{name}", RECORD["methods"][name], arguments, named)
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
        if method == "at":
            return function.at(*inputs, **named)
        return NotImplemented

    def __array_function__(self, function, types, arguments, named):
        import cupy
        path = function.__module__.split(".")[1:] + [function.__name__]
        try:
            own = reduce(getattr, path, cupy)
        except AttributeError:
            return NotImplemented
        return own(*arguments, **named)


def _operator(name, ufunc, swap=False):
    def method(self, other):
        import cupy
        if not isinstance(other, (ndarray, np.generic, bool, int, float, complex)):
            if isinstance(other, np.ndarray):
                raise TypeError(f"Unsupported type {type(other)}")
            return NotImplemented
        pair = (other, self) if swap else (self, other)
        return getattr(cupy, ufunc)(*pair)
    method.__name__ = name
    return method


for _name, _ufunc in {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
                      "floordiv": "floor_divide", "mod": "remainder", "pow": "power",
                      "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
                      "xor": "bitwise_xor"}.items():
    setattr(ndarray, f"__{_name}__", _operator(_name, _ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_name, _ufunc, swap=True))
    if _name != "matmul":
        def _in_place(self, other, ufunc=getattr(np, _ufunc)):
            ufunc(self._host, unwrapped(other), out=self._host)
            return self
        setattr(ndarray, f"__i{_name}__", _in_place)
for _name, _ufunc in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
                      "eq": "equal", "ne": "not_equal"}.items():
    setattr(ndarray, f"__{_name}__", _operator(_name, _ufunc))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute",
                      "invert": "invert"}.items():
    setattr(ndarray, f"__{_name}__", lambda self, ufunc=_ufunc: __import__("cupy").__dict__[ufunc](
        self))


# ---- in and out of the wrapper ----

def wrapped(x):
    """NumPy's arrays and numbers as device arrays; lists and tuples of them, too."""
    if isinstance(x, (np.ndarray, np.generic)):
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
    """An index without NumPy arrays."""
    if isinstance(index, tuple):
        return tuple(map(place, index))
    if isinstance(index, np.ndarray):
        raise TypeError("a NumPy array as index of a device array is a hidden transfer")
    return index._host if isinstance(index, ndarray) else index


def require_parameters(name, known, arguments, named):
    """TypeError for parameters that CuPy's function has not."""
    if known is None:
        return
    if strange := set(named) - {p.lstrip("*") for p in known} and "kwargs" not in known:
        raise TypeError(f"cupy.{name}() got an unexpected keyword argument: {set(named)}")
    if len(arguments) > len(known) and not any(p.startswith("*") for p in known):
        raise TypeError(f"cupy.{name}() takes {len(known)} arguments, {len(arguments)} given")
