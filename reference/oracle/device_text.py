"""The self-check of a GPU as text and as JSON."""

from collections import Counter
from math import isnan, log2

from ..arrays.cuda import VARIABLE
from ..arrays.memory import amount
from .check_text import digits

HEADER = (f"{'quantity':<28}{'route':<34}{'float64':>8}{'wanted':>8}{'float32':>8}{'wanted':>8}"
          "  verdict")
OFF = (f"Every float32 column below tells of it. Set {VARIABLE}=0 before Python starts, or compute "
       "in float64, which TF32 never touches.")


def opening(found):
    """Lines on the device, memory and TF32, before the first matrix is made."""
    yield f"device: {found.device}"
    yield (f"memory: {amount(found.device.free)} of {amount(found.device.total)} are free; the "
           f"largest dense matrix, the Hessian of {found.problem!r}, takes about "
           f"{amount(found.largest)}")
    asked = (f"{VARIABLE} is not set" if found.asked is None
             else f"{VARIABLE} asks for it" if found.asked is True
             else f"{VARIABLE} forbids it" if found.asked is False
             else f"{VARIABLE}={found.asked!r} is no whole number, so CuPy refuses every float32 "
             "product; set it to 0")
    measured = ("not measured" if isnan(found.product_error)
                else f"a float32 product errs by 2^{log2(found.product_error):.1f}")
    yield f"TF32: {asked}; {measured} (float32: near 2^-22, TF32: near 2^-12)"
    if found.tf32 and not isnan(found.product_error):
        yield f"WARNING: float32 products are made in TF32, of 11 bits. {OFF}"
    elif found.asked is True:
        yield (f"WARNING: {VARIABLE} asks for TF32, though products of this size and device do "
               f"not use it; others may. {OFF}")


def line(row):
    """One row of the table."""
    numbers = "".join(f"{digits(d):>8}" for d in (row.double, row.wanted, row.single,
                                                  row.wanted_single))
    note = f": {row.note}" if row.note else ""
    return f"{row.title:<28}{row.route:<34}{numbers}  {row.verdict}{note}"


def summary(rows):
    """Counts, and what failed by name."""
    count = Counter(row.verdict for row in rows)
    failed = sorted({f"{row.quantity} ({row.route}, on {row.problem})" for row in rows
                     if not row.passed})
    single = sum(row.wanted_single is not None for row in rows)
    text = (f"\n{len(rows)} rows, {len({row.quantity for row in rows})} quantities: "
            f"{count['ok']} agree with the host ({single} were asked in float32, too), "
            f"{count['FAILED']} failed.")
    return text + "".join(f"\nFAILED: {name}" for name in failed)


def report(found, rows):
    """The same for machines."""
    return {"passed": all(row.passed for row in rows), **found.record(),
            "rows": [row.record() for row in rows]}
