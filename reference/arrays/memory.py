"""Amounts of memory, and what a process does with what arrays gave back."""

import numpy as np

LARGEST = 33_000_000                  # bytes; glibc follows no block of 32 MiB or more


def keep_freed():
    """Let the process keep what arrays of up to 31 MiB free, and give it to the next ones.

    glibc maps large arrays afresh and hands them back when they are freed, and the first touch of
    every page costs more than the arithmetic on it.  It learns from the largest block that was
    freed, so one is made and freed here; elsewhere this does nothing.  A gradient of a small
    convolutional network then takes 0.9 ms instead of 3.7 (docs/6-speed).
    """
    np.empty(LARGEST, np.uint8)


def amount(count):
    """Bytes, for a reader.

    >>> amount(3 * 2 ** 29)
    '1.5 GiB'
    """
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 2 ** power:
            return f"{count / 2 ** power:.1f} {unit}"
    return f"{count:g} bytes"
