"""K-FAC at places: A, G, their product and its inverse against loops that know no backward pass.

Gradients are complex steps of what comes out when one number of a pre-activation is pushed; patches
are copied number by number.  N, T, C, I, O are pairwise coprime wherever a layer allows it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.derivatives.cases import distance

STEP, TOLERANCE = 1e-20, 500 * eps(float)       # sums over pairs of outputs cancel a digit
settings = pytest.mark.parametrize("setting", ["expand", "reduce"])


# ---- patches, number by number ----

def ones(p, bias=True):
    return np.concatenate([p, np.ones_like(p[..., :1])], axis=-1) if bias else p


def dense(x):
    return [ones(x.reshape(len(x), -1, x.shape[-1]))]


def convolution(layer):
    """One array (N, T, I) for each group of channels."""
    def patches(x):
        (N, C, H, V), J = x.shape, layer.groups
        (kh, kw), (sh, sw), (ph, pw) = layer.kernel_size, layer.stride, layer.padding
        _, h, v = layer.output_shape(x.shape[1:])
        p = np.zeros((J, N, h * v, C // J * kh * kw))
        for j, n, a, b, c, k, l in np.ndindex(J, N, h, v, C // J, kh, kw):
            i, m = a * sh + k - ph, b * sw + l - pw
            if 0 <= i < H and 0 <= m < V:
                p[j, n, a * v + b, (c * kh + k) * kw + l] = x[n, j * (C // J) + c, i, m]
        return [ones(q, layer.bias) for q in p]
    return patches


def transposed(layer):
    """Of a ConvTranspose1d: input u meets output t at offset t + padding - u stride."""
    def patches(x):
        (N, C, U), (k,), (T,) = x.shape, layer.kernel_size, layer.output_shape(x.shape[1:])[1:]
        p = np.zeros((N, T, C * k))
        for n, c, u, t in np.ndindex(N, C, U, T):
            offset = t + layer.padding[0] - u * layer.stride[0]
            if 0 <= offset < k:
                p[n, t, c * k + offset] = x[n, c, u]
        return [ones(p)]
    return patches


def one_hot(size, padding=None):
    return lambda x: [(np.arange(size) == x[..., None]) * (x != padding)[..., None] * 1.0]


def features(x):
    """(x_hat_d, 1) for every feature d of the last axis."""
    c = x - x.mean(-1, keepdims=True)
    x_hat = c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
    return [ones(x_hat.reshape(len(x), -1, x.shape[-1])[..., d:d + 1]) for d in range(x.shape[-1])]


# ---- cases: layers, which of them, the shape of an example or words, its patches ----

BANDS = ref.Conv2d(2, 11, (1, 3), stride=(2, 1), padding=(0, 1))                # T = 9, I = 7
GROUPS = ref.Conv2d(4, 6, (1, 2), stride=(2, 1), groups=2)                      # T = 7, I = 5
DEEP = ref.Conv2d(1, 2, (4, 1)), ref.Tanh(), ref.Conv2d(2, 7, (1, 3), bias=False)
UPWARDS = ref.ConvTranspose1d(2, 11, 3, stride=2, padding=1)                    # T = 9, I = 7


def classified(*layers, width, axes=3):
    return (*layers, ref.Tanh(), ref.Flatten(-axes), ref.Dense(width, 2))


CASES = {
    "Dense at places": ((ref.Dense(6, 11), ref.Tanh(), ref.Dense(11, 2)), 0, (3, 6), dense),
    "Conv2d": (classified(BANDS, width=99), 0, (2, 5, 3), convolution(BANDS)),
    "Conv2d, groups": (classified(GROUPS, width=42), 0, (4, 1, 8), convolution(GROUPS)),
    "second Conv2d": (classified(*DEEP, width=63), 2, (1, 6, 5), convolution(DEEP[2])),
    "ConvTranspose1d": (classified(UPWARDS, width=99, axes=2), 0, (2, 5), transposed(UPWARDS)),
    "Embedding": (classified(ref.Embedding(7, 11), width=33, axes=2), 0, 7, one_hot(7)),
    "Embedding, padding": (
        classified(ref.Embedding(4, 11, 2), width=33, axes=2), 0, 4, one_hot(4, 2)),
    "LearnedPositions": (
        (ref.Dense(6, 11), ref.LearnedPositions(7, 11), ref.Tanh(), ref.Dense(11, 2)), 1, (3, 6),
        lambda x: one_hot(7)(np.tile(np.arange(3), (len(x), 1)))),
    "LayerNorm": ((ref.Dense(6, 7), ref.LayerNorm(7), ref.Tanh(), ref.Dense(7, 2)), 1, (3, 6),
                  features),
    "in_proj": ((ref.Dense(6, 18), ref.Attention(6, 2), ref.Dense(6, 2)), 0, (3, 6), dense),
    "out_proj": ((ref.Dense(6, 18), ref.Attention(6, 2), ref.Dense(6, 11), ref.Tanh(),
                  ref.Dense(11, 2)), 2, (3, 6), dense),
}
each_case = pytest.mark.parametrize("case", CASES)


def problem(case, n=5):
    """Random data, example weights, cross-entropy, and a theta of moderate size."""
    layers, _, shape, _ = CASES[case]
    rng, net = np.random.default_rng(1), ref.Sequential(*layers)
    x = (rng.integers(0, shape, (n, 3)) if isinstance(shape, int)
         else rng.standard_normal((n, *shape)))
    y = rng.integers(0, 2, (n, *net.output_shape(x.shape[1:])[:-1]))
    objective = ref.Objective(net, ref.CrossEntropy(), x, y, rng.random(n) + 0.5)
    return objective, 0.5 * rng.standard_normal(net.layout.size)


# ---- gradients, pushed ----

@dataclass(frozen=True, eq=False)
class Push(ref.Layer):
    """y = x + c."""

    c: Any

    def forward(self, W, x):
        return x + self.c


def pushed(objective, theta, i):
    """dz_n/dy of the output y of layer i: (N, entries of y, labels, C)."""
    layers, x = objective.net.layers, objective.x
    y, J = objective.net.forward(theta, x)[i + 1], []
    for entry in np.ndindex(y.shape[1:]):
        c = np.zeros(y.shape[1:], complex)
        c[entry] = STEP * 1j
        net = ref.Sequential(*layers[:i + 1], Push(c), *layers[i + 1:])
        J.append(net.forward(theta + 0j, x)[-1].imag / STEP)
    return np.stack(J, axis=1).reshape(len(x), len(J), -1, J[0].shape[-1])


def at_places(J, layer, T):
    """(N, T, O, labels, C): convolutions have their channels first, the others last."""
    if isinstance(layer, (ref.Conv2d, ref.ConvTranspose1d)):
        return J.reshape(len(J), -1, T, *J.shape[2:]).swapaxes(1, 2)
    return J.reshape(len(J), T, -1, *J.shape[2:])


def softmax_covariance(z):
    """diag(q) - q q^T (N, labels, C, C), whose rows sum to 0."""
    e = np.exp(z.reshape(len(z), -1, z.shape[-1]))
    q, one = e / e.sum(-1, keepdims=True), np.eye(z.shape[-1])
    between = q[..., :, None] * q[..., None, :] * (1 - one)
    return between.sum(-1)[..., None] * one - between


def by_loops(p, J, S, w, R, setting):
    """(G, A) by loops over examples, places, labels and pairs of outputs."""
    (N, T, I), (O, labels, C) = p.shape, J.shape[2:]
    A, G = np.zeros((I, I)), np.zeros((O, O))
    for n in range(N):
        ps = list(p[n]) if setting == "expand" else [sum(p[n]) / T]
        gs = list(J[n]) if setting == "expand" else [sum(J[n])]
        for q in ps:
            A += w[n] * np.outer(q, q) / len(ps) / sum(w)
        for g in gs:
            for k, c, d in np.ndindex(labels, C, C):
                G += w[n] / R * S[n, k, c, d] * np.outer(g[:, k, c], g[:, k, d])
    return G, A


def truth(case, setting):
    """[(G, A), ...], one for each group of rows."""
    (layers, i, _, patches), (objective, theta) = CASES[case], problem(case)
    xs = objective.net.forward(theta, objective.x)
    groups, S = patches(xs[i]), softmax_covariance(xs[-1])
    J = at_places(pushed(objective, theta, i), layers[i], groups[0].shape[1])
    if case == "Embedding, padding":             # there W p is not what comes out
        J = J * (objective.x != 2)[..., None, None, None]
    parts = np.split(J, len(groups), axis=2)
    return [by_loops(p, g, S, objective.weights, 5, setting) for p, g in zip(groups, parts)]


def found(case, setting):
    """The Krons of the same."""
    (layers, i, *_), (objective, theta) = CASES[case], problem(case)
    K = ref.kfac(objective, theta, setting=setting)[sum(len(a.shapes) for a in layers[:i])]
    return getattr(K, "blocks", (K,))


def far(K, G, A):
    """The larger distance of the two factors; infinite if a shape is another."""
    return max(distance(K.G, G), distance(K.A, A))


@settings
@each_case
def test_both_factors_are_loops_over_examples_places_labels_and_outputs(case, setting):
    krons, loops = found(case, setting), truth(case, setting)
    assert len(krons) == len(loops)
    for K, (G, A) in zip(krons, loops):
        assert far(K, G, A) <= TOLERANCE
        assert distance(K.dense(), np.kron(G, A)) <= TOLERANCE


@settings
@each_case
def test_the_damped_inverses_are_those_of_the_loops(case, setting):
    for K, (G, A) in zip(found(case, setting), truth(case, setting)):
        (O, I), root = (len(G), len(A)), 0.1
        for rule, pi in ("factored", 1), ("pi", (np.trace(A) / I / np.trace(G) * O) ** 0.5):
            inverse, M, B = K.inv(0.01, rule), G + root / pi * np.eye(O), A + root * pi * np.eye(I)
            bound = TOLERANCE * max(np.linalg.cond(M), np.linalg.cond(B))
            assert far(inverse, np.linalg.inv(M), np.linalg.inv(B)) <= bound
        exact = np.linalg.inv(np.kron(G, A) + 0.01 * np.eye(O * I))
        assert distance(K.inv(0.01, "exact").dense(), exact) <= 10 * TOLERANCE / 0.01


@each_case
def test_the_settings_differ_where_places_are_several(case):
    both = zip(found(case, "expand"), found(case, "reduce"))
    assert min(far(K, L.G, L.A) for K, L in both) > 0.01


def second_moments(objective, z, kind):
    """S (N, labels, C, C) of each kind: labels of the data, or those that the generator draws."""
    if kind == "ggn":
        return softmax_covariance(z)
    if kind == "mc":
        s = objective.loss.score(np.random.default_rng(3), np.broadcast_to(z, (2, *z.shape)))
    else:
        e = np.exp(z)
        s = (e / e.sum(-1, keepdims=True) - np.eye(2)[objective.y])[None]
    s = s.reshape(len(s), len(z), -1, 2)
    return (s[..., :, None] * s[..., None, :]).mean(0)


@settings
@pytest.mark.parametrize("kind", ["ggn", "empirical", "mc"])
@pytest.mark.parametrize("case", ["Conv2d", "Dense at places"])
def test_factors_of_every_kind_are_loops(case, kind, setting):
    """Labels of different places are independent: no products of scores of different places."""
    (_, i, _, patches), (objective, theta) = CASES[case], problem(case)
    xs = objective.net.forward(theta, objective.x)
    p, = patches(xs[i])
    J = at_places(pushed(objective, theta, i), CASES[case][0][i], p.shape[1])
    S = second_moments(objective, xs[-1], kind)
    K = ref.kfac(objective, theta, kind, np.random.default_rng(3), 2, setting)[0]
    assert far(K, *by_loops(p, J, S, objective.weights, 5, setting)) <= TOLERANCE


# ---- faults ----

T, T_IN = 9, 15                        # places out of BANDS and into it
FAULTS = {
    "G divided by the layer's own places": lambda K: (K.G / T, K.A),
    "A not divided by the places": lambda K: (K.G, K.A * T),
    "both, whose product is right": lambda K: (K.G / T, K.A * T),
    "A divided by the places of the input": lambda K: (K.G, K.A * T / T_IN),
    "G multiplied by the places": lambda K: (K.G * T, K.A),
    "sum and mean over places swapped": lambda K: (K.G / T ** 2, K.A * T ** 2),
    "no bias": lambda K: (K.G, K.A[:-1, :-1]),
    "bias first": lambda K: (K.G, np.roll(K.A, 1, (0, 1))),
    "offsets before channels": lambda K: (K.G, K.A[np.ix_(*[[0, 3, 1, 4, 2, 5, 6]] * 2)]),
}


@settings
@pytest.mark.parametrize("fault", FAULTS)
def test_a_known_fault_is_seen_in_the_factors(fault, setting):
    (K,), ((G, A),) = found("Conv2d", setting), truth("Conv2d", setting)
    spoilt = FAULTS[fault](K)
    assert far(K, G, A) <= TOLERANCE
    assert max(distance(spoilt[0], G), distance(spoilt[1], A)) > 0.01


def test_a_factor_moved_from_G_to_A_is_not_seen_in_the_product_nor_with_pi():
    """So factors and inverses are compared one by one, with another rule than pi."""
    K, = found("Conv2d", "expand")
    moved = ref.Kron(*FAULTS["both, whose product is right"](K))
    assert distance(moved.dense(), K.dense()) <= TOLERANCE
    assert distance(moved.inv(0.01).dense(), K.inv(0.01).dense()) <= 1e4 * TOLERANCE
    assert distance(moved.inv(0.01, "factored").dense(), K.inv(0.01, "factored").dense()) > 0.1
