"""Solutions of the exercises on a network of two layers."""

import numpy as np


def with_one(x, W):
    """p = (x, 1) if W has a column more than x."""
    if W.shape[1] == x.shape[1]:
        return x
    return np.concatenate([x, np.ones((len(x), 1), dtype=x.dtype)], axis=1)


def passed(W1, W2, x):
    """p1, tanh, p2 and the probabilities of the softmax."""
    p1 = with_one(x, W1)
    a = np.tanh(p1 @ W1.T)
    p2 = with_one(a, W2)
    z = p2 @ W2.T
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return p1, a, p2, e / e.sum(axis=1, keepdims=True)


def gradient(W1, W2, x, y):
    """g2 = (p - e_y)/N, g1 = (g2 W2) (1 - a^2); dW = g^T p."""
    p1, a, p2, p = passed(W1, W2, x)
    g2 = (p - np.eye(p.shape[1])[y]) / len(x)
    g1 = g2 @ W2[:, :a.shape[1]] * (1 - a**2)
    return g1.T @ p1, g2.T @ p2


def hvp(W1, W2, x, y, V1, V2):
    """The tangent of every line of `gradient`, by the product rule."""
    p1, a, p2, p = passed(W1, W2, x)
    H = a.shape[1]
    g2 = (p - np.eye(p.shape[1])[y]) / len(x)
    Ra = (1 - a**2) * (p1 @ V1.T)
    Rp2 = np.zeros_like(p2)
    Rp2[:, :H] = Ra
    Rz = p2 @ V2.T + Rp2 @ W2.T
    Rg2 = (p * Rz - p * (p * Rz).sum(axis=1, keepdims=True)) / len(x)
    da, Rda = g2 @ W2[:, :H], Rg2 @ W2[:, :H] + g2 @ V2[:, :H]
    Rg1 = Rda * (1 - a**2) - 2 * da * a * Ra
    return Rg1.T @ p1, Rg2.T @ p2 + g2.T @ Rp2


def gauss_newton_product(W1, W2, x, y, V1, V2):
    """J^T S J v: forwards with v, S, and backwards."""
    p1, a, p2, p = passed(W1, W2, x)
    H = a.shape[1]
    Rp2 = np.zeros_like(p2)
    Rp2[:, :H] = (1 - a**2) * (p1 @ V1.T)
    Rz = p2 @ V2.T + Rp2 @ W2.T
    SRz = (p * Rz - p * (p * Rz).sum(axis=1, keepdims=True)) / len(x)
    return (SRz @ W2[:, :H] * (1 - a**2)).T @ p1, SRz.T @ p2


def kfac_factors(W1, W2, x, y):
    """A = mean p p^T, G = (1/N) sum_n E[g g^T], the label c drawn with probability p_c."""
    p1, a, p2, p = passed(W1, W2, x)
    N, C = p.shape
    scores = p[:, None, :] - np.eye(C)                       # (N, C, C): a row for each label
    back = scores @ W2[:, :a.shape[1]] * (1 - a**2)[:, None, :]
    G1 = np.einsum("nc,nci,ncj->ij", p, back, back) / N
    G2 = np.einsum("nc,nci,ncj->ij", p, scores, scores) / N
    return [(G1, p1.T @ p1 / N), (G2, p2.T @ p2 / N)]
