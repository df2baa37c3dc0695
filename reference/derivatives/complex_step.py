"""f'(x) v = Im f(x + i h v)/h: no subtraction, so h can be tiny and the derivative exact [ST98].

    f(x + i h v) = f(x) + i h f'(x) v - (h^2/2) v^T f''(x) v - ...

The error is of relative order h^2 = 1e-40.  What it asks of f: analytic code (docs/0-notation).
Bicomplex numbers do the same for second derivatives [Lan12]:

    v^T f''(x) w = Im_ij f(x + i h v + j h w)/h^2.
"""

import numpy as np

from ..arrays.bicomplex import Bicomplex
from ..arrays.precision import complex_step_length
from .directions import by_directions, by_entries, power_of_two, scaled


@scaled
def derivative(f, x, v):
    """f'(x) v (K, ...) for each row of v (K, P), or one for v (P,)."""
    _require_real(x, v)
    h = complex_step_length(x.dtype)
    return f(x + h * v * 1j).imag / h             # 1j * h is Python's, and h v would be rounded


def _require_real(*arrays):
    if any(a.dtype.kind == "c" for a in arrays):
        raise TypeError("the complex step needs real parameters and directions: other imaginary "
                        "parts would be lost; use route 'dual'.")


gradient, jvp, hvp, third = by_directions(derivative)


def bicomplex_curvature(objective, theta, V, W):
    """v^T H w (K1, K2) for rows v of V and w of W, from the function alone."""
    _require_real(theta, V, W)
    h, s, t = complex_step_length(theta.dtype), power_of_two(V), power_of_two(W)
    V, W = np.broadcast_arrays((V / s)[:, None, :], (W / t)[None, :, :])
    x = Bicomplex(theta + h * V * 1j, h * W + 0j)
    return objective.value(x).du.imag / h / h * s * t.T


bicomplex_hvp = by_entries(bicomplex_curvature)
