"""K-BFGS and K-BFGS(L) against a script of the same steps, and what they promise."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.curvature import brute
from tests.derivatives.cases import LOSSES, distance, make, small, wide
from tests.optim import by_hand

TOLERANCE = 1e-10                     # twenty steps of rounding, 34 parameters, conditions of 100
STEPS = 20


def data(dtype=float, n=24):
    """5-3-4, tanh and cross-entropy, with weight decay."""
    objective, theta = make((ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)), LOSSES["CrossEntropy"],
                            n=n, l2=0.01)
    return objective.to(dtype), theta.astype(dtype)


def batches(objective, size=6):
    return ref.problems.batches(objective, size, np.random.default_rng(3))


def gap(found, truth):
    """Of theta and all factors, the largest."""
    (theta, history), (expected, factors) = found, truth
    gaps = [distance(theta, expected)]
    for f, (A, Ha, Hg, s, y) in zip(history.state.factors, factors):
        mine = f.Hg.dense() if isinstance(f.Hg, ref.LimitedMemory) else f.Hg
        gaps += map(distance, (f.A, f.Ha, mine, f.s, f.y), (A, Ha, Hg, s, y))
    return max(gaps)


# ---- the script ----

@pytest.mark.parametrize("memory", [None, 1, 4, 100])
def test_twenty_steps_are_those_of_the_script(memory):
    objective, theta = data()
    found = ref.run(ref.KBFGS(memory=memory), batches(objective), theta, STEPS)
    truth = by_hand.kbfgs(objective, batches(objective), theta, STEPS, memory)
    assert gap(found, truth) <= TOLERANCE


@pytest.mark.parametrize("memory", [None, 3])
def test_twenty_steps_on_the_full_batch_are_those_of_the_script(memory):
    objective, theta = data()
    optimizer = ref.KBFGS(memory=memory, full_batch=True)
    truth = by_hand.kbfgs(objective, [objective] * STEPS, theta, STEPS, memory, full=True)
    assert gap(ref.run(optimizer, objective, theta, STEPS), truth) <= TOLERANCE
    assert gap(ref.run(replace(optimizer, full_batch=False), objective, theta, STEPS), truth) > 1e-3


@pytest.mark.parametrize("flaw", ["A at once", "bias correction", "averages damped"])
def test_the_script_tells_mistakes_apart(flaw):
    objective, theta = data()
    found = ref.run(ref.KBFGS(), batches(objective), theta, STEPS)
    wrong = by_hand.kbfgs(objective, batches(objective), theta, STEPS, flaw=flaw)
    assert gap(found, wrong) > 1e4 * TOLERANCE


# ---- the dense twin ----

@pytest.mark.parametrize("memory", [None, 2])
@pytest.mark.parametrize("net", brute.NETS)
def test_a_step_solves_with_the_whole_kronecker_product(net, memory):
    objective, theta = brute.NETS[net](l2=0.01)
    optimizer, slices = ref.KBFGS(memory=memory), objective.net.layout.slices
    theta, history = ref.run(optimizer, objective, theta, 3)
    there, state, info = optimizer.step(objective, theta, history.state)
    m = 0.9 * history.state.m + 0.1 * objective.grad(theta)
    assert distance(state.m, m) <= 45 * eps(float)
    for f, where in zip(history.state.factors, slices):
        block = np.kron(f.block().G, f.block().A)
        truth = theta[where] - 0.3 * np.linalg.solve(block, m[where])
        assert distance(there[where], truth) <= 45 * eps(float) * np.linalg.cond(block)
        swapped = np.linalg.solve(np.kron(f.block().A, f.block().G), m[where])
        assert distance(there[where], theta[where] - 0.3 * swapped) > 1e-3


def test_a_step_tells_its_intermediates():
    objective, theta = data()
    optimizer = ref.KBFGS()
    theta, history = ref.run(optimizer, objective, theta, 3)
    there, state, info = optimizer.step(objective, theta, history.state)
    assert set(info) <= set(ref.optim.step.NAMES)
    assert abs(info["loss"] - objective.value(theta)) <= 45 * eps(float)
    assert abs(info["loss_after"] - objective.value(there)) <= 45 * eps(float)
    assert distance(info["gradient"], objective.grad(theta)) <= 45 * eps(float)
    assert (there == theta + info["length"] * info["direction"]).all()
    for pair, before, after in zip(info["pairs"], info["factors"], state.factors):
        assert pair["Hg_taken"] and pair["Ha_taken"] and pair["s"] is after.s
        assert distance(after.Hg @ pair["y_damped"], pair["s_damped"]) <= 1e4 * eps(float)
        assert distance(before.Hg @ pair["y_damped"], pair["s_damped"]) > 1e-3
        assert pair["s_damped"] @ pair["y_damped"] >= 0.3 ** 0.5 * (
            pair["s_damped"] @ pair["s_damped"]) * (1 - 45 * eps(float))


# ---- what holds ----

@pytest.mark.parametrize("memory", [None, 5])
def test_the_full_batch_loss_of_a_deep_linear_network_falls_at_every_step(memory):
    objective, theta = make((ref.Dense(5, 3), ref.Dense(3, 4)), LOSSES["SquaredError"], n=24)
    optimizer = ref.KBFGS(0.1, memory=memory, full_batch=True, momentum=0.0)
    _, history = ref.run(optimizer, objective, 0.3 * theta, 60)
    assert (np.diff(history["loss"]) < 0).all() and (history["slope"] < 0).all()
    _, uphill = ref.run(replace(optimizer, length=20.0), objective, 0.3 * theta, 3)
    assert (np.diff(uphill["loss"]) > 0).any()                     # no promise for every length


def test_the_averaged_gradient_falls_along_the_direction_and_factors_stay_definite():
    objective, theta = data()
    slopes = []

    def watch(k, theta, info):
        slopes.append(info["slope"])
        for f in info["factors"]:
            assert np.linalg.eigvalsh(f.Ha)[0] > 0 and np.linalg.eigvalsh(f.Hg)[0] > 0
    _, history = ref.run(ref.KBFGS(momentum=0.0), batches(objective), theta, 30, watch=watch)
    assert max(slopes) < 0


def test_no_gradient_leaves_everything_as_it_is_without_dividing_by_zero():
    objective, theta = data()
    still, state, info = ref.KBFGS().step(*at_rest(objective, theta))
    assert (still == 0).all() and info["accepted"]
    for pair, before, after in zip(info["pairs"], info["factors"], state.factors):
        assert not pair["Hg_taken"] and after.Hg is before.Hg


def at_rest(objective, theta):
    """A squared error of zero at theta = 0, and the first state."""
    rest = replace(objective, loss=ref.SquaredError(), y=np.zeros((objective.N, 4)))
    return rest, 0 * theta, ref.KBFGS().init(rest, 0 * theta)


@pytest.mark.parametrize("memory", [None, 3])
def test_a_pair_of_little_curvature_beside_the_gradient_is_left_out(memory):
    """One layer and squared error: y = s, so that s.y > 1e-4 |s|^2 |gbar| asks for |gbar| < 1e4."""
    objective, theta = make((ref.Dense(5, 4),), LOSSES["SquaredError"], n=24)
    for length, taken in ((1.0, True), (0.9999e4, True), (1.0001e4, False), (1e6, False)):
        y = objective.outputs(theta).mean(0) - length / 2 * np.ones((24, 4))     # |gbar| = length
        far, optimizer = replace(objective, y=y), ref.KBFGS(memory=memory)
        state = optimizer.init(far, theta)
        _, after, info = optimizer.step(far, theta, state)
        assert info["pairs"][0]["Hg_taken"] == taken and info["pairs"][0]["Ha_taken"]
        assert (after.factors[0].Hg is state.factors[0].Hg) != taken


# ---- a pure function ----

@pytest.mark.parametrize("memory", [None, 3])
def test_a_run_goes_on_from_a_pickled_state_bit_for_bit(memory):
    objective, theta = data()
    theta.flags.writeable = False
    stream = [batch for batch, _ in zip(batches(objective), range(9))]
    optimizer = pickle.loads(pickle.dumps(ref.KBFGS(memory=memory, safeguard=1.0)))
    whole, _ = ref.run(optimizer, stream, theta, 9)
    half, history = ref.run(optimizer, stream[:4], theta, 4)
    state = pickle.loads(pickle.dumps(history.state))
    assert (ref.run(optimizer, stream[4:], half, 5, state=state)[0] == whole).all()
    fresh = optimizer.init(objective, half)
    assert (ref.run(optimizer, stream[4:], half, 5, state=fresh)[0] != whole).any()


@pytest.mark.parametrize("memory", [None, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_steps_keep_the_precision(dtype, memory):
    objective, theta = small(l2=0.01)
    objective, theta = objective.to(dtype), theta.astype(dtype)
    (found, history), (truth, _) = (
        ref.run(ref.KBFGS(memory=memory, safeguard=1.0), o, t, 5)
        for o, t in [(objective, theta), wide(objective, theta)])
    assert found.dtype == dtype and history.state.m.dtype == dtype
    assert distance(found, truth) <= 1000 * eps(dtype)           # five steps, conditions of 10
    for f in history.state.factors:
        kept = f.Hg.S if memory else f.Hg
        assert {a.dtype for a in (f.A, f.Ha, kept, f.s, f.y)} == {np.dtype(dtype)}


# ---- bad input ----

@pytest.mark.parametrize("name, value", [
    ("length", 0.0), ("length", np.inf), ("damping", 1.0), ("damping", 0.0), ("momentum", 1.0),
    ("decay", -0.1), ("memory", 0), ("memory", 2.5), ("safeguard", -1.0), ("safeguard", np.nan)])
def test_hyper_parameters_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*{value}"):
        ref.KBFGS(**{name: value})
