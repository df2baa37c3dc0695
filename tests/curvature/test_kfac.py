"""K-FAC: where it is exact, where it is not, and what its factors are."""

from dataclasses import dataclass

import numpy as np
import pytest

from reference import (Dense, Kron, Layer, LeakyReLU, Objective, Sequential, Sigmoid, SquaredError,
                       Tanh, block, blocks, certify, dense, fisher, gauss_newton, kfac,
                       per_example_gradients)
from reference.arrays.precision import eps
from tests.derivatives.cases import LOSSES, distance, make, small, weighted, wide

TOLERANCE = 45 * eps(float)
DEEP = (Dense(5, 3), Tanh(), Dense(3, 2, bias=False), Sigmoid(), Dense(2, 4))
LINEAR = (Dense(5, 3), Dense(3, 2, bias=False), Dense(2, 4))
WEIGHTS = np.random.default_rng(1).random(7) + 0.5
WITH_FISHER = [name for name in LOSSES if name != "Huber"]

each_reduction = pytest.mark.parametrize("reduction", ["mean", "sum"])


def pairs(objective, theta, kind="ggn"):
    """(K-FAC's block, the exact block) of every weight matrix."""
    exact = gauss_newton(objective, theta) if kind == "ggn" else fisher(objective, theta, kind)
    approximate = [K.dense() for K in kfac(objective, theta, kind)]
    return list(zip(approximate, blocks(exact, objective.net.layout)))


# ---- where it is exact ----

@pytest.mark.parametrize("kind", ["type-2", "empirical"])
@pytest.mark.parametrize("loss", WITH_FISHER)
def test_kfac_is_the_fisher_block_for_one_example(loss, kind):
    objective, theta = make(DEEP, LOSSES[loss], n=1, l2=0.3)
    for approximate, exact in pairs(objective, theta, kind):
        assert distance(approximate, exact) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
def test_kfac_of_the_loss_hessian_is_the_gauss_newton_block_for_one_example(loss):
    for approximate, exact in pairs(*make(DEEP, LOSSES[loss], n=1)):
        assert distance(approximate, exact) <= TOLERANCE


@each_reduction
@pytest.mark.parametrize("layers", [(Dense(5, 4),), (Dense(5, 4, bias=False),), LINEAR],
                         ids=["one layer", "no bias", "deep linear"])
def test_kfac_is_exact_for_linear_networks_and_squared_error(layers, reduction):
    objective, theta = make(layers, LOSSES["SquaredError"], weights=WEIGHTS, reduction=reduction)
    for kind in ("ggn", "type-2"):
        for approximate, exact in pairs(objective, theta, kind):
            assert distance(approximate, exact) <= TOLERANCE


# ---- where it is not, so that the tests above can fail ----

@pytest.mark.parametrize("layers, loss", [
    (DEEP, "SquaredError"), (LINEAR, "CrossEntropy"), ((Dense(5, 4),), "CrossEntropy"),
    ((Dense(5, 3), LeakyReLU(0.2), Dense(3, 4)), "SquaredError")])
def test_kfac_is_an_approximation_otherwise(layers, loss):
    assert max(distance(a, exact) for a, exact in pairs(*make(layers, LOSSES[loss]))) > 1e-3


def test_factors_in_the_other_order_are_detected():
    objective, theta = make(LINEAR, LOSSES["SquaredError"])
    for K, exact in zip(kfac(objective, theta), blocks(gauss_newton(objective, theta),
                                                       objective.net.layout)):
        assert distance(K.dense(), exact) <= TOLERANCE
        assert distance(np.kron(K.A, K.G), exact) > 1e-2


@pytest.mark.parametrize("spoil", [lambda K: Kron(2 * K.G, K.A), lambda K: Kron(K.G, K.A + 1e-9),
                                   lambda K: Kron(K.A, K.G)], ids=["twice", "shifted", "swapped"])
def test_a_spoilt_factor_is_detected(spoil):
    objective, theta = make(LINEAR, LOSSES["SquaredError"])
    for K, exact in zip(kfac(objective, theta), blocks(gauss_newton(objective, theta),
                                                       objective.net.layout)):
        assert not distance(spoil(K).dense(), exact) <= TOLERANCE


# ---- the factors ----

def bias_gradients(objective, theta):
    """d loss_n/ds (N, O) per layer, read off the per-example gradients: the column of the bias."""
    rows = per_example_gradients(objective, theta)
    return [W[..., -1] for W in objective.net.layout.unpack(rows)]


@each_reduction
def test_the_empirical_factors_are_weighted_second_moments(reduction):
    objective, theta = make((Dense(5, 3), Tanh(), Dense(3, 4)), LOSSES["CrossEntropy"],
                            weights=WEIGHTS, reduction=reduction)
    R = 7 if reduction == "mean" else 1
    xs = [objective.x, np.tanh(objective.net.forward(theta, objective.x)[1])]
    for K, g, x in zip(kfac(objective, theta, "empirical"), bias_gradients(objective, theta), xs):
        p = np.hstack([x, np.ones((7, 1))])
        assert distance(K.G, (g.T * WEIGHTS) @ g / R) <= TOLERANCE
        assert distance(K.A, (p.T * WEIGHTS) @ p / WEIGHTS.sum()) <= TOLERANCE


@pytest.mark.parametrize("loss", WITH_FISHER)
def test_the_output_factor_is_the_block_of_the_biases(loss):
    """A's last entry is 1, so G is the exact Fisher matrix's block of the bias, for any N."""
    objective, theta = make((Dense(5, 3), Tanh(), Dense(3, 4)), LOSSES[loss], weights=WEIGHTS)
    for K, F in zip(kfac(objective, theta), blocks(fisher(objective, theta), objective.net.layout)):
        O, I = K.shape
        assert abs(K.A[-1, -1] - 1) <= TOLERANCE
        assert distance(K.G, F.reshape(O, I, O, I)[:, -1, :, -1]) <= TOLERANCE


def test_kinds_agree_where_the_matrices_do_and_differ_where_they_do():
    for loss in ("CrossEntropy", "Poisson"):
        for a, b in zip(*(kfac(*weighted(loss=loss), kind=kind) for kind in ("type-2", "ggn"))):
            assert distance(a.dense(), b.dense()) <= TOLERANCE
    for a, b in zip(*(kfac(*weighted(loss="Gaussian"), kind=kind) for kind in ("type-2", "ggn"))):
        assert distance(a.dense(), b.dense()) > 1e-2


def test_weights_that_are_all_equal_scale_the_output_factor_alone():
    (plain, theta), (heavy, _) = small(), small(weights=np.full(7, 3.0))
    for a, b in zip(kfac(plain, theta), kfac(heavy, theta)):
        assert distance(b.A, a.A) <= TOLERANCE and distance(b.G, 3 * a.G) <= TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("kind", ["type-2", "ggn", "empirical", "mc"])
def test_factors_keep_the_precision(kind, dtype):
    objective, theta = weighted()
    objective, theta = objective.to(dtype), theta.astype(dtype)
    found, truth = (kfac(o, t, kind, rng=np.random.default_rng(0))
                    for o, t in [(objective, theta), wide(objective, theta)])
    for K, exact in zip(found, truth):
        assert K.G.dtype == K.A.dtype == dtype
        assert distance(K.G, exact.G) <= 45 * eps(dtype)
        assert distance(K.A, exact.A) <= 45 * eps(dtype)


def test_balls_prove_14_digits_of_the_factors():
    for kind in ("type-2", "ggn", "empirical"):
        assert certify(kfac, *weighted(), kind=kind).digits >= 14


def test_blocks_of_the_operator_are_what_kfac_approximates():
    objective, theta = make(LINEAR, LOSSES["SquaredError"])
    F = fisher(objective, theta)
    for K, s in zip(kfac(objective, theta), objective.net.layout.slices):
        assert distance(block(F, s), K.dense()) <= TOLERANCE


def test_bad_kinds_and_outputs_are_refused():
    objective, theta = small()
    with pytest.raises(ValueError, match="kind must be one of .*ggn; got 'exact'"):
        kfac(objective, theta, "exact")
    with pytest.raises(ValueError, match="setting must be one of expand, reduce, got 'both'"):
        kfac(objective, theta, setting="both")
    with pytest.raises(TypeError, match="rng=None is not a generator"):
        kfac(objective, theta, "mc")
    with pytest.raises(ValueError, match="has no Fisher matrix"):
        kfac(*small(loss="Huber"))


@pytest.mark.parametrize("kind", ["type-2", "ggn", "empirical", "mc"])
def test_expanding_is_exact_for_one_affine_layer_at_places_with_a_label_at_each(kind):
    """With labels at places of weights of their own too: the middle factor is then constant."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 5, 3)), rng.standard_normal((4, 5, 2))
    objective = Objective(Sequential(Dense(3, 2)), SquaredError(), x, y, rng.random(4))
    theta = rng.standard_normal(8)
    [K] = kfac(objective, theta, kind, np.random.default_rng(1))
    assert K.G.shape == (2, 2)
    exact = dense(fisher(objective, theta, kind, np.random.default_rng(1)) if kind != "ggn"
                  else gauss_newton(objective, theta))
    assert (distance(K.dense(), exact) <= TOLERANCE) == (kind in ("type-2", "ggn"))
    assert np.isclose(np.trace(K.G), np.trace(exact[np.ix_([3, 7], [3, 7])]), rtol=1e-12)


def test_a_layer_with_weights_that_is_not_affine_is_refused():
    @dataclass(frozen=True)
    class Scale(Layer):
        """y = w x, one weight per feature."""

        shape = (1, 3)

        def output_shape(self, shape):
            return shape

        def forward(self, W, x):
            return x * W[..., 0, :]

        def vjp(self, W, x, y, dy):
            return (dy * x).sum(0)[None], dy * W[0]

    objective = Objective(Sequential(Dense(3, 3), Scale()), SquaredError(), np.ones((4, 3)),
                          np.ones((4, 3)))
    for function in (kfac, per_example_gradients):
        with pytest.raises(TypeError, match="is not affine"):
            function(objective, np.ones(15))


def test_monte_carlo_factors_are_those_of_the_labels_drawn():
    """G = (1/R) sum_n w_n mean_m g g^T at the scores that the same generator draws."""
    objective, theta = weighted()
    z = objective.outputs(theta)
    s = objective.loss.score(np.random.default_rng(3), np.broadcast_to(z, (2,) + z.shape))
    last = kfac(objective, theta, "mc", np.random.default_rng(3), samples=2)[-1]
    w = objective.example_weights
    truth = sum(wn * np.outer(g, g) for draw in s for wn, g in zip(w, draw)) / (2 * objective.R)
    assert distance(last.G, truth) <= TOLERANCE
    F = fisher(objective, theta, "mc", np.random.default_rng(3), samples=2)
    assert np.isclose(dense(F)[-1, -1], truth[-1, -1], rtol=1e-12)      # the last bias
