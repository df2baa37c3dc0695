"""Stochastic Hessian-free steps: dense twins, examples that move on, dropout, schedules."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.optim import stochastic_hessian_free as module
from reference.optim.hessian_free import State
from reference.optim.truncated_cg import truncated_cg
from tests.derivatives.cases import distance
from tests.optim.free import END, PROBLEMS, curvature, dense_step, same

KIROS = ref.StochasticHessianFree(damping=2.0, curvature_batch=4, per_epoch=3)


@pytest.fixture
def end_alone(monkeypatch):
    """Conjugate gradients keep the last iterate alone."""
    monkeypatch.setattr(module, "truncated_cg", lambda *args, keep: truncated_cg(*args, keep=()))


def error_of_a_step(objective, theta, steps=0):
    """How far step number `steps` is from its dense twin: the rows of its epoch, a shorter step."""
    optimizer = replace(KIROS, **END)
    epoch = steps // 3
    rows = (4 * epoch + np.arange(4)) % objective.N
    after, state, info = optimizer.step(objective, theta, State(2.0, 0 * theta, steps))
    twin, lam, rho, d = dense_step(objective.batch(rows), objective, theta, 2.0, factor=1 / 0.99)
    shrunk = 0.998 ** epoch * (twin - theta)
    return max(distance(after - theta, shrunk), distance(state.last, d),
               abs(state.damping - lam), abs(info["rho"] - rho) / 100)       # of differences of L


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("steps", [0, 2, 3, 11])
def test_a_step_is_that_of_the_dense_system(end_alone, name, steps):
    assert error_of_a_step(*PROBLEMS[name], steps) < 1e-11


@pytest.mark.parametrize("wrong", [
    {"curvature_part": lambda o, size, turn: PART(o, size, 0)},
    {"FACTOR": 1.5}, {"moved": lambda theta, took: theta + took["direction"]}])
def test_the_dense_twin_sees_a_planted_bug(end_alone, monkeypatch, wrong):
    for name, value in wrong.items():
        monkeypatch.setattr(module, name, value)
    assert error_of_a_step(*PROBLEMS["dense"], 3) > 1e-5


PART = module.curvature_part


def with_dropout():
    """4-5-11 with half of the hidden units of each example masked, N = 13."""
    rng = np.random.default_rng(5)
    net = ref.Sequential(ref.Dense(4, 5), ref.Tanh(), ref.dropout(rng, (13, 5)), ref.Dense(5, 11))
    x, y = rng.standard_normal((13, 4)), rng.integers(11, size=13)
    return ref.Objective(net, ref.CrossEntropy(), x, y), net.initial(rng)


def test_masks_are_those_of_the_batch_in_gradient_curvature_and_loss(end_alone):
    objective, theta = with_dropout()
    assert error_of_a_step(objective, theta, 5) < 1e-11
    other, _ = with_dropout()
    free = ref.Sequential(*(layer for layer in other.net.layers
                            if not isinstance(layer, ref.network.dropout.Dropout)))
    masked = KIROS.step(objective, theta, KIROS.init(objective, theta))[0]
    unmasked = KIROS.step(replace(objective, net=free), theta, KIROS.init(objective, theta))[0]
    assert distance(masked, unmasked) > 1e-3


def test_five_products_from_a_start_that_decays_less_every_epoch():
    objective, theta = PROBLEMS["dense"]
    last = np.random.default_rng(0).standard_normal(theta.size)
    for steps, decay in ((0, 0.5), (2, 0.5), (3, 0.505), (30, 0.5 * 1.01 ** 10), (900, 0.99)):
        _, state, info = KIROS.step(objective, theta, State(0.1, last, steps))
        rows = (4 * (steps // 3) + np.arange(4)) % objective.N
        B = curvature(objective.batch(rows), theta) + 0.1 * np.eye(theta.size)
        start = decay * last
        phi = info["gradient"] @ start + start @ B @ start / 2
        assert info["path"].phis[0] == pytest.approx(phi, rel=1e-12)
        assert info["path"].steps == (1, 2, 3, 4, 5) and info["reason"] == "iterations"
        assert state.steps == steps + 1 and len(info["iterates"]) == 5


def test_the_loss_is_that_of_the_shortened_step():
    objective, theta = PROBLEMS["dense"]
    after, _, info = KIROS.step(objective, theta, State(2.0, 0 * theta, 600))
    assert info["length"] == pytest.approx(0.998 ** 200, rel=1e-12)
    assert info["loss_after"] == objective.value(after) < info["loss"]


def test_steps_go_on_from_a_pickled_state_to_the_last_bit():
    objective, theta = PROBLEMS["recurrent"]

    def batches(skip):
        stream = iter(ref.problems.batches(objective, 6, np.random.default_rng(0)))
        return [next(stream) for _ in range(8)][skip:]
    optimizer = replace(KIROS, per_epoch=2)
    whole, history = ref.run(optimizer, batches(0), theta, 8)
    half, first = ref.run(optimizer, batches(0), theta, 3)
    state = pickle.loads(pickle.dumps(first.state))
    rest, last = ref.run(optimizer, batches(3), half, 5, state=state)
    assert (whole == rest).all() and same(history.state, last.state)
    forgotten, _ = ref.run(optimizer, batches(3), half, 5, state=replace(state, steps=0))
    assert (forgotten != rest).any()


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_steps_keep_the_precision_of_theta(dtype):
    objective, theta = PROBLEMS["dense"]
    after, history = ref.run(KIROS, objective.to(dtype), theta.astype(dtype), 4)
    assert after.dtype == history.state.last.dtype == dtype
    expected, _ = ref.run(KIROS, objective, theta, 4)
    assert distance(after, expected) < (1e-3 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("field, value", [
    ("damping", -1), ("decay_growth", 0), ("decay_most", 1), ("shrink", 0), ("per_epoch", 0),
    ("per_epoch", 2.5)])
def test_bad_settings_are_refused_by_name_and_value(field, value):
    with pytest.raises(ValueError, match=f"{field} of StochasticHessianFree is {value}"):
        ref.StochasticHessianFree(**{field: value})
