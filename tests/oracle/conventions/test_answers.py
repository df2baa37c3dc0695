"""check with a stated convention: a declared layout or scale is no deviation."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS


def problem():
    rng = np.random.default_rng(0)
    objective, theta = NETS["dense"]()
    return ref.Objective(objective.net, ref.SquaredError(), objective.x,
                         rng.standard_normal((11, 7))), theta


def torch_gradient(objective, theta):
    """Of the mean of squares, by parameter: no 1/2, divided by N C."""
    return [2 / 7 * a for a in objective.net.named(objective.grad(theta)).values()]


@pytest.mark.parametrize("form", [
    torch_gradient, lambda o, t: np.concatenate([a.ravel() for a in torch_gradient(o, t)]),
    lambda o, t: dict(zip(o.net.named(t), torch_gradient(o, t)))])
def test_a_stated_convention_is_no_deviation(form):
    objective, theta = problem()
    for theirs in (form, form(objective, theta)):
        assert ref.check(theirs, "gradient", objective, theta, convention="torch").passed
    undeclared = ref.check(form(objective, theta), "gradient", objective, theta)
    assert undeclared.verdict == "agrees after a convention"


def test_flax_s_dicts_of_dicts_are_taken_by_their_names():
    objective, theta = problem()
    named = objective.net.named(objective.grad(theta), "flax")
    assert ref.check(named, "gradient", objective, theta, convention="jax").passed


def test_factors_and_blocks():
    objective, theta = problem()
    K = ref.kfac(objective, theta)
    theirs = [(2 / 7 * k.G, k.A) for k in K]
    assert ref.check(theirs, "kfac", objective, theta, convention="curvlinops").passed
    assert not ref.check([(k.G, k.A) for k in K], "kfac", objective, theta,
                         convention="curvlinops").passed


def test_a_fault_is_told_beside_the_convention():
    objective, theta = problem()
    theirs = [-a for a in torch_gradient(objective, theta)]
    report = ref.check(theirs, "gradient", objective, theta, convention="torch")
    assert (report.verdict, report.explanation.text) == ("differs", "ours x -1")


def test_a_wrong_shape_is_the_judge_s_to_tell():
    objective, theta = problem()
    report = ref.check(theta[:-1], "gradient", objective, theta, convention="torch")
    assert report.verdict == "differs" and report.shapes


def test_what_cannot_be_converted_is_refused():
    objective, theta = problem()
    with pytest.raises(ValueError, match="no constant 1"):
        ref.check(ref.kfac(objective, theta), "kfac", objective, theta, convention="backpack")
