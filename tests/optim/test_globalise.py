"""Searches along a direction, and the damping rule, by tables that were made by hand."""

from math import inf, isnan, nan

import numpy as np
import pytest

from reference.optim.globalise import (Search, armijo, backtrack, levenberg_marquardt, loss_at,
                                       reduction_ratio)
from tests.derivatives.cases import small


def parabola(bend):
    """L(t) = 1 - t + bend t^2/2, so that g.d = -1: Armijo's t <= 2 (1 - share)/bend."""
    return lambda t: 1 - t + bend * t * t / 2


@pytest.mark.parametrize("bend", [0.5, 1.98, 1.99, 3.0, 1e4])
def test_armijo_takes_the_first_length_that_falls_enough(bend):
    found = armijo(parabola(bend), 1.0, -1.0)
    k = next(k for k in range(60) if 0.8 ** k * bend / 2 <= 1 - 1e-2)
    assert np.isclose(found.length, 0.8 ** k, rtol=1e-14)              # 60 products: 60 eps
    assert found.loss == parabola(bend)(found.length) and found.evaluations == k + 1
    assert (k == 0) == (bend <= 1.98)


def test_armijo_asks_no_loss_that_it_was_given():
    assert armijo(None, 1.0, -1.0, at_one=0.5) == Search(1.0, 0.5, 0)
    assert armijo(parabola(3.0), 1.0, -1.0, at_one=inf).evaluations == 2


def test_a_search_that_fails_takes_no_step_after_so_many_trials():
    asked = []
    found = armijo(lambda t: asked.append(t) or 2.0, 1.0, -1.0)
    assert found == Search(0.0, 1.0, 60) and not found.accepted
    assert np.allclose(asked, 0.8 ** np.arange(60), rtol=1e-13)
    assert armijo(lambda t: nan, 1.0, -1.0, trials=3) == Search(0.0, 1.0, 3)


@pytest.mark.parametrize("slope", [0.0, 1.0, nan])
def test_what_does_not_descend_is_not_taken(slope):
    """With g.d = 1, L = 1.005 after a loss of 1 would pass Armijo's own inequality."""
    assert 1.005 <= 1 + 1e-2 * slope or slope != 1
    assert armijo(lambda t: 1.005, 1.0, slope) == Search(0.0, 1.0, 0)


@pytest.mark.parametrize("losses, k", [
    ([3, 1, 2], 1), ([1, 2, 3], 0), ([3, 2, 1], 2), ([2, 2], 0), ([5], 0), ([3, 1, inf], 1),
    ([0, 3, 2], 2)])                         # the last: not the least of all, as [Mar10] goes back
def test_backtracking_goes_back_while_the_loss_does_not_rise(losses, k):
    chosen, loss = backtrack(lambda d: losses[int(d[0])], np.arange(float(len(losses)))[:, None])
    assert (chosen, loss) == (k, losses[k])


@pytest.mark.parametrize("rho, factor", [
    (-inf, 1.5), (0.2499, 1.5), (nan, 1.5), (0.25, 1), (0.75, 1), (0.7501, 1 / 1.5),
    (inf, 1 / 1.5)])
def test_damping_follows_rho(rho, factor):
    assert levenberg_marquardt(2.0, rho) == pytest.approx(2 * factor, rel=1e-15)
    assert levenberg_marquardt(2.0, rho, 4.0) == 2 * {1.5: 4, 1: 1, 1 / 1.5: 0.25}[factor]


def test_rho_is_a_ratio_and_vouches_for_no_rise():
    assert reduction_ratio(-1.0, -2.0) == 0.5 and isnan(reduction_ratio(0.0, 0.0))
    assert reduction_ratio(1.0, -2.0) == reduction_ratio(1.0, 2.0) == -inf


def test_a_loss_that_overflows_is_infinite():
    objective, theta = small("Sine", "Poisson")
    assert loss_at(objective, theta) == objective.value(theta)
    assert loss_at(objective, 1e200 * theta) == inf
