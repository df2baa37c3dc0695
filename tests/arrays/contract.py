"""The check that every number system passes: the value and derivatives of NumPy's own function.

The truth is plain NumPy on object arrays of power series with ball coefficients, at 300 bits.
"""

import flint
import numpy as np
import pytest

from reference.arrays.ball import boxed
from tests.arrays.systems import SYSTEMS, read_series, series
from tests.truth import exact

each_system = pytest.mark.parametrize("system", SYSTEMS, ids=repr)


def curve(*shape, low=0.5, seed=0):
    """x (shape) in [low, low + 1.5) and a tangent, in few enough bits to be exact in float32."""
    rng = np.random.default_rng((seed, *shape))
    x, dx = (np.round(rng.uniform(0, 1.5, shape) * 4096) / 4096 for _ in range(2))
    return x + low, dx - 0.75


def check(system, f, truth, *curves):
    """system.apply(f) against `truth`, a NumPy function: shape, dtype, 16 eps of the largest entry.

    Each derivative is known to eps of the largest of it and of the value: what cancels in a
    quotient is as large as that.
    """
    with flint.ctx.workprec(300):
        true = read_series(boxed(truth(*(series(x, dx) for x, dx in curves))))
    for order, (result, expected) in enumerate(zip(system.apply(f, *curves), true)):
        result = np.asarray(result)
        assert result.shape == expected.shape, f"derivative {order}"
        assert np.result_type(result, result) == np.empty(0, system.dtype).real.dtype
        with flint.ctx.workprec(300):
            size = max(float(abs(t).upper()) for t in [*true[0].flat, *expected.flat, flint.arb(0)])
            wrong = max(float(abs(_ball(r) - t).upper())
                        for r, t in zip(result.flat, expected.flat))
        assert wrong <= 16 * system.eps * size, f"derivative {order}: {wrong / size:.3g}"


def _ball(t):
    return t.mid() if isinstance(t, flint.arb) else exact(t)


def real_type(system):
    return float if system.dtype is object else np.empty(0, system.dtype).real.dtype
