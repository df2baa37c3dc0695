"""Assertions: silent on what agrees, and a failure's text is the report."""

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.subjects import SUBJECTS
from reference.testing.assertions import KINDS, QUANTITIES

STEPS = ("step", "trajectory")


@pytest.fixture(scope="module")
def point():
    return ref.testing.oracle_case("dense")


@pytest.mark.parametrize("name", [name for name, q in QUANTITIES.items() if q not in STEPS])
def test_ours_passes_and_spoiled_fails_with_the_report(point, name):
    given, asserts = point.given(QUANTITIES[name]), getattr(ref.testing, name)
    right = [piece.array for piece in SUBJECTS[QUANTITIES[name]].pieces(*given)]
    assert asserts(right, *given).passed
    wrong = [-a for a in right]
    with pytest.raises(AssertionError) as failure:
        asserts(wrong, *given)
    report = ref.check(wrong, QUANTITIES[name], *given)
    assert str(failure.value) == str(report)


@pytest.mark.parametrize("kind", KINDS)
def test_fisher_of_each_kind(point, kind):
    given = point.given(KINDS[kind])
    right = SUBJECTS[KINDS[kind]].pieces(*given)[0].array
    assert ref.testing.assert_fisher(right, *given, kind=kind).passed
    with pytest.raises(AssertionError, match="ours x 1/N"):
        ref.testing.assert_fisher(right / point.objective.N, *given, kind=kind)


def test_a_step(point):
    objective, theta = point
    right = theta - 0.1 * objective.grad(theta)
    optimizer = ref.SGD(0.1)
    assert ref.testing.assert_step(right, objective, theta, optimizer=optimizer).passed
    with pytest.raises(AssertionError, match="one step: differs"):
        ref.testing.assert_step(2 * theta - right, objective, theta, optimizer=optimizer)


def test_options_are_those_of_check(point):
    objective, theta = point
    g = objective.grad(theta)
    named = objective.net.named(g)
    assert ref.testing.assert_gradient(named, objective, theta, convention="torch").passed
    assert ref.testing.assert_gradient(g / 11, objective, theta, allow=("1/N",)).passed
    assert ref.testing.assert_gradient(g.astype("f4").astype(float), objective, theta,
                                       dtype="float32").passed


def test_what_is_not_offered_fails(point):
    def absent(objective, theta):
        raise NotImplementedError
    with pytest.raises(AssertionError, match="not offered"):
        ref.testing.assert_gradient(absent, *point)


def test_what_cannot_be_asked_is_no_failed_assertion(point):
    with pytest.raises(ValueError, match="kind must be one of"):
        ref.testing.assert_fisher(np.eye(31), *point, kind="type-1")
    with pytest.raises(TypeError, match="0 arguments follow"):
        ref.testing.assert_hvp(np.ones(31), *point)


def test_every_assertion_is_listed():
    assert set(QUANTITIES) | {"assert_agrees", "assert_fisher", "oracle_case"} == set(
        ref.testing.__all__)
