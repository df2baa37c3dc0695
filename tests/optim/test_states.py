"""A state is gone on from by the optimiser that left it, and refused by name by any other."""

from dataclasses import replace
from inspect import cleandoc

import numpy as np
import pytest

import reference as ref
from reference.optim.states import require_state
from tests.derivatives.cases import small
from tests.optim.test_step import Descent

OPTIMIZERS = {
    "SGD": ref.SGD(0.1, momentum=0.5), "RMSprop": ref.RMSprop(), "Adam": ref.Adam(),
    "KBFGS": ref.KBFGS(), "KBFGS(L)": ref.KBFGS(memory=2),
    "KFAC": ref.KFAC(), "tridiagonal": ref.KFAC(structure="tridiagonal"),
    "SimpleKFAC": ref.SimpleKFAC(), "HessianFree": ref.HessianFree(damping=1, maxiter=3),
    "BlockHessianFree": ref.BlockHessianFree(maxiter=3),
    "StochasticHessianFree": ref.StochasticHessianFree(), "NewtonKrylov": ref.NewtonKrylov(),
    "EACG": ref.EACG(), "Newton": ref.Newton(), "LBFGS": ref.LBFGS(memory=2),
}


def left(optimizer, steps=3):
    """theta and the state after some steps."""
    objective, theta = small()
    theta, history = ref.run(optimizer, objective, theta, steps)
    return objective, theta, history.state


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_on_from_its_own(name, steps):
    objective, theta, state = left(OPTIMIZERS[name], steps)
    if state is None:                                   # of no steps: begin, and stop there
        state = OPTIMIZERS[name].init(objective, theta)
    ref.run(OPTIMIZERS[name], objective, theta, 1, state=state)


@pytest.mark.parametrize("own, other, words", [
    ("Adam", "SGD", "state.v is a ndarray, not a NoneType"),
    ("SGD", "Adam", "state.v is a NoneType"),
    ("KBFGS", "KFAC", "KFAC goes on from a KFACState"),
    ("HessianFree", "NewtonKrylov", "state is a State, and NewtonKrylov"),
    ("Newton", "LBFGS", "state is a int, and LBFGS"),
    ("KBFGS", "KBFGS(L)", r"state.factors\[0\].Hg is a ndarray, not a LimitedMemory"),
    ("KFAC", "tridiagonal", "state.factors is a list, not a KronTridiagonal"),
])
def test_the_state_of_another_optimiser_is_refused(own, other, words):
    objective, theta, state = left(OPTIMIZERS[own])
    with pytest.raises((TypeError, ValueError), match=words):
        ref.run(OPTIMIZERS[other], objective, theta, 1, state=state)


@pytest.mark.parametrize("name", sorted({*OPTIMIZERS} - {"NewtonKrylov", "EACG", "Newton"}))
def test_another_network_and_another_precision_are_refused(name):
    objective, theta, state = left(OPTIMIZERS[name])
    narrow = ref.Objective(objective.net, objective.loss, objective.x.astype("float32"),
                           objective.y)
    with pytest.raises(ValueError, match="is a <float64 array"):
        ref.run(OPTIMIZERS[name], narrow, theta.astype("float32"), 1, state=state)
    deep = replace(objective, net=ref.Sequential(ref.Dense(5, 5), ref.Tanh(),
                                                 *objective.net.layers))
    with pytest.raises(ValueError, match="state"):
        ref.run(OPTIMIZERS[name], deep, deep.net.initial(np.random.default_rng(0)), 1,
                state=state)


@pytest.mark.parametrize("name, change, words", [
    ("Adam", {"k": -1}, "state.k is -1, no whole"), ("Adam", {"k": 1.5}, "state.k is 1.5"),
    ("HessianFree", {"damping": np.nan}, "state.damping is nan"),
    ("KFAC", {"lam": -1.0}, "state.lam is -1.0"), ("KFAC", {"inverse": None}, "state.inverse"),
    ("KBFGS", {"factors": []}, "state.factors has 0 entries, not 2"),
    ("LBFGS", {"memory": 3}, "state.memory is 3, not 2"),
])
def test_numbers_that_no_step_leaves_are_refused(name, change, words):
    objective, theta, state = left(OPTIMIZERS[name])
    with pytest.raises(ValueError, match=words):
        ref.run(OPTIMIZERS[name], objective, theta, 1, state=replace(state, **change))


def test_entries_that_are_not_finite_are_refused():
    objective, theta, state = left(ref.Adam())
    state.m[3] = np.inf
    with pytest.raises(ValueError, match="state.m has entries that are not finite"):
        ref.run(ref.Adam(), objective, theta, 1, state=state)


def test_an_optimiser_that_declares_no_state_is_not_asked():
    objective, theta, _ = left(Descent(0.1))
    assert ref.run(Descent(0.1), objective, theta, 1, state=7.5)[1].state == 8.5


def test_what_is_refused_is_written_at_every_optimiser():
    kinds = [type(optimizer) for optimizer in OPTIMIZERS.values()]
    for kind in (*kinds, ref.LevenbergMarquardt, ref.BlockLevenbergMarquardt):
        assert "\nRaises\n------\nValueError" in cleandoc(kind.__doc__), kind
        assert isinstance(kind.State, type)


def test_a_state_is_gone_on_from_where_the_optimiser_would_not_begin():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(3, 4), ref.ReLU(), ref.Dense(4, 2))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((9, 3)),
                              rng.standard_normal((9, 2)))
    theta = net.initial(rng)
    state = ref.KBFGS().init(objective, theta)
    with pytest.raises(np.linalg.LinAlgError, match="condition number"):
        ref.KBFGS().init(objective, 1e12 * theta)
    require_state(ref.KBFGS(), objective, 1e12 * theta, state)
    with pytest.raises(ValueError, match="not a LimitedMemory"):
        require_state(ref.KBFGS(memory=2), objective, 1e12 * theta, state)
