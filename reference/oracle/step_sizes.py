"""How the error of a directional derivative depends on the step h, route by route."""

import numpy as np

from ..arrays import ball
from ..derivatives import finite_difference, taylor

BITS = 192


def step_size_errors(objective, theta, v, steps):
    """Relative errors of g^T v against a proven value: {route: errors (len(steps),)}.

    Central difference, forward difference and complex step, each with every step h in `steps`; the
    truth is the first Taylor coefficient along v, in balls, from the function alone.
    """
    exact = taylor.coefficients(objective, theta, v, 1, BITS)[1]
    with ball.precision(BITS):
        relative = _relative(exact)
        f = objective.value
        return {
            "forward difference": relative([(f(theta + h * v) - f(theta)) / h for h in steps]),
            "central difference": relative(
                [finite_difference.central_difference(f, theta, v, h) for h in steps]),
            "complex step": relative([f(theta + 1j * h * v).imag / h for h in steps]),
        }


def _relative(exact):
    scale = abs(float(exact.mid()))
    return lambda values: ball.distance(np.array([exact] * len(values)), np.array(values)) / scale
