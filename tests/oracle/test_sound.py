"""What is proven holds: exact rational truths where floats would slip in beside the balls."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import flint
import numpy as np
import pytest

from reference import (BinaryCrossEntropy, CrossEntropy, Dense, HardTanh, Huber, Kron, NotProven,
                       Objective, Poisson, ReLU, Sequential, SquaredError, certify, dense, fisher,
                       gradient, hvp, kbfgs_factors, kbfgs_update, taylor)
from reference.arrays import ball
from reference.oracle.certify import upwards
from reference.problems import ZOO


def holds(certificate, truth):
    """No entry is farther from the exact rational truth than its certificate says."""
    value = np.ravel(certificate.value)
    truth = np.ravel(np.asarray(truth, dtype=object))
    return all(abs(Fraction(*v.as_integer_ratio()) - t) <= Fraction(e) for v, t, e in
               zip(value, truth, np.ravel(certificate.errors[0]).tolist()))


def value(objective, theta):
    return objective.value(theta)


def one(layers, loss, x, y, **options):
    return Objective(Sequential(*layers), loss, np.array([[x]]), np.array([[y]]), **options)


@pytest.mark.parametrize("layer, w, output", [(ReLU(), -1.0, 0), (HardTanh(), 2.0, 1),
                                              (HardTanh(), -2.0, -1)])
def test_the_constants_of_dead_and_saturated_units_are_balls_too(layer, w, output):
    objective = one([Dense(1, 1, bias=False), layer], SquaredError(), 1.0, 0.1)
    truth = (Fraction(output) - Fraction(0.1)) ** 2 / 2
    assert holds(certify(value, objective, np.array([w])), truth)


@pytest.mark.parametrize("y", [0.01, 0.3, 1e-17])
def test_soft_labels_are_balls_too(y):
    """At theta = 0 the gradient is 1/2 - y."""
    objective = one([Dense(1, 1, bias=False)], BinaryCrossEntropy(), 1.0, y)
    assert holds(certify(gradient, objective, np.zeros(1)), Fraction(1, 2) - Fraction(y))


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(smoothing=0.1)], ids=repr)
def test_soft_classes_are_balls_too(loss):
    """At theta = 0 the gradient is sum(q)/C - q, for q as the loss encodes it."""
    q = np.random.default_rng(0).dirichlet(np.ones(3), 1)
    objective = Objective(Sequential(Dense(1, 3, bias=False)), loss, np.ones((1, 1)), q)
    encoded = [Fraction(t) for t in objective.targets[0].tolist()]
    truth = [sum(encoded) / 3 - t for t in encoded]
    assert holds(certify(gradient, objective, np.zeros(3)), truth)


@pytest.mark.parametrize("dtype, y", [(np.float32, 16777218.0), (np.float64, 2.0 ** 53 + 2)])
def test_counts_beyond_the_integers_of_the_type_are_balls_too(dtype, y):
    objective = one([Dense(1, 1, bias=False)], Poisson(), 1.0, y).to(dtype)
    assert holds(certify(gradient, objective, np.zeros(1, dtype)), 1 - Fraction(y))


def test_weights_are_balls_too():
    objective = one([Dense(1, 1, bias=False)], SquaredError(), 1.0, 0.1, weights=np.array([0.3]))
    truth = Fraction(0.3) * Fraction(0.1) ** 2 / 2
    assert holds(certify(value, objective, np.zeros(1)), truth)


@pytest.mark.parametrize("samples", [2, 3, 7])
def test_the_mean_over_drawn_labels_is_a_quotient_of_balls(samples):
    """At theta = 0 every score of a coin is +-1/2, and its square 1/4."""
    objective = one([Dense(1, 1, bias=False)], BinaryCrossEntropy(), 1.0, 0.5)
    proof = certify(lambda *given, **how: dense(fisher(*given, **how)), objective, np.zeros(1),
                    kind="mc", samples=samples, rng=np.random.default_rng(0))
    assert holds(proof, Fraction(1, 4)) and abs(proof.errors[0]).max() < 1e-15


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_score_of_a_gaussian_is_the_noise_drawn_whatever_cancels_in_z(dtype):
    """z = W x loses nine digits to cancellation; the score at z + noise is -noise all the same."""
    x = np.array([[1000.0, 1.1, -1000.3]], dtype)
    objective = Objective(Sequential(Dense(3, 1, bias=False)), SquaredError(), x,
                          np.zeros((1, 1), dtype))
    noise = Fraction(float(np.random.default_rng(0).standard_normal((1, 1))[0, 0]))
    exact = [Fraction(float(t)) for t in x[0]]
    proof = certify(lambda *given, **how: dense(fisher(*given, **how)), objective,
                    np.array([1, 0.7, 1], dtype), kind="mc", rng=np.random.default_rng(0))
    assert holds(proof, [noise ** 2 * a * b for a in exact for b in exact])


def test_directions_by_name_and_factors_in_lists_are_balls_too():
    objective, theta = ZOO["uncertain regression"](np.random.default_rng(0))
    v = np.random.default_rng(1).standard_normal(theta.size)
    named, placed = certify(hvp, objective, theta, v=v), certify(hvp, objective, theta, v)
    assert named.radius == placed.radius
    factors = kbfgs_factors(objective, theta, 0.3)
    proof = certify(kbfgs_update, objective, theta, theta + 0.01 * v, factors, 0.3)
    assert proof.digits > 12 and proof.errors[0].max() > 0


def test_results_computed_in_floats_are_no_proof():
    def leaves_the_balls(objective, theta):
        return theta * 0.1 if theta.dtype != object else np.array(
            [0.1 * float(t.mid()) for t in theta], dtype=object)
    with pytest.raises(TypeError, match="float, not as balls"):
        certify(leaves_the_balls, *ZOO["pooled digits"](np.random.default_rng(0)))


def test_a_trace_of_unknown_sign_is_not_taken_for_zero():
    """G nearly vanishes when two logits are nearly equal: pi must not silently become 1."""
    G = np.array([[flint.arb("0 +/- 1e-30")]], dtype=object)
    with pytest.raises(ball.Undecided):
        Kron(G, ball.exact(np.eye(1))).pi()


def test_a_residual_at_hubers_corner_is_not_proven():
    """|z - y| = delta up to rounding, from (3 * 0.1) and 0.3."""
    objective = Objective(Sequential(Dense(3, 1, bias=False)), Huber(0.25), np.full((1, 3), 0.1),
                          np.array([[0.05]]))
    theta = np.full(3, 1.0)
    exact = sum(Fraction(0.1) for _ in range(3)) - Fraction(0.05) - Fraction(0.25)
    assert exact != 0                                  # so more bits decide, and rightly
    assert certify(gradient, objective, theta).digits > 14


def test_threads_take_turns_with_flints_context():
    objective, theta = ZOO["uncertain regression"](np.random.default_rng(0))
    v = np.random.default_rng(1).standard_normal(theta.size)
    orders = [1, 5] * 10
    with ThreadPoolExecutor(2) as executor:
        found = list(executor.map(lambda k: taylor(objective, theta, v, k), orders))
    alone = {k: taylor(objective, theta, v, k) for k in (1, 5)}
    for k, series in zip(orders, found):
        assert (series.coefficients == alone[k].coefficients).all()
    assert flint.ctx.prec == 53


def test_a_series_of_a_dead_unit_is_constant_and_one_at_a_kink_is_refused():
    layers = [Dense(1, 1, bias=False), ReLU()]
    dead = one(layers, SquaredError(), 1.0, 0.5)
    assert taylor(dead, np.array([-1.0]), np.ones(1), 2).coefficients.tolist() == [0.125, 0, 0]
    with pytest.raises(ball.Undecided, match="kink"):
        taylor(dead, np.zeros(1), np.ones(1), 2)


@pytest.mark.parametrize("x", [2.02e-17, 9.99e-5, 1.0, 1e-300, 5e-324, 0.0])
def test_a_printed_bound_is_none_less(x):
    assert Fraction(upwards(x)) >= Fraction(x)
    assert x == 0 or float(upwards(x)) <= 1.11 * x


def test_not_proven_at_a_kink_that_no_precision_decides():
    objective = one([Dense(1, 1, bias=False), ReLU()], SquaredError(), 1.0, 0.5)
    root = np.sqrt(2.0)

    def through_zero(objective, theta):
        t = theta * theta - root * root if theta.dtype != object else (
            theta * flint.arb(3).sqrt() - theta * flint.arb(3).sqrt())
        return objective.grad(t)
    with pytest.raises(NotProven, match="kink"):
        certify(through_zero, objective, np.array([root]))
