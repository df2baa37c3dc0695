"""Contents of single layers: their backward passes spoiled in NumPy, between matrices of ours."""

import numpy as np
import pytest

import reference as ref

N, C = 11, 3
RNG = np.random.default_rng(8)
X = RNG.standard_normal((N, 4))
Y = RNG.integers(C, size=N)
MASK = RNG.random((N, 5)) > 0.4


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def between(layer):
    """Dense(4, 5), the layer without weights, Dense(5, 3)."""
    net = ref.Sequential(ref.Dense(4, 5), layer, ref.Dense(5, C))
    return ref.Objective(net, ref.CrossEntropy(), X, Y), np.random.default_rng(1).standard_normal(
        net.layout.size)


def by_hand(theta, forward, backward):
    """The gradient, with y, kept = forward(s) and ds = backward(kept, dy) in the middle."""
    W1, W2 = theta[:25].reshape(5, 5), theta[25:].reshape(C, 6)
    p1 = np.concatenate([X, np.ones((N, 1))], 1)
    y, kept = forward(p1 @ W1.T)
    p2 = np.concatenate([y, np.ones((N, 1))], 1)
    dz = (softmax(p2 @ W2.T) - np.eye(C)[Y]) / N
    return np.concatenate([(backward(kept, dz @ W2[:, :-1]).T @ p1).ravel(),
                           (dz.T @ p2).ravel()])


def standardise(axis, eps=1e-5, root=np.sqrt, n=0):
    def forward(s):
        c = s - s.mean(axis, keepdims=True)
        v = (c ** 2).sum(axis, keepdims=True) / (s.shape[axis] - n)
        r = 1 / root(v + eps)
        return c * r, (c * r, r)
    return forward


def whole(axis):
    def mean(a):
        return a.mean(axis, keepdims=True)
    return lambda kept, g: kept[1] * (g - mean(g) - kept[0] * mean(g * kept[0]))


def parts(axis, through_mean, through_variance):
    def mean(a):
        return a.mean(axis, keepdims=True)
    return lambda kept, g: kept[1] * (
        g - through_mean * mean(g) - through_variance * kept[0] * mean(g * kept[0]))


NORMS = {"layer": (ref.LayerNorm(5, affine=False), -1),
         "batch": (ref.BatchNorm(5, affine=False), 0)}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name, through", [
    (None, (1, 1)), ("statistics constant", (0, 0)), ("variance constant", (1, 0)),
    ("mean constant", (0, 1))])
def test_normalisation_backwards(norm, name, through):
    layer, axis = NORMS[norm]
    objective, theta = between(layer)
    theirs = by_hand(theta, standardise(axis), parts(axis, *through))
    report = ref.check(theirs, "gradient", objective, theta)
    assert report.passed if name is None else report.explanation.content == name


@pytest.mark.parametrize("name, forward", [
    ("eps 0.001", standardise(-1, 1e-3)), ("no root", standardise(-1, root=lambda v: v)),
    ("unbiased variance", standardise(-1, n=1))])
def test_normalisation_forwards(name, forward):
    """The value alone, since their backward pass would be that of their function."""
    objective, theta = between(ref.LayerNorm(5, affine=False))
    W1, W2 = theta[:25].reshape(5, 5), theta[25:].reshape(C, 6)
    y = forward(np.concatenate([X, np.ones((N, 1))], 1) @ W1.T)[0]
    z = np.concatenate([y, np.ones((N, 1))], 1) @ W2.T
    u = np.random.default_rng(2).standard_normal(theta.size)
    tangent = objective.net.layout.unpack(u)       # along the last matrix alone, J u is y u
    u[:25] = 0
    theirs = np.concatenate([y, np.ones((N, 1))], 1) @ tangent[1].T
    best = ref.check(theirs, "jvp", objective, theta, u).explanation
    assert (best.content, best.kind) == (name, "error") and z.shape == (N, C)


@pytest.mark.parametrize("name, ahead, back", [
    (None, 1 / 0.6, 1 / 0.6), ("dropout over p", 1 / 0.4, 1 / 0.4),
    ("dropout twice", 1 / 0.36, 1 / 0.36), ("dropout not scaled", 1, 1),
    ("dropout forwards alone", 1 / 0.6, None)])
def test_dropout(name, ahead, back):
    objective, theta = between(ref.Dropout(MASK, 0.4))
    theirs = by_hand(theta, lambda s: (s * MASK * ahead, None),
                     lambda kept, g: g if back is None else g * MASK * back)
    report = ref.check(theirs, "gradient", objective, theta)
    assert report.passed if name is None else report.explanation.content == name


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_shared_matrix_used_once(which):
    net = ref.Sequential(ref.Tied("a", ref.Dense(4, 4)), ref.Tanh(), ref.Tied("a", ref.Dense(4, 4)))
    objective = ref.Objective(net, ref.CrossEntropy(), X, Y)
    theta = np.random.default_rng(1).standard_normal(20)
    W, p1 = theta.reshape(4, 5), np.concatenate([X, np.ones((N, 1))], 1)
    a = np.tanh(p1 @ W.T)
    p2 = np.concatenate([a, np.ones((N, 1))], 1)
    dz = (softmax(p2 @ W.T) - np.eye(4)[Y]) / N
    first = ((dz @ W[:, :-1]) * (1 - a ** 2)).T @ p1
    theirs = {"first": first, "last": dz.T @ p2}[which].ravel()
    best = ref.check(theirs, "gradient", objective, theta).explanation
    assert best.content == f"tied weights used once: {which}"


def test_repeated_words_overwritten():
    words = RNG.integers(6, size=(N, 5))
    net = ref.Sequential(ref.Embedding(6, 2), ref.Flatten(-2), ref.Dense(10, C))
    objective = ref.Objective(net, ref.CrossEntropy(), words, Y)
    theta = np.random.default_rng(1).standard_normal(net.layout.size)
    E, W = theta[:12].reshape(2, 6), theta[12:].reshape(C, 11)
    p = np.concatenate([E.T[words].reshape(N, 10), np.ones((N, 1))], 1)
    dz = (softmax(p @ W.T) - np.eye(C)[Y]) / N
    dE = np.zeros((6, 2))
    dE[words.ravel()] = (dz @ W[:, :-1]).reshape(-1, 2)
    theirs = np.concatenate([dE.T.ravel(), (dz.T @ p).ravel()])
    best = ref.check(theirs, "gradient", objective, theta).explanation
    assert best.content == "repeated indices overwritten"


def test_steps_truncated():
    T = 5
    x = RNG.standard_normal((N, T, 2))
    net = ref.Sequential(ref.RNN(2, 4, last=True), ref.Dense(4, C))
    objective = ref.Objective(net, ref.CrossEntropy(), x, Y)
    theta = np.random.default_rng(1).standard_normal(net.layout.size)
    Wi, Wh, W = (theta[s].reshape(k) for s, k in zip(net.layout.slices, net.layout.shapes))
    one, h, hs = np.ones((N, 1)), np.zeros((N, 4)), []
    for t in range(T):
        hs.append(h)
        h = np.tanh(np.concatenate([x[:, t], one], 1) @ Wi.T + np.concatenate([h, one], 1) @ Wh.T)
    p = np.concatenate([h, one], 1)
    dz = (softmax(p @ W.T) - np.eye(C)[Y]) / N
    ds = (dz @ W[:, :-1]) * (1 - h ** 2)           # the last step alone
    theirs = np.concatenate([a.ravel() for a in (
        ds.T @ np.concatenate([x[:, -1], one], 1), ds.T @ np.concatenate([hs[-1], one], 1),
        dz.T @ p)])
    best = ref.check(theirs, "gradient", objective, theta).explanation
    assert best.content == "steps truncated"


def test_attention():
    """Scores, scaled and seen in other ways: J v along the last matrix alone is linear in y."""
    from reference.network.attention import Attention
    x = RNG.standard_normal((N, 5, 12))
    net = ref.Sequential(Attention(4, 1, causal=True), ref.Dense(4, C))
    objective = ref.Objective(net, ref.CrossEntropy(), x, RNG.integers(C, size=(N, 5)))
    theta = np.random.default_rng(1).standard_normal(net.layout.size)
    u = np.random.default_rng(2).standard_normal(theta.size)
    q, k, v = x[..., :4], x[..., 4:8], x[..., 8:]
    scores = q @ k.swapaxes(1, 2)
    causal = np.where(np.tri(5, dtype=bool), 0, -np.inf)
    for name, s in ((None, scores / 2 + causal), ("scores over d", scores / 4 + causal),
                    ("scores not scaled", scores + causal), ("not causal", scores / 2)):
        y = np.concatenate([softmax(s) @ v, np.ones((N, 5, 1))], -1)
        report = ref.check(y @ u.reshape(C, 5).T, "jvp", objective, theta, u)
        assert report.passed if name is None else report.explanation.content == name
