"""K-FAC where it is something known, its invariants, and its states."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.optim.factored import damped_inverse, minimiser
from tests.derivatives.cases import LOSSES, distance, make, wide
from tests.optim.test_kfac import QUICK, WHOLE, batches, data, whole


# ---- where it is something known ----

@pytest.mark.parametrize("structure", ["diagonal", "tridiagonal"])
def test_one_layer_with_squared_error_is_solved_in_one_step(structure):
    """F~ = F = H: the step is Newton's, up to the damping."""
    objective, theta = make((ref.Dense(5, 4),), LOSSES["SquaredError"], n=24)
    optimizer = ref.KFAC(1e-20, structure=structure, **WHOLE)
    there, _, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    start = np.abs(objective.grad(theta)).max()
    assert np.abs(objective.grad(there)).max() <= 1e-8 * start           # gamma = 1e-10
    assert abs(info["coefficients"][0] - 1) <= 1e-8
    damped = replace(optimizer, damping=1.0)
    there, _, _ = damped.step(objective, theta, damped.init(objective, theta))
    assert np.abs(objective.grad(there)).max() > 1e-2 * start


def test_momentum_on_one_quadratic_is_conjugate_gradient():
    """The plane of Delta and the last d: with F~ a multiple of one, steps of CG [MG15, sec. 7]."""
    rng = np.random.default_rng(0)
    x = np.linalg.qr(rng.standard_normal((24, 5)))[0] * [1.0, 2, 3, 4, 5]
    net = ref.Sequential(ref.Dense(5, 1, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), x, rng.standard_normal((24, 1)))
    theta = rng.standard_normal(5)
    flat = ref.KFAC(1e-12, inverse_every=1000, gamma_every=1000, damping_every=1000, decay=0.0,
                    **WHOLE)
    state = flat.init(objective, theta)
    state = replace(state, k=3, inverse=[ref.Kron(np.eye(1), np.eye(5))],
                    factors=ref.kfac(objective, theta), d=0 * theta)
    start = np.abs(objective.grad(theta)).max()
    with_momentum = without = theta
    first = second = state
    for _ in range(5):
        with_momentum, first, _ = flat.step(objective, with_momentum, first)
        without, second, _ = replace(flat, momentum=False).step(objective, without, second)
    assert np.abs(objective.grad(with_momentum)).max() <= 1e-9 * start
    assert np.abs(objective.grad(without)).max() > 1e-3 * start


# ---- what holds ----

def test_the_model_is_half_the_slope_and_momentum_never_makes_it_worse():
    objective, theta = data()
    for batch, _ in zip(batches(objective), range(8)):
        state = ref.run(QUICK, batches(objective), theta, 5)[1].state
        _, _, both = QUICK.step(batch, theta, state)
        _, _, alone = replace(QUICK, momentum=False).step(batch, theta, state)
        for info in (both, alone):
            assert abs(info["model"] - info["slope"] / 2) <= 1e-12 * abs(info["model"])
            assert set(info) <= set(ref.optim.step.NAMES)
        assert both["model"] <= alone["model"] < 0


def test_the_damping_falls_where_the_model_is_right_and_rises_where_it_is_not():
    objective, theta = data()
    optimizer = replace(QUICK, damping_every=1, **WHOLE)
    seen = []
    ref.run(replace(optimizer, damping=1e-3), objective, theta, 12,
            watch=lambda k, theta, info: seen.append((info["damping"], info["rho"])))
    moved = set()
    for (lam, rho), (after, _) in zip(seen, seen[1:]):
        factor = 0.95 if rho > 0.75 else 1 / 0.95 if rho < 0.25 else 1.0
        assert after == pytest.approx(lam * factor, rel=1e-14)
        moved.add(factor)
    assert len(moved) > 1


def test_gamma_is_the_one_whose_direction_has_the_least_model():
    objective, theta = data()
    state = ref.run(QUICK, batches(objective), theta, 3)[1].state
    batch = next(iter(batches(objective)))
    _, after, info = QUICK.step(batch, theta, state)
    models = {}
    for scale in (1, 0.95 ** 2, 0.95 ** -2):
        gamma = scale * state.gamma
        only = replace(state, k=state.k + 1, gamma=gamma,           # a step that tries no other
                       inverse=damped_inverse(info["factors"], gamma ** 2))
        frozen = replace(QUICK, inverse_every=100, gamma_every=100)
        models[gamma] = frozen.step(batch, theta, only)[2]["model"]
    assert info["model"] == pytest.approx(min(models.values()), rel=1e-12)
    assert after.gamma == pytest.approx(min(models, key=models.get), rel=1e-14)
    assert len({round(m, 12) for m in models.values()}) == 3


def test_parallel_directions_are_not_combined():
    v = np.array([1.0, 2.0, -1.0])
    V = np.stack([v, 3 * v])
    assert (minimiser(V @ V.T, V @ v) == [-1, 0]).all()
    V[1, 0] += 1e-3
    c = minimiser(V @ V.T, V @ v)
    assert np.abs(c @ V + v).max() <= 1e-9 and c.shape == (2,)
    assert (minimiser(np.zeros((2, 2)), np.zeros(2)) == 0).all()


def test_groups_of_rows_have_products_of_their_own():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(5, 6), ref.LayerNorm(6), ref.Tanh(), ref.Dense(6, 4))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((24, 5)),
                              rng.integers(4, size=24))
    optimizer = ref.KFAC(0.5, inverse_every=1, **WHOLE)
    theta, history = ref.run(optimizer, objective, net.initial(rng), 2)
    _, _, info = optimizer.step(objective, theta, history.state)
    where, g = net.layout.slices[1], objective.grad(theta)
    K = info["factors"][1]
    assert isinstance(K, ref.KronBlocks)
    block = np.zeros((12, 12))
    for d, one in enumerate(K.blocks):
        block[2 * d:2 * d + 2, 2 * d:2 * d + 2] = whole([one], history.state.gamma)
    truth = -np.linalg.solve(block, g[where])
    assert distance(info["proposal"][where], truth) <= 45 * eps(float) * np.linalg.cond(block)


def test_no_gradient_stays_where_it_is():
    objective, theta = data()
    rest = replace(objective, loss=ref.SquaredError(), y=np.zeros((objective.N, 4)))
    there, history = ref.run(QUICK, rest, 0 * theta, 7)
    assert (there == 0).all() and history.state.lam > QUICK.damping


@pytest.mark.parametrize("optimizer", [ref.KFAC(1.0), ref.SimpleKFAC(0.5, 0.3)],
                         ids=["kfac", "simple"])
def test_the_loss_of_a_full_batch_falls(optimizer):
    objective, theta = data()
    _, history = ref.run(optimizer, objective, theta, 30)
    assert history["loss"][-1] < 0.8 * history["loss"][0]


# ---- a pure function ----

EACH = pytest.mark.parametrize("optimizer", [
    QUICK, replace(QUICK, structure="tridiagonal"), ref.SimpleKFAC(0.5, 0.3, inverse_every=3)],
    ids=["diagonal", "tridiagonal", "simple"])


@EACH
def test_a_run_goes_on_from_a_pickled_state_bit_for_bit(optimizer):
    objective, theta = data()
    theta.flags.writeable = False
    stream = [batch for batch, _ in zip(batches(objective), range(9))]
    optimizer = pickle.loads(pickle.dumps(optimizer))
    end, _ = ref.run(optimizer, stream, theta, 9)
    half, history = ref.run(optimizer, stream[:5], theta, 5)
    state = pickle.loads(pickle.dumps(history.state))
    assert (ref.run(optimizer, stream[5:], half, 4, state=state)[0] == end).all()
    other = replace(optimizer, seed=1)
    assert (ref.run(other, stream[5:], half, 4, state=state)[0] != end).any()


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_steps_keep_the_precision(optimizer, dtype):
    objective, theta = data(dtype)
    if getattr(optimizer, "structure", "") == "tridiagonal" and dtype == np.longdouble:
        with pytest.raises(TypeError, match="would lose digits"):
            ref.run(optimizer, objective, theta, 1)
        return
    exact = replace(optimizer, kind="type-2")
    found, history = ref.run(exact, objective, theta, 5)
    one = ref.run(exact, *([a.to(float) if hasattr(a, "to") else a.astype(float) for a in
                            (objective, theta)] if dtype == np.float32 else
                           wide(objective, theta)), 5)[0]
    assert found.dtype == dtype
    assert distance(found, one) <= 1e4 * eps(dtype)              # five steps, conditions of 100
