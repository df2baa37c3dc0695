"""The only place where data crosses between host and device, or changes its precision."""

from importlib import import_module

import numpy as np

from .namespace import library

HOMES = ("numpy", "cupy")


def to_host(x):
    """x as a NumPy array."""
    return x.get() if hasattr(x, "get") else np.asarray(x)


def alongside(x, like):
    """A NumPy array x where `like` is: a small constant of a formula, on the device if need be."""
    return library(like).asarray(x)


def move(x, home):
    """x on "numpy" or "cupy"; None and NumPy arrays stay themselves on "numpy".

    Raises
    ------
    ValueError
        For another name.
    ModuleNotFoundError
        If CuPy is not installed.
    """
    if home not in HOMES:
        raise ValueError(f"unknown home {home!r}; choose one of {', '.join(HOMES)}.")
    if x is None or home == "numpy":
        return x if x is None else to_host(x)
    return _cupy().asarray(x)


def _cupy():
    try:
        return import_module("cupy")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("arrays on a GPU need CuPy, which is not installed; install the "
                                  "package for your CUDA, as in pip install cupy-cuda12x.",
                                  name="cupy") from error


def cast(x, dtype):
    """A floating-point array in another real precision; integers and None stay as they are."""
    return x.astype(dtype) if x is not None and np.issubdtype(x.dtype, np.floating) else x
