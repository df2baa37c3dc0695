"""Curvature matrices from their definitions, by brute force in longdouble, and nets to use.

Nothing here runs a backward pass: Jacobians are complex steps of the outputs of one example along
one parameter at a time, expectations over labels are sums over all labels, written out.
All sizes of a net are pairwise coprime (I counts the constant 1), so that no axis fits another.
"""

import numpy as np

import reference as ref

STEP = 1e-30                          # of clongdouble, whose squares vanish beside 1


def _net(layers, x, C, seed=0, places=False, **options):
    rng, net = np.random.default_rng(seed), ref.Sequential(*layers)
    y = rng.integers(C, size=x.shape[:2] if places else len(x))
    theta = 0.7 * rng.standard_normal(net.layout.size)
    return ref.Objective(net, ref.CrossEntropy(), x, y, **options), theta


def _data(*shape):
    return np.random.default_rng(1).standard_normal(shape)


def dense(**options):
    """N = 11; 5-2, 3-7: P = 31."""
    return _net((ref.Dense(4, 2), ref.Tanh(), ref.Dense(2, 7)), _data(11, 4), 7, **options)


def deep(**options):
    """N = 13; 5-2, 3-7, 7-11 without bias: P = 108."""
    layers = (ref.Dense(4, 2), ref.Tanh(), ref.Dense(2, 7), ref.Sigmoid(),
              ref.Dense(7, 11, bias=False))
    return _net(layers, _data(13, 4), 11, **options)


def convolutional(**options):
    """N = 13, T = 7; 5-3, 4-11: P = 59."""
    layers = (ref.Conv1d(2, 3, 2), ref.Tanh(), ref.AdaptiveAvgPool1d(1), ref.Flatten(-2),
              ref.Dense(3, 11))
    return _net(layers, _data(13, 2, 8), 11, **options)


def recurrent(**options):
    """N = 13, T = 7; 5-3 and 4-3, 4-11: P = 71."""
    layers = ref.RNN(4, 3, last=True), ref.Dense(3, 11)
    return _net(layers, _data(13, 7, 4), 11, **options)


def words(**options):
    """N = 13, T = 7 labelled places; 5-3, 4-11: P = 59."""
    layers = ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 11)
    return _net(layers, _data(13, 7, 4), 11, places=True, **options)


NETS = {"dense": dense, "deep": deep, "convolutional": convolutional, "recurrent": recurrent,
        "words": words}


# ---- definitions ----

def outputs(objective, theta):
    """z (N, M) in longdouble, the T places of an example one after the other."""
    z = objective.batch(slice(None)).outputs(theta.astype(np.longdouble))
    return z.reshape(len(z), -1)


def jacobians(objective, theta):
    """J (N, M, P): Im z(theta + i h e_k)/h, example by example and parameter by parameter."""
    wide, J = theta.astype(np.clongdouble), []
    for n in range(objective.N):
        one, columns = objective.batch(slice(n, n + 1)), []
        for k in range(theta.size):
            moved = wide.copy()
            moved[k] += STEP * 1j
            columns.append(one.outputs(moved).imag.reshape(-1) / np.longdouble(STEP))
        J.append(np.stack(columns, axis=-1))
    return np.stack(J)


def probabilities(objective, theta):
    """p (N, places, C) of the softmax."""
    z = objective.outputs(theta.astype(np.longdouble))
    e = np.exp(z - z.max(-1, keepdims=True)).reshape(len(z), -1, z.shape[-1])
    return e / e.sum(-1, keepdims=True)


def scores(objective, theta, label):
    """d(-log p_label)/dz = p - e_label (N, places, C), for one label or labels (N, places)."""
    p, label = probabilities(objective, theta), np.asarray(label)
    if label.ndim == 1:
        label = label[:, None]
    return p - (np.arange(p.shape[-1]) == label[..., None])


def fisher(objective, theta, kind="type-2"):
    """(1/R) sum over examples, places, and labels c of p_c (J^T s_c)(J^T s_c)^T; Gauss-Newton too.

    "empirical" takes the label of the data alone.  Unweighted examples.
    """
    J, p = jacobians(objective, theta), probabilities(objective, theta)
    N, places, C = p.shape
    J, F = J.reshape(N, places, C, -1), np.zeros((theta.size,) * 2, np.longdouble)
    labels = range(C) if kind == "type-2" else [objective.y]
    for c in labels:
        s = scores(objective, theta, c)
        for n in range(N):
            for t in range(places):
                g = J[n, t].T @ s[n, t]
                F += (p[n, t, c] if kind == "type-2" else 1) * np.outer(g, g)
    return F / objective.R


def distance(a, b):
    """|a - b|/|b| in Frobenius norm."""
    a, b = np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.sqrt(((a - b) ** 2).sum()) / np.sqrt((b ** 2).sum()))
