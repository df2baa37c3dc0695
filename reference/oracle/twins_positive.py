"""Second ways to positive curvature: Jacobians of every layer, and recursions one by one.

Bends need no backward pass here: dL/dx is the complex step of L by the entries of x, one at a time.
The layers of the network stand one after the other, none within another.
"""

import numpy as np
from scipy.linalg import block_diag

from ..derivatives import complex_step
from ..derivatives.directions import along_axes
from ..network.compose import Sequential
from ..network.elementwise import Elementwise

STEP = 1e-20


def positive_curvature(objective, theta):
    """sum_n J_n^T diag(|b_1|, ..., |b_E|, S) J_n, with J = d(s_1, ..., s_E, z)/dtheta."""
    xs, layers = objective.net.forward(theta, objective.x), objective.net.layers
    bent = [i for i, layer in enumerate(layers) if isinstance(layer, Elementwise)]
    J = _jacobian(objective, theta, bent)
    middle = np.concatenate([_bend(objective, theta, i, xs).reshape(len(J), -1) for i in bent], 1)
    middle = [block_diag(np.diag(np.abs(b)), S)
              for b, S in zip(middle, objective.output_hessian(xs[-1]))]
    return J.reshape(-1, theta.size).T @ (np.stack(middle) @ J).reshape(-1, theta.size)


def averaged(phi, slopes):
    """The recursion of means, [C, A, ...] by Python sums over examples, for outputs (N, C)."""
    def route(objective, theta):
        xs, factors = objective.net.forward(theta, objective.x), []
        Ws, w = objective.net.layout.unpack(theta), _shares(objective)
        C = sum(objective.output_hessian(xs[-1]))
        for i, layer in reversed(list(enumerate(objective.net.layers))):
            if isinstance(layer, Elementwise):
                b = _bend(objective, theta, i, xs)
                C = SLOPES[slopes](w, layer.slope(xs[i], xs[i + 1])) * C + np.diag(PHI[phi](sum(b)))
            else:
                W, p = Ws.pop(), layer.patches(xs[i])
                factors[:0] = [C, _mean_outer(w, p)]
                C = W[:, :layer.inputs].T @ C @ W[:, :layer.inputs]
        return factors
    return route


def _mean_outer(w, a):
    return sum(v * np.outer(row, row) for v, row in zip(w, a))


PHI = {"abs": np.abs, "zero": np.zeros_like}
SLOPES = {"outer": _mean_outer, "mean": lambda w, a: np.outer(w @ a, w @ a)}


def _shares(objective):
    w = objective.example_weights
    return np.ones(objective.N) / objective.N if w is None else w / w.sum()


def _jacobian(objective, theta, places):
    """d(x_i, ..., z)/dtheta (N, M, P) of the places i of the trace, column by column."""
    def seen(t):
        xs = objective.net.forward(t, objective.x)
        return np.concatenate([xs[i].reshape(xs[i].shape[:2] + (-1,)) for i in [*places, -1]], -1)
    columns = along_axes(lambda E: complex_step.derivative(seen, theta, E), theta)
    return np.ascontiguousarray(np.moveaxis(columns, 0, -1))


def _bend(objective, theta, i, xs):
    """f''(s) dL/dx of layer i, of the shape of s: complex steps of the slope, and of L."""
    layer, rest = objective.net.layers[i], Sequential(*objective.net.layers[i + 1:])
    Ws, s, x = objective.net.layout.unpack(theta), xs[i], xs[i + 1]
    Ws, dx = Ws[len(Ws) - len(rest.shapes):], np.empty_like(x)
    for d in np.ndindex(x.shape[1:]):
        moved = x + 0j
        moved[(slice(None), *d)] += 1j * STEP
        z = rest.trace(Ws, moved)[-1]
        losses = objective.loss.value(z, objective.beside(objective.targets, z))
        dx[(slice(None), *d)] = objective.weighted(losses).imag / STEP
    t = s + 1j * STEP
    return layer.slope(t, layer.forward(None, t)).imag / STEP * dx
