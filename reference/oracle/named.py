"""Somebody else's object by its name, as a command line has it."""

import os
import sys
from importlib import import_module


def named(text, what):
    """The object that package.module:object names; `what` it should be is for the messages.

    Raises
    ------
    ValueError
        If it is not there, or its module fails.
    """
    module, _, attribute = text.partition(":")
    if not (module and attribute):
        raise ValueError(f"a {what} is named package.module:object, got {text!r}.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())           # where `python -m` looks, for the console script
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:                    # whatever a foreign module does on import
        raise ValueError(f"no {what} {text!r}: {type(error).__name__}: {error}") from None
