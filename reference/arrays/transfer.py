"""The only place where data crosses between host and device, or changes its precision."""

from dataclasses import fields, is_dataclass, replace
from functools import wraps

import numpy as np

from .cuda import device, library_of_the_device
from .namespace import library

HOMES = ("numpy", "cupy")


def to_host(x):
    """x as a NumPy array, in Fortran order if it is: the next product then rounds the same."""
    return x.get(order="A") if hasattr(x, "get") else np.asarray(x)


def alongside(x, like):
    """x, a constant of a formula, where `like` is: on the device if need be, or as it is."""
    return x if library(like) is np else _to_device(x)


def follows(function):
    """function(objective, theta, ...), of arrays of numbers on the host or where the data are.

    theta, and what is given with it, follows the data to the device.
    """
    @wraps(function)
    def followed(objective, *arrays, **named):
        x = getattr(objective, "x", None)
        return function(objective, *(_following(a, x) for a in arrays),
                        **{name: _following(a, x) for name, a in named.items()})
    return followed


def _following(a, x):
    if library(a) is not np and library(x) is np:
        raise TypeError("the data are on numpy and theta, or what is given with it, on cupy; pass "
                        "objective.to('cupy'), or to_host(theta).")
    return alongside(a, x) if type(a) is np.ndarray and a.dtype != object else a


def on_host(value):
    """The same with every array on the host: of objectives, lists, dicts, dataclasses of arrays."""
    if type(value) in (list, tuple):
        return type(value)(map(on_host, value))
    if type(value) is dict:
        return {key: on_host(each) for key, each in value.items()}
    if hasattr(value, "to") and library(getattr(value, "x", None)) is not np:
        return value.to("numpy")
    if is_dataclass(value) and not isinstance(value, type) and any(
            library(each) is not np for each in vars(value).values()):
        return replace(value, **{field.name: on_host(getattr(value, field.name))
                                 for field in fields(value)})
    return to_host(value) if library(value) is not np and hasattr(value, "get") else value


def by_host(function):
    """The function of what it is given, moved to the host: for what a device cannot compute."""
    @wraps(function)
    def there(*given, **named):
        return function(*on_host(given), **on_host(named))
    return there


def and_back(function):
    """The same, and the array that comes goes beside theta, the second argument."""
    @wraps(function)
    def there(objective, theta, *given):
        return alongside(function(*on_host((objective, theta, *given))), theta)
    return there


def wait(x):
    """Returns when x is computed: a device is behind what was asked of it."""
    if library(x) is not np:
        library(x).cuda.get_current_stream().synchronize()


def move(x, home):
    """x on "numpy" or "cupy"; None and NumPy arrays stay themselves on "numpy".

    Raises
    ------
    TypeError
        For what is no array, and for longdouble.
    ValueError
        For another name.
    cuda.NoDevice
        If CuPy is not installed, or finds no GPU.
    """
    if home not in HOMES:
        raise ValueError(f"unknown home {home!r}; choose one of {', '.join(HOMES)}.")
    if not (x is None or hasattr(x, "dtype")):
        raise TypeError(f"a {type(x).__name__} is no array, which alone can be moved; of an "
                        f"objective, write objective.to({home!r}).")
    if x is None or home == "numpy":
        return x if x is None else to_host(x)
    return _to_device(x)


def _to_device(x):
    if getattr(x, "dtype", None) in (np.longdouble, np.clongdouble):
        raise TypeError(f"a device has no {x.dtype}; write .astype('float64') first.")
    cupy = library_of_the_device()
    try:
        return cupy.asarray(x)
    except RuntimeError:                    # CUDA's own; why, and what to do, is said by `device`
        device()
        raise


def cast(x, dtype):
    """A floating-point array in another real precision; integers and None stay as they are."""
    return x.astype(dtype) if x is not None and np.issubdtype(x.dtype, np.floating) else x
