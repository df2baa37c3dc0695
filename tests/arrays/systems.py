"""Every number system, as one way to run a function on x(t) = x + t dx and read the result.

`apply(f, *curves)` returns [value, first, second derivative of f at t = 0], as many of them as the
system knows, each an array of floats or balls.
"""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Callable

import flint
import numpy as np
from autograd import jacobian

from reference.arrays import ball
from reference.arrays.bicomplex import Bicomplex
from reference.arrays.dual import Dual
from reference.arrays.precision import complex_dtype, complex_step_length, eps
from tests.arrays.counting import Counted


@dataclass(frozen=True)
class System:
    """eps, dtype of results and constants, and how to lift a curve (x, dx) and read a result."""

    name: str
    eps: float
    dtype: type
    lift: Callable
    read: Callable
    context: Callable = nullcontext

    def __repr__(self):
        return self.name

    def apply(self, f, *curves):
        with self.context():
            return self.read(f(*(self.lift(np.asarray(x), np.asarray(dx)) for x, dx in curves)))


def real(dtype):
    return System(np.dtype(dtype).name, eps(dtype), dtype,
                  lambda x, dx: x.astype(dtype), lambda y: [y])


def complex_step(dtype):
    h, partner = complex_step_length(dtype), complex_dtype(dtype)
    return System(partner.name, eps(dtype), partner.type,
                  lambda x, dx: x.astype(dtype) + 1j * (h * dx.astype(dtype)),
                  lambda y: [y.real, y.imag / h])


def dual(dtype):
    return System(f"dual-{np.dtype(dtype).name}", eps(dtype), dtype,
                  lambda x, dx: Dual(x.astype(dtype), dx.astype(dtype)),
                  lambda y: [y.re, y.du] if isinstance(y, Dual) else [y, 0 * y])


FACTORS = np.array([1.0, -2.0, 4.0])        # three directions at once, exact multiples


def _three(x, dx):
    return Dual(x, FACTORS.reshape((3,) + (1,) * x.ndim) * dx)


def _read_three(y):
    assert y.du.shape == (3,) + y.re.shape
    assert all(np.array_equal(y.du[k], FACTORS[k] * y.du[0]) for k in range(3))
    return [y.re, y.du[0]]


def _hyper(x, dx):
    return Dual(Dual(x, dx), Dual(dx, 0 * dx))


def _bicomplex(x, dx, h=1e-20):
    return Bicomplex(x + 1j * h * dx, h * dx + 0j)


def _read_bicomplex(y, h=1e-20):
    return [y.re.real, y.re.imag / h, y.du.imag / h / h]


def balls(bits):
    return System(f"ball-{bits}", 2.0 ** -bits, object, lambda x, dx: ball.exact(x), lambda y: [y],
                  lambda: ball.precision(bits))


def series(x, dx):
    """Balls of x + t dx, to second order in t."""
    out = np.empty(np.shape(x), object)
    for i in np.ndindex(out.shape):
        out[i] = flint.arb_series([flint.arb(float(x[i])), float(dx[i])], prec=3)
    return out


def read_series(y):
    """Value and derivatives of an array of series, or of balls (constants)."""
    out = np.empty((3,) + y.shape, object)
    for i in np.ndindex(y.shape):
        t = y[i] if isinstance(y[i], flint.arb_series) else flint.arb_series([y[i]])
        out[(slice(None), *i)] = t[0], t[1], 2 * t[2]
    return [out[k, ...] for k in range(3)]


class Tape(System):
    """autograd's boxes: a function of t, traced, and traced again for the second derivative."""

    def apply(self, f, *curves):
        def curve(t):
            return f(*(x + t * dx for x, dx in curves))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent")       # f'' of linear f
            return [curve(0.0), jacobian(curve)(0.0), jacobian(jacobian(curve))(0.0)]


SYSTEMS = [
    *map(real, (np.float32, np.float64, np.longdouble)),
    *map(complex_step, (np.float32, np.float64, np.longdouble)),
    *map(dual, (np.float32, np.float64, np.longdouble)),
    System("dual-3-directions", eps(float), float, _three, _read_three),
    System("hyper-dual", eps(float), float, _hyper, lambda y: [y.re.re, y.re.du, y.du.du]),
    System("bicomplex", eps(float), complex, _bicomplex, _read_bicomplex),
    balls(53), balls(128),
    System("ball-series", 2.0 ** -100, object, series, read_series, lambda: ball.precision(100)),
    Tape("tape", eps(float), float, None, None),
    System("counting", eps(float), float, lambda x, dx: Counted(x), lambda y: [y.value]),
]
