"""Designed points: nothing is hidden there, and what stays weak is stated."""

from math import gcd

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.points.designer import APART, coprime
from reference.oracle.judge.points.designs import DESIGNS
from reference.oracle.judge.subjects import SUBJECTS
from reference.oracle.judge.points.weak_sizes import sizes
from reference.oracle.judge.points.audit import Point

INHERENT = {"attention": {"square"}}               # the projection behind the heads is square


@pytest.mark.parametrize("name", DESIGNS)
def test_a_designed_point_hides_nothing(name):
    point = ref.test_point(name, np.random.default_rng(0))
    objective, theta = point
    assert {each.name for each in point.weaknesses} == INHERENT.get(name, set())
    assert min(point.kink, point.tie) > APART
    found = sorted(sizes(Point(objective, theta, {})).items())
    assert all(gcd(a, b) == 1 or name == "variance"
               for i, (_, a) in enumerate(found) for _, b in found[i + 1:])
    assert point.condition > 1 or theta.size > 300


@pytest.mark.parametrize("name", ["conv", "lstm"])
def test_it_is_a_function_of_the_generator(name):
    one, two = (ref.test_point(name, np.random.default_rng(4)) for _ in range(2))
    assert (one.theta == two.theta).all() and (one.objective.x == two.objective.x).all()


@pytest.mark.parametrize("quantity", ["hvp", "vjp", "kfac_inverse", "gradient"])
def test_it_has_the_arguments_of_every_quantity(quantity):
    given = ref.test_point("dense", np.random.default_rng(0)).given(quantity)
    right = [piece.array for piece in SUBJECTS[quantity].pieces(*given)]
    report = ref.check(right, quantity, *given)
    assert report.passed and report.warnings == ()


def test_a_net_of_one_s_own():
    net = ref.Sequential(ref.Dense(4, 4), ref.ReLU(), ref.Dense(4, 3))
    point = ref.design(net, ref.SquaredError(), np.random.default_rng(0), (4,))
    assert point.objective.N == coprime(net, (4,)) == 7
    assert {each.name for each in point.weaknesses} == {"square", "blocks without bends"}
    assert "nearest kink" in str(point) and "weak: W of matrix 0 is square" in str(point)


def test_words_are_drawn_as_integers():
    net = ref.Sequential(ref.Embedding(5, 3), ref.Dense(3, 7))
    point = ref.design(net, ref.CrossEntropy(), np.random.default_rng(0), (2,))
    assert point.objective.x.dtype.kind == "i" and point.objective.y.shape == (11, 2)


@pytest.mark.parametrize("call, error, match", [
    (lambda rng: ref.test_point("dnse", rng), ValueError, "choose one of dense"),
    (lambda rng: ref.test_point("dense", 3), TypeError, "default_rng"),
    (lambda rng: ref.design(ref.Sequential(ref.Dense(2, 3)), "mse", rng, (2,)), TypeError,
     "call its constructor")])
def test_what_cannot_be_designed_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call(np.random.default_rng(0))
