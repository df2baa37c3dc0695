"""Rules that look at arguments: parameters, places, types, and who moves arrays."""

import sys

import numpy as np

MOVES = "reference.arrays.transfer"
ADDED_AT = "fdiILQ"                                    # what atomicAdd knows; no complex, no int64
JOINS = {"concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"}
MAKERS = {"zeros", "ones", "full", "empty", "arange", "eye", "identity", "linspace", "tri", "array",
          "asarray", "ascontiguousarray", "triu_indices", "tril_indices", "broadcast_shapes",
          "result_type", "promote_types", "can_cast", "issubdtype", "isscalar", "einsum", "dtype",
          "finfo", "iinfo", "where", "broadcast_to"}   # these convert, or make, what comes first
SQUARE = {"cholesky", "solve", "inv", "eigh", "eigvalsh", "slogdet", "det"}


def require_parameters(name, known, arguments, named):
    """TypeError for parameters that CuPy's function has not; None is known to take any."""
    if known is None:
        return
    stars = [p for p in known if p.startswith("*")]
    if strange := set(named) - set(known) and "kwargs" not in known:
        raise TypeError(f"cupy.{name}() got an unexpected keyword argument: {strange}")
    if len(arguments) > len(known) and not stars:
        raise TypeError(f"cupy.{name}() takes {len(known)} arguments, {len(arguments)} given")


def require_device(kind, name, arguments):
    """TypeError unless the first argument is a device array, or each of those that are joined."""
    if name in MAKERS or not arguments:
        return
    given = arguments[0] if name in JOINS else arguments[:1]
    if wrong := [type(x).__name__ for x in given if not isinstance(x, kind)]:
        raise TypeError(f"cupy.{name} takes device arrays, not {', '.join(wrong)}")


def require_linalg(kind, name, arguments):
    """LinAlgError for what cupy.linalg does not take: other arrays, stacks of other lengths."""
    if any(not isinstance(a, kind) for a in arguments[:2 if name == "solve" else 1]):
        raise np.linalg.LinAlgError("cupy.linalg only supports cupy.ndarray")
    a = arguments[0]
    if a.dtype.char == "e":
        raise TypeError("float16 is unsupported in linalg")
    if name in SQUARE and (a.ndim < 2 or a.shape[-1] != a.shape[-2]):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    if name == "solve" and arguments[1].ndim > 1 and a.shape[:-1] != arguments[1].shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K)")


def crossed(moves, kind, shape):
    """Notes that an array crosses; TypeError if the package does so elsewhere than in transfer."""
    frame = sys._getframe(2)
    while frame.f_globals["__name__"].startswith("tests.stand_in"):
        frame = frame.f_back
    who = frame.f_globals["__name__"]
    if who.startswith("reference.") and who != MOVES:
        raise TypeError(f"{who}.{frame.f_code.co_name} moves an array ({kind}); "
                        "use reference.arrays.transfer")
    moves.append((kind, tuple(shape)))


def wrapped_index(index, shape):
    """Array indices modulo their axis, as CuPy's kernels take them: none is out of range."""
    parts = list(index) if isinstance(index, tuple) else [index]
    counts = [0 if p is None else p.ndim if getattr(p, "dtype", None) == bool else 1 for p in parts]
    if (k := next((k for k, p in enumerate(parts) if p is Ellipsis), None)) is not None:
        counts[k] = len(shape) - sum(counts) + 1
    axis = 0
    for k, (part, count) in enumerate(zip(parts, counts)):
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and shape[axis]:
            parts[k] = part % shape[axis]
        axis += count
    return tuple(parts) if isinstance(index, tuple) else parts[0]
