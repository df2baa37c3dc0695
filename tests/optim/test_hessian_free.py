"""Hessian-free steps are dense Gauss-Newton steps; their warm start, damping and refusals."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import reference as ref
from reference.optim import hessian_free
from reference.optim.hessian_free import State, curvature_part
from reference.optim.preconditioner import preconditioner
from reference.optim.step import NAMES
from reference.optim.truncated_cg import truncated_cg
from tests.curvature import brute
from tests.derivatives.cases import distance, small
from tests.optim.free import END, PROBLEMS, curvature, dense_step, same

TO_THE_END = ref.HessianFree(**END)


@pytest.fixture
def end_alone(monkeypatch):
    """No iterate but the last is kept: backtracking has nothing to choose from."""
    monkeypatch.setattr(hessian_free, "truncated_cg", partial(truncated_cg, keep=()))


def error_of_a_step(objective, theta, **options):
    """How far a step is from its dense twin, in theta, lam and rho."""
    optimizer = replace(TO_THE_END, **options)
    part = curvature_part(objective, optimizer.curvature_batch)
    after, state, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    twin, lam, rho, d = dense_step(part, objective, theta, 2.0)
    return max(distance(after - theta, twin - theta), distance(state.last, d),
               abs(state.damping - lam), abs(info["rho"] - rho) / 100)       # of differences of L


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("options", [{}, {"curvature_batch": 5}, {"exponent": 0.0}],
                         ids=["", "part", "plain"])
def test_a_step_is_that_of_the_dense_system(end_alone, name, options):
    assert error_of_a_step(*PROBLEMS[name], **options) < 1e-11


PLANTED = {
    "lam left out": ("damped", lambda B, lam, *rest: B),
    "l2 left out": ("decayed_gauss_newton",
                    lambda o, theta: lambda v, G=ref.gauss_newton(o, theta): G @ v),
    "lam in rho": ("judge", lambda o, theta, g, d, bend: JUDGE(o, theta, g, d, bend + 2 * d @ d)),
    "Hessian": ("decayed_gauss_newton",
                lambda o, theta: lambda v, H=ref.hessian(o, theta): H @ v),
    "sum of the batch": ("decayed_gauss_newton",
                         lambda o, theta: lambda v, G=ref.gauss_newton(o, theta): o.N * (G @ v))}
JUDGE = hessian_free.judge


@pytest.mark.parametrize("bug", PLANTED)
def test_the_dense_twin_sees_a_planted_bug(bug, end_alone, monkeypatch):
    name, wrong = PLANTED[bug]
    monkeypatch.setattr(hessian_free, name, wrong)
    assert error_of_a_step(*PROBLEMS["dense"]) > 1e-5


# ---- one step after the other ----

def test_a_step_starts_from_where_conjugate_gradients_ended_before():
    objective, theta = PROBLEMS["words"]
    optimizer = ref.HessianFree(damping=0.05)
    theta, state, before = optimizer.step(objective, theta, optimizer.init(objective, theta))
    assert before["chosen"] < len(before["iterates"]) - 1           # the two differ
    _, _, info = optimizer.step(objective, theta, state)
    B = curvature(objective, theta) + state.damping * np.eye(theta.size)
    start, taken = 0.95 * before["iterates"][-1], 0.95 * before["direction"]
    phi = [info["gradient"] @ x + x @ B @ x / 2 for x in (start, taken)]
    assert info["path"].phis[0] == pytest.approx(phi[0], rel=1e-12)
    assert info["path"].phis[0] != pytest.approx(phi[1], rel=1e-3)


@pytest.mark.parametrize("name, lam, chosen, length", [
    ("words", 0.05, 0, 1.0), ("recurrent", 0.01, 4, 0.64), ("dense", 1.0, 3, 1.0)])
def test_info_is_what_its_names_say(name, lam, chosen, length):
    objective, theta = PROBLEMS[name]
    after, _, info = ref.HessianFree(damping=lam).step(
        objective, theta, State(lam, np.zeros_like(theta)))
    losses = [objective.value(theta + d) for d in info["iterates"]]
    first = max(k for k in range(len(losses)) if k == 0 or losses[k - 1] > losses[k])
    assert info["chosen"] == first == chosen and info["length"] == pytest.approx(length)
    assert (after == theta + info["length"] * info["direction"]).all()
    g, d, last = info["gradient"], info["direction"], info["iterates"][-1]
    bend = last @ curvature(objective, theta) @ last
    assert (d == info["iterates"][info["chosen"]]).all() and info["slope"] == g @ d
    assert info["curvature"] == pytest.approx(bend, rel=1e-12)
    assert info["model"] == pytest.approx(g @ last + bend / 2, rel=1e-12)
    assert info["loss"] == objective.value(theta)
    assert info["loss_after"] == objective.value(theta + info["length"] * d)
    assert set(info) <= set(NAMES)


def test_the_preconditioner_is_of_the_whole_batch():
    """One product from 0 goes along g over it."""
    objective, theta = PROBLEMS["dense"]
    optimizer = ref.HessianFree(damping=0.05, maxiter=1, curvature_batch=4)
    _, state, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    for batch, equal in ((objective, True), (curvature_part(objective, 4), False)):
        along = -info["gradient"] / preconditioner(batch, theta, 0.05)
        ratios = state.last / along
        assert (np.ptp(ratios) < 1e-12 * ratios.max()) == equal


def test_the_loss_falls_and_damping_moves_by_rho():
    """Every accepted step descends; all three cases of the rule are met."""
    moves = set()

    def watch(k, theta, info):
        assert not info["accepted"] or info["loss_after"] < info["loss"]
        rho, lam = info["rho"], info["damping"]
        seen.append((lam, lam * 1.5 if rho < 0.25 else lam / 1.5 if rho > 0.75 else lam))
        moves.add(np.sign(seen[-1][1] - lam))
    for size in (None, 0.25):
        seen = []
        ref.run(ref.HessianFree(damping=0.05, curvature_batch=size), *PROBLEMS["dense"], 15,
                watch=watch)
        assert all(after == then for (_, after), (then, _) in zip(seen, seen[1:]))
    assert moves == {-1, 0, 1}


def test_a_rejected_step_leaves_theta_and_raises_the_damping():
    """One product from a start far up the hill, where no iterate descends."""
    objective, theta = PROBLEMS["dense"]
    optimizer = ref.HessianFree(damping=2.0, maxiter=1)
    up = State(2.0, 1e4 * objective.grad(theta))
    after, state, info = optimizer.step(objective, theta, up)
    assert after is theta and not info["accepted"] and info["length"] == 0
    assert info["slope"] > 0 and info["loss_after"] == info["loss"]
    assert info["rho"] == -np.inf and state.damping == 3.0
    assert (state.last == info["iterates"][-1]).all() and state.steps == 1


def test_steps_go_on_from_a_pickled_state_to_the_last_bit():
    objective, theta = PROBLEMS["recurrent"]
    optimizer = ref.HessianFree(damping=0.5, curvature_batch=0.5, structural=0.03)
    whole, history = ref.run(optimizer, objective, theta, 6)
    half, first = ref.run(optimizer, objective, theta, 3)
    state = pickle.loads(pickle.dumps(first.state))
    rest, last = ref.run(optimizer, objective, half, 3, state=state)
    assert (whole == rest).all() and same(history.state, last.state)
    fresh, _ = ref.run(optimizer, objective, half, 3)
    assert (fresh != rest).any()                                    # the state matters


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_steps_keep_the_precision_of_theta(dtype):
    objective, theta = PROBLEMS["recurrent"]
    optimizer = ref.HessianFree(damping=0.5, structural=0.03)
    own, there = objective.to(dtype), theta.astype(dtype)
    after, history = ref.run(optimizer, own, there, 2)
    assert after.dtype == history.state.last.dtype == dtype
    expected, _ = ref.run(optimizer, objective, theta, 2)
    assert distance(after, expected) < (1e-3 if dtype == "float32" else 1e-11)


# ---- what is refused ----

def test_curvature_batches_are_the_examples_that_come_next():
    objective, theta = brute.dense()                                # N = 11
    for size, turn, rows in ((4, 0, [0, 1, 2, 3]), (4, 2, [8, 9, 10, 0]), (0.25, 1, [3, 4, 5]),
                             (1e-9, 0, [0]), (1.0, 5, range(11)), (None, 3, range(11))):
        assert (curvature_part(objective, size, turn).x == objective.x[list(rows)]).all()
    with pytest.raises(ValueError, match="12 of a batch of 11"):
        curvature_part(objective, 12)
    summed, _ = brute.dense(reduction="sum")
    with pytest.raises(ValueError, match="reduction 'mean'"):
        curvature_part(summed, 4)
    assert curvature_part(summed, 11) is summed


@pytest.mark.parametrize("field, value", [
    ("damping", 0), ("damping", np.nan), ("decay", 1.0), ("decay", -0.1), ("maxiter", 0),
    ("maxiter", 2.5), ("tolerance", -1), ("exponent", -1), ("structural", -1),
    ("curvature_batch", 0), ("curvature_batch", 1.5), ("curvature_batch", True)])
def test_bad_settings_are_refused_by_name_and_value(field, value):
    with pytest.raises(ValueError, match=f"{field} of HessianFree is {value}".replace(".", r"\.")):
        ref.HessianFree(**{field: value})


def test_a_theta_that_does_not_fit_is_refused():
    objective, theta = small()
    with pytest.raises(ValueError, match="shape"):
        ref.HessianFree().init(objective, theta[1:])
    with pytest.raises(ValueError, match="shape"):
        ref.HessianFree().step(objective, theta[1:], State(1.0, 0 * theta))
