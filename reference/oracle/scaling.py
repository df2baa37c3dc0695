"""How time and memory of each quantity grow with P and with N, beside the least arithmetic.

Least arithmetic, in floating-point operations, for layers s = W p with W (O, I), two for each
multiplication with its addition; the first layer has no gradient and no tangent of its input:

    gradient         2 N O I forwards, back to the weights, and to the input: 4 N O I and 6 N O I
    H v              forwards, back to the input, and the tangents of all three: 6 and 16 N O I
    dense            2 N a b for every product (a, N) x (N, b) of `races.limit`
    K-FAC factors    forwards, C cotangents back to the inputs, N I (I + 1) and C N O (O + 1)

A time is that of the fastest of some runs; memory is the peak of what NumPy took beyond what was
there before.
"""

import tracemalloc
from dataclasses import dataclass

import numpy as np

from .bench_problems import chain_objective
from .races import BLOCKS, QUANTITIES, limit_pairs
from .timing import mean_seconds

RUNS, LEAST = 5, 0.02                  # runs, and the seconds that one should have


@dataclass(frozen=True)
class Sizes:
    """64-h-h-10 networks: h = `widths` for n digits, and h = `width` for `samples` digits."""

    widths: tuple
    n: int
    width: int
    samples: tuple


WIDE = Sizes((32, 64, 128, 256, 512, 1024), 256, 256, (64, 128, 256, 512, 1024, 1792))
NARROW = Sizes((6, 8, 11, 16, 22, 32, 45, 64), 256, 32, (64, 128, 256, 512, 1024, 1792))
ASKED = {"gradient": WIDE, "hvp": WIDE, "kfac": WIDE,                  # whose answers are small
         "gauss_newton_blocks": NARROW, "gauss_newton": NARROW, "hessian": NARROW}


@dataclass(frozen=True)
class Growth:
    """One quantity along sizes (P or N): seconds, bytes, operations, and their exponents.

    `exponents` holds the slope of the logarithms over the upper half of the sizes, by name.
    """

    quantity: str
    against: str
    sizes: list
    seconds: list
    bytes: list
    operations: list
    exponents: dict


def growths(rng, asked=ASKED):
    """Yields a Growth for every quantity, first against P and then against N."""
    for against in ("P", "N"):
        for name, sizes in asked.items():
            nets = ([((64, h, h, 10), sizes.n) for h in sizes.widths] if against == "P" else
                    [((64, sizes.width, sizes.width, 10), n) for n in sizes.samples])
            yield _growth(rng, name, against, nets)


def operation_rate(size=1500):
    """Floating-point operations a second of a product of square matrices."""
    A = np.random.default_rng(0).standard_normal((size, size))
    B = A.copy()
    return 2 * size ** 3 / _seconds(lambda: A @ B)


def _growth(rng, name, against, nets):
    sizes, found = [], []
    for widths, n in nets:
        objective, theta = chain_objective(rng, widths, n)
        sizes.append(theta.size if against == "P" else n)
        found.append(_measured(rng, name, objective, theta))
    values = dict(zip(("seconds", "bytes", "operations"), map(list, zip(*found))))
    return Growth(QUANTITIES[name].title, against, sizes, **values, exponents={
        label: exponent(sizes, measured) for label, measured in values.items()})


def exponent(sizes, values):
    """The slope of log(values) against log(sizes) by least squares, over the upper half."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def _measured(rng, name, objective, theta):
    """(seconds, bytes, operations) of one quantity of one network."""
    v = rng.standard_normal(theta.size)

    def function():
        return QUANTITIES[name].ours(objective, theta, v)
    return (_seconds(function), _peak(function),
            operations(name, objective.net.layout.shapes, objective.N))


def _seconds(function):
    """The fastest of RUNS after one more; short ones are repeated to LEAST seconds."""
    function()
    repeats = 1 + int(LEAST / max(mean_seconds(function, 1), 1e-9))
    return min(mean_seconds(function, repeats) for _ in range(RUNS))


def _peak(function):
    """Bytes at the highest point of a run, beyond those before it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        answer = function()
        peak = tracemalloc.get_traced_memory()[1] - before
        del answer
        return peak
    finally:
        tracemalloc.stop()


# ---- the least arithmetic ----

def operations(name, shapes, n):
    """Floating-point operations that a quantity of a chain of Dense layers cannot do without."""
    first, rest = np.prod(shapes[0]), sum(o * i for o, i in shapes[1:])
    if name == "gradient":
        return int(n * (4 * first + 6 * rest))
    if name == "hvp":
        return int(n * (6 * first + 16 * rest))
    if name == "kfac":
        C = shapes[-1][0]
        factors = sum(i * (i + 1) + C * o * (o + 1) for o, i in shapes)
        return int(n * (2 * (first + rest) + 2 * C * rest + factors))
    return sum(2 * n * a * b for a, b in limit_pairs(shapes, name not in BLOCKS))
