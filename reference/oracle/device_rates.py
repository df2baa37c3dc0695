"""What a GPU does with large matrix products: how fast, and how exactly."""

import numpy as np

from ..arrays.cuda import seconds
from ..arrays.transfer import move

SUSPECT = 2.0 ** -17                   # between an error of TF32, 2^-12, and one of float32, 2^-22


def product_error(n=1024):
    """|C - A B|/|A B| for the device's float32 product C of noise, by Frobenius norms.

    Near 2^-22 for float32, near 2^-12 for TF32, whose factors are off by up to 2^-11.
    """
    A, B = _noise("float32", n)
    exact = A.astype("float64") @ B.astype("float64")
    off = (A @ B).astype("float64") - exact
    return float((off * off).sum() / (exact * exact).sum()) ** 0.5


def rate(dtype, n):
    """Floating-point operations a second of a product of (n, n) matrices, the best of six."""
    A, B = _noise(dtype, n)
    out = A + B
    return 2 * n ** 3 / min(seconds(lambda: np.matmul(A, B, out=out)) for _ in range(6))


def large(free, most=8192):
    """The n of `rate`: `most`, or so many that three float64 matrices take half of `free` bytes."""
    return int(max(64, min(most, (free / 48) ** 0.5)))


def _noise(dtype, n):
    """Two (n, n) matrices on the device."""
    return (move(A, "cupy") for A in
            np.random.default_rng(0).standard_normal((2, n, n)).astype(dtype))
