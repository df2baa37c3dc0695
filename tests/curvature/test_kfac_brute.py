"""K-FAC's factors, product and damped inverse on the nets whose Fisher matrices are brute force.

Patches are copied number by number; the gradient of a bias is sum_t g, so that G of "reduce" is
read off the definition of the Fisher matrix.  (G of "expand" at places: test_kfac_places.)
"""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.curvature import brute
from tests.derivatives.cases import LOSSES, make

TOLERANCE = 200 * eps(float)          # of sums over N T C^2 terms, which cancel a digit
DAMPING = 0.01

each_net = pytest.mark.parametrize("net", brute.NETS)
settings = pytest.mark.parametrize("setting", ["expand", "reduce"])


# ---- A ----

def patches(net):
    """[p (N, T, I), ...] without the constant 1, by loops in longdouble."""
    objective, theta = brute.NETS[net]()
    x = objective.x.astype(np.longdouble)
    first, second, *_ = objective.net.layout.unpack(theta.astype(np.longdouble))
    if net == "convolutional":
        p = np.zeros((13, 7, 4), np.longdouble)
        for n, t, c, k in np.ndindex(13, 7, 2, 2):
            p[n, t, c * 2 + k] = x[n, c, t + k]
        return [p, np.tanh(_affine(first, p)).mean(1)[:, None]]
    if net == "recurrent":
        h, states = np.zeros((13, 3), np.longdouble), []
        for t in range(7):
            states.append(h)
            h = np.tanh(_affine(first, x[:, t]) + _affine(second, h))
        return [x, np.stack(states, 1), h[:, None]]
    x = x.reshape(len(x), -1, 4)
    hidden = [x, np.tanh(_affine(first, x))]
    return hidden + [1 / (1 + np.exp(-_affine(second, hidden[1])))] * (net == "deep")


def _affine(W, p):
    return np.einsum("oi,...i->...o", W[:, :-1], p) + W[:, -1]


def input_factor(p, I, setting):
    """A by a loop over examples and places."""
    p = np.concatenate([p, np.ones_like(p[..., :1])], axis=-1)[..., :I]
    p = p.mean(1)[:, None] if setting == "reduce" else p
    return sum(np.outer(q, q) for one in p for q in one) / (p.shape[0] * p.shape[1])


@settings
@each_net
def test_A_is_a_loop_over_examples_and_places(net, setting):
    krons = ref.kfac(*brute.NETS[net](), setting=setting)
    for K, p in zip(krons, patches(net), strict=True):
        assert brute.distance(K.A, input_factor(p, K.shape[1], setting)) <= TOLERANCE
    other = {"expand": "reduce", "reduce": "expand"}[setting]
    off = brute.distance(krons[0].A, input_factor(patches(net)[0], krons[0].shape[1], other))
    assert (off > 0.01) == (net not in ("dense", "deep"))


# ---- G ----

def label_moments(objective, theta, kind):
    """S (N, places, C, C): over all labels, those of the data, or those that are drawn."""
    if kind == "mc":
        z = objective.outputs(theta)
        s = objective.loss.score(np.random.default_rng(3), np.broadcast_to(z, (2, *z.shape)))
        s = s.reshape(2, len(z), -1, z.shape[-1])
        return sum(np.einsum("ntc,ntd->ntcd", one, one) for one in s) / 2
    q = brute.probabilities(objective, theta)
    labels = range(q.shape[-1]) if kind == "type-2" else [objective.y]
    S = 0
    for c in labels:
        s = brute.scores(objective, theta, c)
        share = q[..., c, None, None] if kind == "type-2" else 1
        S = S + np.einsum("ntc,ntd->ntcd", s, s) * share
    return S


def output_factors(objective, theta, kind):
    """(1/R) sum_n of g g^T, g the gradient of the biases; None for a matrix without them."""
    S, J = label_moments(objective, theta, kind), brute.jacobians(objective, theta)
    for s, (O, I), layer in zip(objective.net.layout.slices, objective.net.layout.shapes,
                                _with_bias(objective.net)):
        g = J[:, :, s].reshape(*S.shape[:3], O, I)[..., -1]
        yield np.einsum("ntco,ntcd,ntdp->op", g, S, g) / objective.R if layer else None


def _with_bias(net):
    return [layer.bias for layer in net.layers for _ in layer.shapes]


@pytest.mark.parametrize("kind", ["type-2", "empirical", "mc"])
@each_net
def test_G_is_the_second_moment_of_the_biases_gradients(net, kind):
    objective, theta = brute.NETS[net]()
    krons = ref.kfac(objective, theta, kind, np.random.default_rng(3), 2, "reduce")
    for K, G in zip(krons, output_factors(objective, theta, kind), strict=True):
        assert G is None or brute.distance(K.G, G) <= TOLERANCE
        assert G is None or brute.distance(K.G / 2, G) > 0.1


# ---- their product and its inverse ----

@each_net
def test_product_and_damped_inverse_are_those_of_the_loops(net):
    objective, theta = brute.NETS[net]()
    truth = zip(patches(net), output_factors(objective, theta, "type-2"))
    for K, (p, G) in zip(ref.kfac(objective, theta, setting="reduce"), truth, strict=True):
        if G is None:
            continue
        O, I = K.shape
        A = input_factor(p, I, "reduce")
        assert brute.distance(K.dense(), np.kron(G, A)) <= TOLERANCE
        pi = np.sqrt(np.trace(A) / I / (np.trace(G) / O))
        G = np.asarray(G + DAMPING ** 0.5 / pi * np.eye(O), float)
        A = np.asarray(A + DAMPING ** 0.5 * pi * np.eye(I), float)
        inverse, bound = K.inv(DAMPING), TOLERANCE * np.linalg.cond(G) * np.linalg.cond(A)
        assert brute.distance(inverse.G, np.linalg.inv(G)) <= bound
        assert brute.distance(inverse.A, np.linalg.inv(A)) <= bound
        assert brute.distance(inverse.dense(), np.linalg.inv(np.kron(G, A))) <= bound


# ---- KFLR ----

@pytest.mark.parametrize("loss", LOSSES)
def test_kflr_is_type_2_kfac_where_the_loss_hessian_is_the_fisher_matrix(loss):
    layers = ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)
    objective, theta = make(layers, LOSSES[loss])
    if loss == "Huber":
        with pytest.raises(ValueError, match="has no Fisher matrix"):
            ref.kfac(objective, theta)
        assert len(ref.kflr(objective, theta)) == 2
        return
    gaps = [brute.distance(K.G, F.G) for K, F in zip(ref.kflr(objective, theta),
                                                     ref.kfac(objective, theta))]
    assert (max(gaps) <= TOLERANCE) == (loss != "Gaussian")


@settings
def test_kflr_is_the_gauss_newton_block_for_one_example_without_places(setting):
    objective, theta = make((ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)), LOSSES["Gaussian"])
    for examples, exact in (1, True), (7, False):
        some = objective.batch(slice(0, examples))
        for K, B in zip(ref.kflr(some, theta, setting=setting),
                        ref.blocks(ref.gauss_newton(some, theta), some.net.layout)):
            assert (brute.distance(K.dense(), B) <= TOLERANCE) == exact
    with pytest.raises(ValueError, match="setting must be one of"):
        ref.kflr(objective, theta, "both")
