"""Whether an optimiser can go on from a state: its type, its sizes, its precision, its numbers.

Held against what `init` makes of the same network and theta; or against `like`, which an optimiser
has whose steps fill in what `init` leaves out.  Optimisers without a class `State` are not asked.
"""

from dataclasses import fields, is_dataclass

import numpy as np

from ..arrays.checks import is_finite, is_whole, shown
from ..curvature.limited_memory import LimitedMemory


def require_state(optimizer, objective, theta, state):
    """Error unless the optimiser can go on from this state, with this network and theta (P,).

    Raises
    ------
    TypeError
        If it is the state of another kind of optimiser.
    ValueError
        Naming what is of another size or precision, or not finite.
    """
    kind, name = getattr(optimizer, "State", None), type(optimizer).__name__
    if kind is None:
        return
    if type(state) is not kind:
        raise TypeError(f"state is a {type(state).__name__}, and {name} goes on from a "
                        f"{kind.__name__}; pass History.state of a run by {name}, or None to "
                        "begin.")
    begun = hasattr(optimizer, "like") and state.k != 0
    # only shapes and types are compared: at theta itself, far in a run, `init` may refuse to invert
    like = (optimizer.like if begun else optimizer.init)(objective, 0 * theta)
    for fault in _faults("state", state, like):
        raise ValueError(f"{fault}; pass a state that {name} left on the same network, in the "
                         "same precision and with the same settings, or None to begin.")


def _faults(where, value, like):
    """What keeps a value from being one such as `like`, in words."""
    if isinstance(like, (int, float)) and not isinstance(like, bool):
        if not (is_finite(value) and value >= 0):
            yield f"{where} is {shown(value)}, no finite number of 0 or more"
    elif type(value) is not type(like):
        yield f"{where} is a {type(value).__name__}, not a {type(like).__name__}"
    elif hasattr(like, "strides"):                  # an array, of NumPy or of a device
        yield from _array_faults(where, value, like.dtype, like.shape)
    elif isinstance(like, LimitedMemory):
        yield from _memory_faults(where, value, like)
    elif isinstance(like, (list, tuple)):
        if len(value) != len(like):
            yield f"{where} has {len(value)} entries, not {len(like)}"
        for k, (one, other) in enumerate(zip(value, like)):
            yield from _faults(f"{where}[{k}]", one, other)
    elif is_dataclass(like):
        for each in fields(like):
            yield from _field_faults(f"{where}.{each.name}", each, value, like)


def _field_faults(where, field, value, like):
    own = getattr(value, field.name)
    if field.type is int and not is_whole(own, 0):
        yield f"{where} is {shown(own)}, no whole number of 0 or more"
    yield from _faults(where, own, getattr(like, field.name))


def _array_faults(where, value, dtype, shape):
    if (value.dtype, value.shape) != (dtype, shape):
        yield f"{where} is a {shown(value)}, not a <{dtype} array {shape}>"
    elif not np.isfinite(value).all():
        yield f"{where} has entries that are not finite"


def _memory_faults(where, value, like):
    """As many pairs as there may be, each as long as theirs."""
    if value.memory != like.memory:
        yield f"{where}.memory is {shown(value.memory)}, not {like.memory}"
    for name in ("S", "Y"):
        pairs = getattr(value, name)
        shape = (len(pairs), len(like))
        yield from _array_faults(f"{where}.{name}", pairs, like.S.dtype, shape)
