"""A certificate is right: against rational arithmetic, and on values that are wrong."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from reference import (Certificate, Dense, HardTanh, LeakyReLU, NotProven, Objective, ReLU,
                       Sequential, Softsign, SquaredError, Tanh, Undecided, certify, fisher,
                       gauss_newton, gradient, hessian, hvp, jacobian, kfac,
                       per_example_gradients)
from reference.arrays import ball
from reference.oracle.certify import BITS, certify_value, leaves
from reference.problems import ZOO
from tests.derivatives.cases import LOSSES, directions, make, small

rational = np.vectorize(Fraction, otypes=[object])


def linear(reduction="mean"):
    return make((Dense(5, 4),), SquaredError(), reduction=reduction)


def patches(objective):
    return np.concatenate([rational(objective.x), rational(np.ones((objective.N, 1)))], axis=1)


def rational_gradient(objective, theta):
    """(1/R) sum_n (W p_n - y_n) p_n^T, in fractions."""
    p, W = patches(objective), rational(theta).reshape(4, 6)
    r = p @ W.T - rational(objective.y)
    return (r.T @ p).reshape(-1) / objective.R


def rational_hessian(objective, theta):
    """1 (x) (1/R) sum_n p_n p_n^T, in fractions."""
    p = patches(objective)
    return np.kron(np.eye(4, dtype=int), p.T @ p / objective.R)


def off(value, truth):
    """|value - truth|, in fractions."""
    return [abs(Fraction(float(v)) - t) for v, t in zip(np.ravel(value), np.ravel(truth))]


# ---- right on what is known exactly ----

@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("quantity, truth", [(gradient, rational_gradient),
                                             (hessian, rational_hessian),
                                             (gauss_newton, rational_hessian)])
def test_the_proven_bounds_contain_the_rational_truth_and_are_tight(quantity, truth, reduction,
                                                                    dtype):
    objective, theta = linear(reduction)
    objective, theta = objective.to(dtype), theta.astype(dtype)
    proof = certify(quantity, objective, theta)
    errors = off(*leaves(proof.value), truth(objective, theta))
    bounds = np.ravel(proof.errors[0])
    assert all(error <= Fraction(bound) for error, bound in zip(errors, bounds))
    slack = Fraction(proof.radius) / 100                   # the enclosure is narrow against it
    assert all(Fraction(bound) <= error + slack for error, bound in zip(errors, bounds))
    assert proof.radius == bounds.max() and proof.bits == BITS[0]
    assert proof.digits > (6 if dtype == np.float32 else 15)


def test_an_exact_value_is_certified_with_radius_zero_or_nearly():
    net = Sequential(Dense(2, 1, bias=False))
    objective = Objective(net, SquaredError(), np.array([[1.0, 2.0]]), np.array([[3.0]]))
    proof = certify(gradient, objective, np.array([0.5, 0.25]))
    assert proof.value.tolist() == [-2.0, -4.0]
    assert proof.radius == 0 and proof.digits == np.inf and "inf digits" in proof.how


def test_the_certificate_does_not_depend_on_the_precision_that_found_it():
    objective, theta = small()
    narrow, wide = (certify(gradient, objective, theta, bits=(b,)) for b in (128, 512))
    assert abs(narrow.radius - wide.radius) <= 1e-3 * wide.radius
    assert (narrow.bits, wide.bits) == (128, 512) and "512 bits" in wide.how


# ---- wrong values ----

@pytest.mark.parametrize("relative, digits", [(1e-3, 3), (1e-6, 6), (1e-9, 9), (1e-12, 12)])
def test_a_wrong_value_gets_the_digits_that_it_has(relative, digits):
    objective, theta = small()
    value = gradient(objective, theta) * (1 + relative)
    proof = certify_value(value, gradient, objective, theta)
    assert proof.digits == pytest.approx(digits, abs=0.01)


def test_one_wrong_entry_among_many_is_found():
    objective, theta = small()
    value = gradient(objective, theta)
    scale = np.abs(value).max()
    value[17] += 1e-5 * scale
    proof = certify_value(value, gradient, objective, theta)
    assert proof.digits == pytest.approx(5, abs=0.01) and proof.errors[0].argmax() == 17


def test_a_value_that_is_all_wrong_has_no_digits():
    objective, theta = small()
    assert certify_value(-gradient(objective, theta), gradient, objective, theta).digits < 0
    assert certify_value(0 * theta, gradient, objective, theta).digits == -np.inf


def test_a_route_less_exact_is_told_apart():
    objective, theta = small()
    rough = gradient(objective, theta, route="central difference")
    digits = [certify_value(g, gradient, objective, theta).digits
              for g in (rough, gradient(objective, theta))]
    assert digits[0] < 14 < digits[1]


# ---- kinks ----

KINKED = [ReLU(), LeakyReLU(0.2), HardTanh()]


@pytest.mark.parametrize("kinked", KINKED, ids=repr)
def test_networks_with_kinks_are_proven_off_the_kinks(kinked):
    objective, theta = make((Dense(5, 3), kinked, Dense(3, 4)), LOSSES["CrossEntropy"])
    for quantity in (gradient, hessian, gauss_newton, kfac):
        assert certify(quantity, objective, theta).digits > 14


def test_dead_units_at_exactly_zero_are_proven():
    objective, theta = make((Dense(5, 3), ReLU(), Dense(3, 4)), LOSSES["CrossEntropy"])
    theta = theta.copy()
    theta[:12] = 0                                         # W p = 0 in exact arithmetic
    for quantity in (gradient, hessian):
        assert certify(quantity, objective, theta).digits > 14


def at_a_kink(first):
    """first(a) - first(a) = 0 before a ReLU."""
    layers = (Dense(2, 2, bias=False), *first, Dense(2, 1, bias=False), ReLU(), Dense(1, 1))
    objective, _ = make(layers, SquaredError(), n=3)
    return objective, np.array([0.3, 0.7, 0.3, 0.7, 1.0, -1.0, 1.0, 0.0])


def test_a_zero_that_enough_bits_prove_is_proven_with_them():
    proof = certify(gradient, *at_a_kink(()), bits=(53, 96, 192))
    assert proof.bits > 53 and proof.digits > 14           # products of floats have 106 bits


def test_a_zero_that_no_precision_proves_is_not_proven_and_the_message_says_why():
    objective, theta = at_a_kink((Tanh(),))
    with pytest.raises(NotProven, match="up to 192 bits: .* straddles a kink at 0; raise the prec"):
        certify(gradient, objective, theta, bits=(96, 192))
    with ball.precision(96), pytest.raises(Undecided, match="straddles a kink"):
        gradient(objective, ball.exact(theta))


def test_a_singular_matrix_of_balls_is_not_proven_and_the_message_says_why():
    def inverse(objective, theta):
        return kfac(objective, theta)[0].inv(0.0) if theta.dtype == object else np.eye(2)
    objective, theta = make((Dense(5, 4),), LOSSES["CrossEntropy"], n=2)
    with pytest.raises(NotProven, match="not proven invertible"):
        certify(inverse, objective, theta, bits=(96,))


@pytest.mark.parametrize("bits", [(), (2,), (24,)])
def test_a_precision_that_does_not_suffice_is_not_proven(bits):
    with pytest.raises(NotProven, match="not proven"):
        certify(gradient, *small(), bits=bits)


def test_one_precision_may_be_a_number_and_no_other_thing():
    assert certify(gradient, *small(), bits=128).bits == 128
    for bits in ("128", 96.0, (96, None), None, 1, (0,)):
        with pytest.raises(ValueError, match="bits must be a whole number of at least 2, or sever"):
            certify(gradient, *small(), bits=bits)


def test_balls_without_bound_prove_nothing():
    """An infinite radius must not pass as narrow against an infinite distance."""
    for ball_without_bound in (flint.arb(0, float("inf")), flint.arb("nan")):
        def lost(objective, theta):
            return theta * ball_without_bound if theta.dtype == object else theta
        with pytest.raises(NotProven, match="the enclosure is still inf wide"):
            certify(lost, *small(), bits=(96, 192))


# ---- what a quantity may return ----

@dataclass(frozen=True)
class Two:
    g: Any
    rest: Any


@pytest.mark.parametrize("quantity, shapes", [
    (gradient, [(34,)]), (jacobian, [(7, 4, 34)]), (per_example_gradients, [(7, 34)]),
    (lambda o, t: o.value(t), [()]), (lambda o, t: o.outputs(t), [(7, 4)]),
    (hessian, [(34, 34)]), (fisher, [(34, 34)]), (kfac, [(3, 3), (6, 6), (4, 4), (4, 4)]),
    (lambda o, t: [gradient(o, t), (o.value(t), hessian(o, t))], [(34,), (), (34, 34)]),
    (lambda o, t: Two(gradient(o, t), [o.value(t)]), [(34,), ()]),
])
def test_arrays_operators_lists_and_dataclasses_are_certified_entry_by_entry(quantity, shapes):
    proof = certify(quantity, *small())
    assert isinstance(proof, Certificate) and proof.digits > 14
    assert [e.shape for e in proof.errors] == shapes
    assert proof.radius == max(e.max() for e in proof.errors) < 1e-14 * proof.scale


def test_arguments_and_options_are_passed_on():
    objective, theta = small()
    v = directions(theta)[0]
    assert certify(hvp, objective, theta, v).digits > 14
    assert certify(hvp, objective, theta, v, route="hyper-dual", bits=(128,)).digits > 14
    assert certify(kfac, objective, theta, kind="empirical").digits > 14


@pytest.mark.parametrize("loss", ["CrossEntropy", "BinaryCrossEntropy", "Poisson"])
def test_every_run_draws_the_same_labels_and_the_generator_stays_where_it_was(loss):
    rng = np.random.default_rng(0)
    for quantity in (fisher, kfac):
        proof = certify(quantity, *small(loss=loss), kind="mc", rng=rng, samples=3)
        assert proof.digits > 14
    assert rng.random() == np.random.default_rng(0).random()


# ---- bad input ----

@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(poison):
    objective, theta = small()
    value = gradient(objective, theta)
    value[[3, 5]] = poison
    with pytest.raises(ValueError, match="2 entries of the value are not finite"):
        certify_value(value, gradient, objective, theta)


def test_values_of_another_shape_are_refused():
    objective, theta = small()
    value = gradient(objective, theta)
    for wrong in (value[:, None], value[1:], value[None], [value, value]):
        with pytest.raises(ValueError, match="shapes must match exactly"):
            certify_value(wrong, gradient, objective, theta)
    with pytest.raises(ValueError, match=r"\[\(\)\], the quantity \[\(34,\)\]"):
        certify_value(1.0, gradient, objective, theta)


def test_a_quantity_that_leaves_the_balls_proves_nothing():
    with pytest.raises(TypeError, match="not as balls: nothing is proven"):
        certify(lambda o, t: np.ones(3), *small())


def test_a_jump_of_the_second_derivative_alone_is_not_proven_away():
    """Softsign's f'' jumps at 0, where two equal terms cancel exactly, but not provably so."""
    net = Sequential(Dense(1, 2, bias=False), Tanh(), Dense(2, 1, bias=False), Softsign(),
                     Dense(1, 1))
    objective = Objective(net, SquaredError(), np.array([[0.7]]), np.array([[0.2]]))
    with pytest.raises(NotProven, match="kink"):
        certify(hessian, objective, np.array([0.3, 0.3, 1.0, -1.0, 1.0, 0.0]))


def test_a_generator_among_the_arguments_draws_the_same_for_balls_and_stays_as_it_was():
    objective, theta = ZOO["pooled digits"](np.random.default_rng(0))
    rng = np.random.default_rng(5)
    assert certify(fisher, objective, theta, "mc", rng).digits > 13
    assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state


def test_a_route_without_balls_says_so():
    objective, theta = ZOO["pooled digits"](np.random.default_rng(0))
    for route in ("autograd", "complex step", "central difference"):
        with pytest.raises(TypeError, match="does not run on balls"):
            certify(hvp, objective, theta, np.ones_like(theta), route=route)


def test_nothing_is_proven_about_nothing():
    with pytest.raises(ValueError, match="empty"):
        certify_value([], gradient, *ZOO["pooled digits"](np.random.default_rng(0)))
