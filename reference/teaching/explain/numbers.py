"""Numbers as a lecturer writes them: few digits, first entries, sums of a few terms."""

import numpy as np

WIDTH = 100
NOTHING = 1e-15                        # of the largest entry: rounding, shown as 0
FEW = 3                                # terms of a sum that are written out


def number(x):
    """Four significant digits."""
    return f"{float(x):.4g}"


def shape_text(shape):
    """(7, 3), or "a number"."""
    return "a number" if shape == () else f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def entries(array, indent=""):
    """The first entries of an array: all of it if it is small, of leading axes the first."""
    array = np.asarray(array)
    if array.ndim == 0:
        return indent + number(array)
    index = (0,) * max(0, array.ndim - 2)
    array = np.where(np.abs(array) > NOTHING * np.abs(array).max(), array, 0)
    text = np.array2string(array[index], threshold=24, edgeitems=FEW, separator=" ",
                           max_line_width=WIDTH - len(indent) - 2,
                           formatter={"float_kind": "{:10.4g}".format})
    head = f"[{', '.join(map(str, index))}] of it:\n" if index else ""
    return "\n".join(indent + line for line in (head + text).splitlines())


def relative(a, b):
    """|a|/|b|, and |a| where b is 0."""
    return np.linalg.norm(a) / (np.linalg.norm(b) or 1)


def products(a, b):
    """a_1 x b_1 + a_2 x b_2 + ..., the first terms of a sum of products."""
    a, b = np.ravel(a), np.ravel(b)
    terms = [f"{number(x)} x {number(y)}" for x, y in zip(a[:FEW], b[:FEW])]
    return " + ".join(terms) + (f" + ... ({a.size} terms)" if a.size > FEW else "")


def terms(a):
    """a_1 + a_2 + ..., the first terms of a sum."""
    a = np.ravel(a)
    some = " + ".join(map(number, a[:FEW]))
    return some + (f" + ... ({a.size} terms)" if a.size > FEW else "")
