"""Types of options, for argparse: text in, a number out, or one sentence on what is wrong."""

import math
import sys
from argparse import ArgumentTypeError


def natural(text, least=0):
    """A whole number, at least `least`."""
    if not text.isdecimal() or int(text) < least:
        raise ArgumentTypeError(f"{text!r} is no whole number >= {least}")
    return int(text)


def positive(text):
    """A whole number, at least 1."""
    return natural(text, 1)


def seconds(text, most=math.inf):
    """A number of seconds, above 0; inf is no limit."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= most:
        raise ArgumentTypeError(f"{text!r} is no positive number of seconds")
    return number


def finite_seconds(text):
    """A number of seconds, above 0 and finite."""
    return seconds(text, sys.float_info.max)
