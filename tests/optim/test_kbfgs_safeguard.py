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


def test_the_safeguard_bounds_every_rise_by_the_fall_that_the_averaged_gradient_predicts():
    objective, theta = make((ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)), LOSSES["SquaredError"],
                            n=24, l2=0.01)
    wild = ref.run(LONG, objective, theta, STEPS)[1]["loss"]
    assert wild.max() > 1e6 * wild[0]
    optimizer = replace(LONG, safeguard=1.0)
    there, state, lengths = theta, optimizer.init(objective, theta), []
    for _ in range(STEPS):
        there, state, info = optimizer.step(objective, there, state)
        t, fall = info["length"], -(state.m @ info["direction"])
        assert info["loss_after"] <= info["loss"] + t * fall and fall > 0
        assert t in 40 * 0.5 ** np.arange(11) or t == 0 and not info["accepted"]
        lengths.append(t)
    assert min(lengths) < max(lengths) and info["loss"] < 0.7 * wild[0]


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
