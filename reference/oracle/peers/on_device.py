"""Which peers can compute on a GPU, and what they need to be told before."""

import os
import sys
from importlib import import_module

PEERS = ("jax", "torch")


def missing(name):
    """Why a peer takes no part on the GPU, as a sentence; None if it does.

    JAX takes three quarters of the device's memory when it starts, unless told not to.
    """
    try:
        if name == "jax":
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        module = import_module(name)
    except ModuleNotFoundError:
        return f"{name} takes no part: it is not installed."
    try:
        there = module.default_backend() == "gpu" if name == "jax" else module.cuda.is_available()
    except RuntimeError as error:
        return f"{name} takes no part: {error}"
    return None if there else f"{name} takes no part: it is installed without CUDA for this GPU."


def give_back():
    """What torch keeps of freed memory goes back to the device, if torch is there."""
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
