"""Steps of K-BFGS and K-FAC on a 5-3-4 network with tanh and cross-entropy, written out.

Nothing of the package but the data of its objectives: p, s and g by hand, BFGS by its product form,
matrices through numpy.kron and numpy.linalg.inv, the exact Fisher matrix from explicit Jacobians.
A `flaw` plants one mistake, which whoever compares must see.
"""

import numpy as np

SHAPES = (3, 6), (4, 4)


def unpack(v):
    return [v[:18].reshape(3, 6), v[18:].reshape(4, 4)]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def forward(x, theta):
    """p, s of both layers; the last s are the outputs."""
    V, W = unpack(theta)
    ones = np.ones((len(x), 1))
    p = np.hstack([x, ones])
    s = p @ V.T
    q = np.hstack([np.tanh(s), ones])
    return p, s, q, q @ W.T


def backward(x, y, theta):
    """[(p, s, g)] with g of each example's own loss."""
    p, s, q, z = forward(x, theta)
    g = softmax(z) - np.eye(4)[y]
    return [(p, s, g @ unpack(theta)[1][:, :-1] * (1 - np.tanh(s) ** 2)), (q, z, g)]


def loss(x, y, theta, l2):
    return -np.log(softmax(forward(x, theta)[3]))[range(len(x)), y].mean() + l2 / 2 * theta @ theta


def gradient(layers, theta, l2):
    N = len(layers[0][0])
    return np.concatenate([(g.T @ p / N).reshape(-1) for p, _, g in layers]) + l2 * theta


def fisher(x, theta):
    """mean_n J^T (diag(p) - p p^T) J (P, P)."""
    p, s, q, z = forward(x, theta)
    F = 0
    for n in range(len(x)):
        slope = unpack(theta)[1][:, :-1] * (1 - np.tanh(s[n]) ** 2)
        J = np.hstack([np.kron(slope, p[n]), np.kron(np.eye(4), q[n])])
        prob = softmax(z[n])
        F = F + J.T @ (np.diag(prob) - np.outer(prob, prob)) @ J / len(x)
    return F


# ---- K-BFGS ----

def bfgs(H, s, y):
    V = np.eye(len(s)) - np.outer(y, s) / (s @ y)
    return V.T @ H @ V + np.outer(s, s) / (s @ y)


def damped_twice(H, s, y, mu):
    Hy = H @ y
    if s @ y <= 0.2 * (y @ Hy):
        t = 0.8 * (y @ Hy) / (y @ Hy - s @ y)
        s = t * s + (1 - t) * Hy
    if s @ y <= mu * (s @ s):
        t = (1 - mu) * (s @ s) / (s @ s - s @ y)
        y = t * y + (1 - t) * s
    return s, y


def kbfgs(whole, batches, theta, steps, memory=None, full=False, lam=0.3, length=0.3, flaw=None):
    """theta after the steps, and the last [(A, Ha, Hg, s, y)]."""
    mu, I = np.sqrt(lam), np.eye
    first = [p.T @ p / whole.N for p, _, _ in backward(whole.x, whole.y, theta)]
    A = [0 * a if full else a for a in first]
    Ha, Hg = [None, None], [I(3), I(4)]
    s, y, kept = [np.zeros(3), np.zeros(4)], [np.zeros(3), np.zeros(4)], [[], []]
    m, stream = np.zeros_like(theta), iter(batches)
    past = 0.0 if full else 0.9
    for i in range(steps):
        batch = next(stream)
        N, l2 = batch.N, batch.l2
        here = backward(batch.x, batch.y, theta)
        m = 0.9 * m + 0.1 * gradient(here, theta, l2)
        scaled = m / (1 - 0.9 ** (i + 1)) if flaw == "bias correction" else m
        for l, (p, _, _) in enumerate(here):
            if full or i > 0 or flaw == "A at once":
                A[l] = 0.9 * A[l] + 0.1 * p.T @ p / N
            if i == 0:
                Ha[l] = np.linalg.inv(A[l] + mu * I(len(A[l])))
        d = np.concatenate([-(Hg[l] @ M @ Ha[l]).reshape(-1) for l, M in enumerate(unpack(scaled))])
        there = backward(batch.x, batch.y, theta + length * d)
        for l in range(2):
            s[l] = past * s[l] + (1 - past) * (here[l][1].mean(0) - there[l][1].mean(0))
            y[l] = past * y[l] + (1 - past) * (here[l][2].mean(0) - there[l][2].mean(0))
            a, b = damped_twice(Hg[l], s[l], y[l], mu)
            if flaw == "averages damped":
                s[l], y[l] = a, b
            if a @ b > 1e-4 * (a @ a) * np.linalg.norm(here[l][2].mean(0)):
                kept[l] = (kept[l] + [(a, b)])[-(memory or steps):]
            Hg[l] = I(len(Hg[l]))
            for pair in kept[l]:
                Hg[l] = bfgs(Hg[l], *pair)
            a = Ha[l] @ here[l][0].mean(0)
            Ha[l] = bfgs(Ha[l], a, (A[l] + mu * I(len(a))) @ a)
        theta = theta + length * d
    return theta, list(zip(A, Ha, Hg, s, y))


# ---- K-FAC ----

def statistics(x, theta, rng):
    """[(G, A)] with labels drawn from the model by the Gumbel-max trick."""
    z = forward(x, theta)[3]
    drawn = (z + rng.gumbel(size=(1, *z.shape)))[0].argmax(-1)
    return [(g.T @ g / len(x), p.T @ p / len(x)) for p, _, g in backward(x, drawn, theta)]


def averaged(past, now, weight):
    return [tuple(weight * a + (1 - weight) * b for a, b in zip(*both)) for both in zip(past, now)]


def block_inverse(factors, gamma):
    """F~^-1 (P, P): the damped products written out and inverted."""
    inverse = np.zeros((34, 34))
    for (G, A), where in zip(factors, (slice(18), slice(18, 34))):
        pi = np.sqrt(np.trace(A) / len(A) * len(G) / np.trace(G))
        inverse[where, where] = np.linalg.inv(np.kron(G + gamma / pi * np.eye(len(G)),
                                                      A + gamma * pi * np.eye(len(A))))
    return inverse


def kfac(batches, theta, steps, damping, seed=0, T=(5, 20, 20), flaw=None):
    """theta after the steps, and [(lam, gamma, model)] of each."""
    T1, T2, T3 = T
    stream, last, log, lam, factors = iter(batches), None, [], damping, None
    gamma = np.sqrt(damping + batches.whole.l2)
    for k in range(1, steps + 1):
        batch = next(stream)
        x, y, l2 = batch.x, batch.y, batch.l2
        g = gradient(backward(x, y, theta), theta, l2)
        now = statistics(x[:-(-len(x) // 8)], theta, np.random.default_rng([seed, k]))
        weight = 0.95 if flaw == "constant weight" else min(1 - 1 / k, 0.95)
        factors = averaged(factors or now, now, weight)
        other = np.sqrt(19 / 20) ** T2
        gammas = [gamma, gamma * other, gamma / other] if k % T2 == 0 else [gamma]
        B = fisher(x[:-(-len(x) // 4)], theta)
        B = B + (lam + (0 if flaw == "no eta" else l2)) * np.eye(34)
        trials = []
        for one in gammas:
            if k <= 3 or k % T3 == 0:
                inverse = block_inverse(factors, one)
            Delta = -inverse @ g
            V = np.stack([Delta] if last is None else [Delta, last])
            d = np.linalg.solve(V @ B @ V.T, -V @ g) @ V
            trials.append((g @ d + d @ B @ d / 2, one, inverse, d))
        model, gamma, inverse, d = min(trials, key=lambda trial: trial[0])
        log.append((lam, gamma, model))
        if k % T1 == 0:
            rho = (loss(x, y, theta + d, l2) - loss(x, y, theta, l2)) / model
            lam = lam * (19 / 20) ** T1 if rho > 3 / 4 else lam
            lam = lam / (19 / 20) ** T1 if rho < 1 / 4 else lam
        theta, last = theta + d, None if flaw == "no momentum" else d
    return theta, log


def simple_kfac(whole, batches, theta, steps, length, damping, every, flaw=None):
    """theta after the steps of the baseline of K-BFGS's code."""
    factors = statistics(whole.x, theta, np.random.default_rng([0, 0, 1]))
    m, stream = np.zeros_like(theta), iter(batches)
    for k in range(steps):
        batch = next(stream)
        m = 0.9 * m + 0.1 * gradient(backward(batch.x, batch.y, theta), theta, batch.l2)
        now = statistics(batch.x, theta, np.random.default_rng([0, k, 0]))
        factors = averaged(factors, now, 0.9)
        if k <= 20 or k % every == 0 or flaw == "always inverted":
            inverse = [np.linalg.inv(np.kron(G + np.sqrt(damping) * np.eye(len(G)),
                                             A + np.sqrt(damping) * np.eye(len(A))))
                       for G, A in factors]
        d = -np.concatenate([H @ M.reshape(-1) for H, M in zip(inverse, unpack(m))])
        theta = theta + length * d
    return theta
