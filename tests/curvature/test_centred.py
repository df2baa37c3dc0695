"""The covariance of the gradients: definition, theorems, weights, places."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.curvature import sandwich
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.curvature.whole import off
from tests.derivatives.cases import small

DIGITS = 1e-14                        # of sums of up to 13 x 7 x 11 terms in float64

each_net = pytest.mark.parametrize("net", brute.NETS)


def centred(objective, theta):
    return ref.fisher(objective, theta, "centred")


def gradients(objective, theta):
    """g = J^T (p - e_label) (N, places, P) in longdouble, one label at a time."""
    J = brute.jacobians(objective, theta)
    s = brute.scores(objective, theta, objective.y.reshape(objective.N, -1))
    N, places, C = s.shape
    J = J.reshape(N, places, C, -1)
    return np.array([[J[n, t].T @ s[n, t] for t in range(places)] for n in range(N)])


def covariance(g, w, R):
    """(1/R) sum w (g - gbar)(g - gbar)^T, for g (N, places, P) and w (N, places), by loops."""
    pairs = [(w[i], g[i]) for i in np.ndindex(w.shape)]
    mean = sum(a * v for a, v in pairs) / sum(a for a, _ in pairs)
    return sum(a * np.outer(v - mean, v - mean) for a, v in pairs) / R


@each_net
def test_it_is_the_covariance_of_the_gradients(net):
    objective, theta = brute.NETS[net]()
    g = gradients(objective, theta)
    truth = covariance(g, np.ones(g.shape[:2]), objective.N)
    C = centred(objective, theta)
    assert brute.distance(ref.dense(C), truth) <= DIGITS
    assert brute.distance(ref.columns(C), truth) <= DIGITS
    assert brute.distance(ref.diagonal(C), np.diagonal(truth)) <= DIGITS
    for block, s in zip(ref.blocks(C, objective.net.layout), objective.net.layout.slices):
        assert brute.distance(block, truth[s, s]) <= DIGITS


@pytest.mark.parametrize("net", ["dense", "words"])
@pytest.mark.parametrize("reduction", ["mean", "mean over labels", "sum"])
def test_weights_and_ignored_labels_weigh_gradients_and_their_mean(net, reduction):
    plain, theta = brute.NETS[net]()
    g = gradients(plain, theta)
    w, y = np.random.default_rng(2).random(plain.N) + 0.5, plain.y.copy()
    y.reshape(-1)[::4] = -1
    objective = ref.Objective(plain.net, ref.CrossEntropy(ignore=-1), plain.x, y, w, reduction,
                              l2=0.3)
    counted = (y >= 0).reshape(objective.N, -1) * w[:, None]
    R = {"mean": objective.N, "mean over labels": counted.sum(), "sum": 1}[reduction]
    C = centred(objective, theta)
    truth = covariance(g, counted, R)
    for M in (ref.dense(C), ref.columns(C)):
        assert brute.distance(M, truth) <= DIGITS
    unweighted = covariance(g, 1.0 * (counted > 0), R)
    assert brute.distance(unweighted, truth) > 1e-2


@each_net
def test_it_is_the_empirical_fisher_matrix_less_the_square_of_the_mean_gradient(net):
    objective, theta = brute.NETS[net](l2=0.2)
    h = objective.grad(theta) - 0.2 * theta
    labels = objective.y.size / objective.N
    E = ref.dense(ref.fisher(objective, theta, "empirical"))
    C = ref.dense(centred(objective, theta))
    assert off(C, E - np.outer(h, h) / labels, E) <= 45 * eps(float)
    assert off(C, E, E) > 1e-3                   # the mean is not 0 away from a minimum


def test_it_is_symmetric_and_semidefinite_and_of_rank_less_than_n():
    objective, theta = brute.dense()
    C = ref.dense(centred(objective, theta))
    values = np.linalg.eigvalsh(C)
    assert np.array_equal(C, C.T) and values[0] >= -45 * eps(float) * values[-1]
    assert (values > 1e-12 * values[-1]).sum() == objective.N - 1     # 11 gradients, one mean


def test_equal_gradients_have_no_covariance_and_nothing_is_left_of_their_size():
    """Differences are squared; E - h h^T would leave eps times E."""
    objective, theta = small()
    same = objective.batch([2] * 7)
    E = ref.dense(ref.fisher(same, theta, "empirical"))
    assert np.abs(E).max() > 1e-2
    C = centred(same, theta)
    assert np.abs(ref.dense(C)).max() <= (45 * eps(float)) ** 2 * np.abs(E).max()
    assert np.abs(ref.columns(C)).max() <= 45 * eps(float) * np.abs(E).max()
    one = objective.batch(slice(0, 1))
    assert np.abs(ref.dense(centred(one, theta))).max() <= 1e-30


@each_net
def test_examples_may_come_in_pieces(net, monkeypatch):
    objective, theta = brute.NETS[net]()
    C = centred(objective, theta)
    truth = ref.columns(C)
    monkeypatch.setattr(sandwich, "ROOM", 1500)
    for M in (ref.dense(C), dict(ref.stream(C, objective.net.layout))):
        if isinstance(M, dict):
            s = objective.net.layout.slices
            assert all(off(part, truth[s[a], s[b]], truth) <= DIGITS for (a, b), part in M.items())
        else:
            assert off(M, truth, truth) <= DIGITS
    assert off(ref.diagonal(C), np.diagonal(truth), truth) <= DIGITS


def test_pieces_take_the_masks_and_states_of_their_own_examples(monkeypatch):
    objective, theta = LAYERS["LSTM, both directions, masked, from a state"](
        np.random.default_rng(0))
    C = centred(objective, theta)
    truth = ref.columns(C)
    monkeypatch.setattr(sandwich, "ROOM", 2 * 4 * theta.size)                # two examples each
    assert off(ref.dense(C), truth, truth) <= DIGITS


def test_balls_prove_it():
    certificate = ref.certify(lambda o, t: ref.dense(centred(o, t)), *small())
    assert certificate.digits > 14


def test_coupled_examples_take_products():
    objective, theta = ref.problems.layers.LAYERS["BatchNorm"](np.random.default_rng(0))
    C = centred(objective, theta)
    assert C.matrix is None and np.array_equal(ref.dense(C), ref.columns(C))


def test_kronecker_factors_of_it_are_refused():
    objective, theta = small()
    with pytest.raises(ValueError, match="kind must be one of .*ggn; got 'centred'"):
        ref.kfac(objective, theta, "centred")
    with pytest.raises(ValueError, match="got 'centred'.  The centred one is no sum"):
        ref.curvature.gauss_newton.output_fisher(objective, objective.outputs(theta), "centred")
