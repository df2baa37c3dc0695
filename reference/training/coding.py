"""States as JSON and arrays, and back: what is written is numbers, never a pickle.

    arrays              {"array": k}: the k-th of the arrays beside it; {"device": k} on a GPU
    NumPy scalars       {"scalar": k}, likewise: float32 and float promote differently
    tuples, lists       {"tuple": [...]}, {"list": [...]}
    dataclasses         {"class": name, "fields": {...}}, the name one of KNOWN
    None, truth values, Python numbers, text: themselves

A decoded array is contiguous, in C or Fortran order as the one encoded, and shares memory with no
other: so arithmetic on it rounds the same whether it was read from a file or copied.
"""

from dataclasses import fields, is_dataclass

import numpy as np

from ..arrays.namespace import library
from ..arrays.transfer import move
from ..curvature import between, kbfgs, kron, limited_memory, tridiagonal
from ..optim import (first_order, hessian_free, levenberg_marquardt, newton_krylov, simple_kfac)
from ..optim import kbfgs as kbfgs_steps
from ..optim import kfac as kfac_steps

KNOWN = {f"{known.__module__.partition('.')[2]}.{known.__qualname__}": known for known in (
    first_order.Moments, hessian_free.State, kbfgs_steps.KBFGSState, kfac_steps.KFACState,
    levenberg_marquardt.State, newton_krylov.State, simple_kfac.SimpleKFACState,
    between.KronRectangle, kbfgs.Factors, kron.Kron, kron.KronBlocks, limited_memory.LimitedMemory,
    tridiagonal.Congruence, tridiagonal.KronTridiagonal, tridiagonal.TridiagonalInverse)}
_NAMES = {known: name for name, known in KNOWN.items()}
_PLAIN = (type(None), bool, int, float, str)


def encode(value):
    """(code, arrays): what json.dumps takes, and the arrays that it counts.

    Raises
    ------
    TypeError
        For anything that is not listed above, naming its type.
    """
    arrays = []
    return _encode(value, arrays), arrays


def _encode(value, arrays):
    if type(value) in _PLAIN:
        return value
    if library(value) is not np:
        arrays.append(value.copy(order=_order(value)))
        return {"device": len(arrays) - 1}
    if isinstance(value, np.generic) or type(value) is np.ndarray:
        if value.dtype.kind not in "biufc":
            raise TypeError(f"an array of dtype {value.dtype} is not written; use numbers.")
        arrays.append(_own(value))
        return {"scalar" if isinstance(value, np.generic) else "array": len(arrays) - 1}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_encode(each, arrays) for each in value]}
    if type(value) in _NAMES:
        return {"class": _NAMES[type(value)],
                "fields": {field.name: _encode(getattr(value, field.name), arrays)
                           for field in fields(value)}}
    raise TypeError(f"a state holds a {type(value).__module__}.{type(value).__qualname__}, which "
                    "is not written; states are dataclasses of KNOWN in "
                    "reference/training/coding.py, of arrays and of numbers.")


def _own(value):
    """A contiguous copy, in the order that the npy format keeps."""
    value = np.asarray(value)
    return np.array(value, order=_order(value))


def _order(value):
    return "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"


def decode(code, arrays):
    """The value that `encode` took.

    Raises
    ------
    ValueError
        If the code is of another form, or names a class that is not KNOWN.
    """
    if type(code) in _PLAIN:
        return code
    match code:
        case {"array": int(k), **rest} if not rest and 0 <= k < len(arrays):
            return arrays[k]
        case {"device": int(k), **rest} if not rest and 0 <= k < len(arrays):
            return move(arrays[k], "cupy")
        case {"scalar": int(k), **rest} if not rest and 0 <= k < len(arrays) and not arrays[k].ndim:
            return arrays[k][()]
        case {"tuple": list(each), **rest} if not rest:
            return tuple(decode(one, arrays) for one in each)
        case {"list": list(each), **rest} if not rest:
            return [decode(one, arrays) for one in each]
        case {"class": str(name), "fields": dict(parts), **rest} if not rest:
            return _instance(name, {part: decode(one, arrays) for part, one in parts.items()})
    raise ValueError(f"no state is coded as {str(code)[:60]!r}.")


def _instance(name, parts):
    if name not in KNOWN:
        raise ValueError(f"class {name!r} is not read; the known ones are {', '.join(KNOWN)}.")
    expected = [field.name for field in fields(KNOWN[name])]
    if sorted(parts) != sorted(expected):
        raise ValueError(f"{name} has the fields {', '.join(parts)}, not {', '.join(expected)}.")
    return KNOWN[name](**parts)


def settings(optimizer):
    """{field: value} of a dataclass, as JSON; fields that compare=False leaves out are none."""
    return {field.name: _setting(getattr(optimizer, field.name)) for field in fields(optimizer)
            if field.compare}


def _setting(value):
    if is_dataclass(value) and not isinstance(value, type):
        return {"class": type(value).__name__, **settings(value)}
    if isinstance(value, (list, tuple)):
        return [_setting(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if callable(value):
        return getattr(value, "__qualname__", str(value))
    if type(value) in _PLAIN or isinstance(value, dict):
        return value
    raise TypeError(f"a setting is {value!r}, a {type(value).__name__}, which is not written; use "
                    "numbers, text, lists, functions or dataclasses, or field(compare=False).")
