"""The safeguard of K-BFGS: what it changes, what it bounds, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.derivatives.cases import LOSSES, distance, make
from tests.optim.test_kbfgs import STEPS, data

LONG = ref.KBFGS(length=40.0)


def test_a_safeguard_changes_no_step_that_lowers_the_loss():
    objective, theta = data()
    plain, history = ref.run(ref.KBFGS(), objective, theta, STEPS)
    same, _ = ref.run(ref.KBFGS(safeguard=0.0), objective, theta, STEPS)
    assert (np.diff(history["loss"]) < 0).all() and (plain == same).all()


def squared():
    return make((ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)), LOSSES["SquaredError"], n=24,
                l2=0.01)


@pytest.mark.parametrize("c", [0.0, 1.0, 5.0])
def test_the_first_half_is_taken_whose_rise_the_averaged_gradient_allows(c):
    objective, theta = squared()
    wild = ref.run(LONG, objective, theta, STEPS)[1]["loss"]
    assert wild.max() > 1e6 * wild[0]
    optimizer = replace(LONG, safeguard=c)
    there, state, lengths = theta, optimizer.init(objective, theta), []
    for _ in range(STEPS):
        before = there
        there, state, info = optimizer.step(objective, there, state)
        d, fall = info["direction"], -(state.m @ info["direction"])
        halves = [t for t in 40 * 0.5 ** np.arange(11)
                  if objective.value(before + t * d) <= info["loss"] + c * t * fall]
        assert fall > 0 and info["length"] == (halves[0] if halves else 0)
        lengths.append(info["length"])
    assert min(lengths) < max(lengths)
    assert (info["loss"] < 0.7 * wild[0]) == (c <= 1)           # five times the fall is no bound


def test_a_larger_share_allows_longer_steps():
    objective, theta = squared()
    state = ref.run(replace(LONG, safeguard=1.0), objective, theta, 5)[1].state
    lengths = [replace(LONG, safeguard=c).step(objective, theta, state)[2]["length"]
               for c in (0.0, 1.0, 100.0)]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]


def test_a_step_that_cannot_be_mended_is_rejected():
    objective, theta = data()
    optimizer = ref.KBFGS(safeguard=0.0)
    state = optimizer.init(objective, theta)
    uphill = replace(state, m=-10 * objective.grad(theta))
    there, after, info = optimizer.step(objective, theta, uphill)
    assert there is theta and not info["accepted"] and info["length"] == 0 and info["slope"] > 0
    assert after.factors is uphill.factors and after.k == 1 and info["pairs"] == []
    assert distance(after.m, 0.9 * uphill.m + 0.1 * objective.grad(theta)) <= 45 * eps(float)
    assert info["loss_after"] == info["loss"]
    _, _, info = ref.KBFGS().step(objective, theta, uphill)
    assert info["accepted"] and info["loss_after"] > info["loss"]       # as published


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_overflows_is_halved_too():
    objective, theta = data(np.float32)
    optimizer = ref.KBFGS(length=1e38, safeguard=1.0)
    state = optimizer.init(objective, theta)
    there, _, info = optimizer.step(objective, theta, state)
    assert np.isfinite(there).all() and not info["accepted"]
    with pytest.raises(ArithmeticError, match="not finite after step"):
        ref.run(ref.KBFGS(length=1e38), objective, theta, 3)
