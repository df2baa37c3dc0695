"""K-FAC in straight NumPy: patches and gradients of three nets, from the formulas alone.

`uses(name)` gives per weight matrix p (N, S, I) and g (C, N, S, O), gradients for each label c as
if it were the example's, with probabilities (N, C) and labels (N,).  All sizes are coprime.
"""

from functools import lru_cache

import numpy as np

import reference as ref
from tests.curvature.brute import NETS


@lru_cache
def problem(name):
    """(objective, theta)."""
    if name == "two convolutions":     # N = 13; S = 11, 9; 5-3, 10-5, 6-7
        rng = np.random.default_rng(2)
        net = ref.Sequential(ref.Conv1d(2, 3, 2), ref.Tanh(), ref.Conv1d(3, 5, 3), ref.Tanh(),
                             ref.AdaptiveAvgPool1d(1), ref.Flatten(-2), ref.Dense(5, 7))
        x, y = rng.standard_normal((13, 2, 12)), rng.integers(7, size=13)
        theta = 0.5 * rng.standard_normal(net.layout.size)
        return ref.Objective(net, ref.CrossEntropy(), x, y), theta
    return NETS[name]()


def ones(a):
    return np.concatenate([a, np.ones((*a.shape[:-1], 1))], -1)


def patches(x, k):
    """(N, S, I) of x (N, channels, L), channels before places of the kernel, then 1."""
    S = x.shape[2] - k + 1
    return ones(np.stack([x[:, :, s:s + k].reshape(len(x), -1) for s in range(S)], 1))


def matrices(objective, theta):
    found, at = [], 0
    for O, I in objective.net.layout.shapes:
        found.append(theta[at:at + O * I].reshape(O, I))
        at += O * I
    return found


def folded(g, W, k, channels, length):
    """dL/dx (C, N, channels, L) of a convolution's g (C, N, S, O)."""
    dp = (g @ W[:, :-1]).reshape(*g.shape[:3], channels, k)
    dx = np.zeros((*g.shape[:2], channels, length))
    for s in range(g.shape[2]):
        dx[..., s:s + k] += dp[:, :, s]
    return dx


@lru_cache
def uses(name):
    """([(p, g), ...], probabilities (N, C), labels (N,))."""
    return uses_at(name, problem(name)[1])


def uses_at(name, theta):
    """The same at another theta."""
    objective = problem(name)[0]
    return {"dense": dense, "two convolutions": convolutional,
            "recurrent": recurrent}[name](objective.x, objective.y, matrices(objective, theta))


def heads(z):
    """Probabilities (N, C) and score vectors (C, N, C) of every label."""
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p, p[None] - np.eye(z.shape[1])[:, None, :]


def dense(x, y, Ws):
    p1 = ones(x)
    h = np.tanh(p1 @ Ws[0].T)
    p2 = ones(h)
    prob, g2 = heads(p2 @ Ws[1].T)
    g1 = g2 @ Ws[1][:, :-1] * (1 - h * h)
    return [(p1[:, None], g1[:, :, None]), (p2[:, None], g2[:, :, None])], prob, y


def convolutional(x, y, Ws):
    p1 = patches(x, 2)
    h1 = np.tanh(p1 @ Ws[0].T).transpose(0, 2, 1)
    p2 = patches(h1, 3)
    h2 = np.tanh(p2 @ Ws[1].T).transpose(0, 2, 1)
    p3 = ones(h2.mean(2))
    prob, g3 = heads(p3 @ Ws[2].T)
    dh2 = np.repeat((g3 @ Ws[2][:, :-1])[..., None] / h2.shape[2], h2.shape[2], 3)
    g2 = (dh2 * (1 - h2 * h2)).swapaxes(2, 3)
    dh1 = folded(g2, Ws[1], 3, h1.shape[1], h1.shape[2])
    g1 = (dh1 * (1 - h1 * h1)).swapaxes(2, 3)
    return [(p1, g1), (p2, g2), (p3[:, None], g3[:, :, None])], prob, y


def recurrent(x, y, Ws):
    N, T, _ = x.shape
    h, pairs = np.zeros((N, len(Ws[0]))), []
    for t in range(T):
        pairs.append((ones(x[:, t]), ones(h)))
        h = np.tanh(pairs[-1][0] @ Ws[0].T + pairs[-1][1] @ Ws[1].T)
        pairs[-1] += (h,)
    p = ones(h)
    prob, g_out = heads(p @ Ws[2].T)
    dh, gs = g_out @ Ws[2][:, :-1], []
    for _, _, h_t in pairs[::-1]:
        gs.insert(0, dh * (1 - h_t * h_t))
        dh = gs[0] @ Ws[1][:, :-1]
    g = np.stack(gs, 2)
    return [(np.stack([a for a, _, _ in pairs], 1), g), (np.stack([b for _, b, _ in pairs], 1), g),
            (p[:, None], g_out[:, :, None])], prob, y


# ---- factors ----

def moments(name, weights=None, reduce=False):
    """[(G, A, S), ...]: G = sum_ns sum_c w_nc g g^T/N, A = mean p p^T; w probabilities if omitted.

    reduce : p averaged over places, g summed.
    """
    found, prob, _ = uses(name)
    w, factors = prob if weights is None else weights, []
    for p, g in found:
        S = p.shape[1]
        if reduce:
            p, g = p.mean(1, keepdims=True), g.sum(2, keepdims=True)
        G = np.einsum("nc,cnso,cnsi->oi", w, g, g) / len(p)
        factors.append((G, np.einsum("nsi,nsj->ij", p, p) / (len(p) * p.shape[1]), S))
    return factors


def one_hot(labels, C):
    """(N, C)."""
    return np.eye(C)[labels]
