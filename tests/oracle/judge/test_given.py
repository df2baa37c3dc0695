"""What was given in another order is told: v alone, v with the answer, theta."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

from .by_hand import hessian, mean_gradient

OBJECTIVE, THETA = NETS["dense"]()
V = np.random.default_rng(7).standard_normal(THETA.size)
H = hessian(lambda t: mean_gradient(OBJECTIVE, t), THETA)


def flat(vector, transposed=False):
    """As PyTorch has it, or with weights (in, out), by hand; of W (2, 5) and (7, 3)."""
    parts = []
    for W in (vector[:10].reshape(2, 5), vector[10:].reshape(7, 3)):
        parts += [(W[:, :-1].T if transposed else W[:, :-1]).ravel(), W[:, -1]]
    return np.concatenate(parts)


def back(vector):
    """Ours of PyTorch's."""
    A, a, B, b = np.split(vector, [8, 10, 24])
    return np.concatenate([np.c_[A.reshape(2, 4), a].ravel(), np.c_[B.reshape(7, 2), b].ravel()])


def told(theirs, quantity, *arguments, theta=THETA, **options):
    return ref.check(theirs, quantity, OBJECTIVE, theta, *arguments, **options)


def test_the_orders_by_hand_are_each_others_inverse():
    assert np.array_equal(back(flat(V)), V) and not np.array_equal(flat(V), V)


def test_v_and_the_answer_in_pytorchs_order_are_a_convention():
    G = ref.dense(ref.gauss_newton(OBJECTIVE, THETA))
    for M, quantity in ((H, "hvp"), (G, "ggnvp")):
        report = told(flat(M @ V), quantity, flat(V))
        assert report.verdict == "agrees after a convention"
        assert report.explanation.content == "v and answer in order torch"
        assert 'convention="torch"' in report.explanation.advice
        assert told(flat(M @ V), quantity, flat(V), convention="torch").passed
        assert told(flat(M @ V), quantity, V, convention="torch").passed


def test_a_stated_convention_excuses_no_wrong_answer():
    assert not told(flat(1.01 * H @ V), "hvp", flat(V), convention="torch").passed
    assert not told(H @ V, "hvp", flat(V), convention="torch").passed


def test_v_alone_in_another_order_is_an_error():
    report = told(H @ V, "hvp", flat(V))
    assert report.explanation.content == "v in order torch"
    assert report.explanation.kind == "error"


def test_other_orders_have_their_names():
    report = told(flat(H @ V, True), "hvp", flat(V, True))
    assert report.explanation.kind == "convention"
    assert report.explanation.content == "v and answer in order columns"


def test_a_jacobian_product_has_no_order_but_that_of_v():
    report = told(ref.jvp(OBJECTIVE, THETA, V), "jvp", flat(V))
    assert report.explanation.content == "v in order torch"
    assert report.verdict == "agrees after a convention"


@pytest.mark.parametrize("quantity, theirs, content", [
    ("gradient", flat(OBJECTIVE.grad(THETA)), "theta and answer in order torch"),
    ("gradient", OBJECTIVE.grad(THETA), "theta in order torch"),
    ("value", OBJECTIVE.value(THETA), "theta in order torch")])
def test_theta_in_pytorchs_order(quantity, theirs, content):
    assert told(theirs, quantity, theta=flat(THETA)).explanation.content == content
