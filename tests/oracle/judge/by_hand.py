"""A two-layer classifier by hand in NumPy, with a backward pass that can be spoiled.

Nothing here is the package's own: what is planted must not be computed by what looks for it.
"""

import numpy as np


def one_beside(x):
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)


def softmax(z):
    e = np.exp(z - z.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def matrices(objective, theta):
    return [theta[s].reshape(shape) for s, shape in
            zip(objective.net.layout.slices, objective.net.layout.shapes)]


def sech2(s, a):
    return 1 - np.tanh(s) ** 2


def outputs(objective, theta, f=np.tanh):
    W1, W2 = matrices(objective, theta)
    return one_beside(f(one_beside(objective.x) @ W1.T)) @ W2.T


def rows(objective, theta, dz, f=np.tanh, slope=sech2):
    """(dz_n/dtheta)^T dz_n (..., N, P) of Dense, f, Dense."""
    W1, W2 = matrices(objective, theta)
    p1 = one_beside(objective.x)
    s = p1 @ W1.T
    a = f(s)
    p2 = one_beside(a)
    g1 = (dz @ W2[:, :-1]) * slope(s, a)
    return np.concatenate([(g[..., :, None] * p[..., None, :]).reshape(*g.shape[:-1], -1)
                           for g, p in ((g1, p1), (dz, p2))], axis=-1)


def residuals(objective, z):
    """p - y of cross-entropy."""
    return softmax(z) - np.eye(z.shape[-1])[objective.y]


def gradients(objective, theta, **how):
    """Of every loss_n (N, P)."""
    z = outputs(objective, theta, how.get("f", np.tanh))
    return rows(objective, theta, residuals(objective, z), **how)


def mean_gradient(objective, theta, **how):
    return gradients(objective, theta, **how).mean(0)


def jacobians(objective, theta, **how):
    """(N, C, P)."""
    C = len(matrices(objective, theta)[-1])
    units = np.eye(C)[:, None, :] + np.zeros((len(objective.x), 1))
    return np.swapaxes(rows(objective, theta, units, **how), 0, 1)


def along(gradient, theta, v, h=1e-30):
    """The derivative along v of a gradient by the complex step."""
    return gradient(theta + 1j * h * v).imag / h


def hessian(gradient, theta):
    """(P, P), column by column."""
    return np.stack([along(gradient, theta, e) for e in np.eye(theta.size)], axis=-1)


def frozen(s, a):
    return 1 - np.tanh(s.real) ** 2


def like_itself(s, a):
    slope = 1 - np.tanh(s.real) ** 2
    return slope + slope * 1j * s.imag


def bent_backwards(s, a):
    return np.conj(1 - np.tanh(s) ** 2)
