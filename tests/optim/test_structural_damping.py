"""The curvature of hidden states, by their definition in complex steps."""

from functools import partial

import numpy as np
import pytest

import reference as ref
from reference.optim import hessian_free
from reference.optim.hessian_free import State
from reference.optim.structural_damping import hidden_curvature, hidden_prefixes
from reference.optim.truncated_cg import truncated_cg
from tests.curvature import brute
from tests.derivatives.cases import distance
from tests.optim.free import END, dense_step

N, T = 4, 3


def make(layers, seed=0, weights=None, reduction="mean"):
    rng = np.random.default_rng(seed)
    net = ref.Sequential(*layers)
    x = rng.standard_normal((N, T, 3))
    objective = ref.Objective(net, ref.CrossEntropy(), x, rng.integers(2, size=N), weights,
                              reduction, l2=0.1)
    return objective, 0.7 * rng.standard_normal(net.layout.size)


def by_definition(objective, theta, prefixes, weights=None, R=N):
    """sum over the states h of every prefix of (1/R) sum_n w_n J_n^T J_n, by complex steps."""
    w, D = np.ones(N) if weights is None else weights, np.zeros((theta.size,) * 2)
    for net in prefixes:
        k = net.layout.size
        one = ref.Objective(net, ref.SquaredError(), objective.x,
                            np.zeros((N,) + net.output_shape((T, 3))))
        J = brute.jacobians(one, theta[:k]).astype(float)
        D[:k, :k] += np.einsum("n,nmp,nmq->pq", w, J, J) / R
    return D


def product_of(objective, theta):
    product = hidden_curvature(objective, theta)
    return np.stack([product(v) for v in np.eye(theta.size)])


@pytest.mark.parametrize("cell", [ref.RNN, ref.LSTM, ref.GRU])
def test_the_states_of_all_steps_move(cell):
    objective, theta = make([cell(3, 2, last=True), ref.Dense(2, 2)])
    D = by_definition(objective, theta, [ref.Sequential(cell(3, 2))])
    assert distance(product_of(objective, theta), D) < 1e-13
    last = by_definition(objective, theta, [ref.Sequential(cell(3, 2, last=True))])
    assert distance(last, D) > 1e-2                        # it is not the curvature of the last one


def test_weights_sums_and_layers_before():
    w = np.random.default_rng(1).random(N) + 0.5
    layers = [ref.Dense(3, 4), ref.Tanh(), ref.RNN(4, 2, last=True), ref.Dense(2, 2)]
    objective, theta = make(layers, weights=w, reduction="sum")
    D = by_definition(objective, theta, [ref.Sequential(*layers[:2], ref.RNN(4, 2))], w, 1)
    assert distance(product_of(objective, theta), D) < 1e-13


def test_every_level_of_a_stack_and_every_layer_counts():
    """Two levels in two directions from given states, then another layer."""
    rng = np.random.default_rng(2)
    initial, mask = rng.standard_normal((4, 1, 2)), np.ones((N, T), bool)
    mask[2, 2] = mask[3, 1] = False
    both = {"bidirectional": True, "mask": mask}
    layers = [ref.RNN(3, 2, layers=2, initial=initial, **both), ref.RNN(4, 3, last=True),
              ref.Dense(3, 2)]
    objective, theta = make(layers)
    low = ref.RNN(3, 2, initial=initial[:2], **both)
    prefixes = [ref.Sequential(low), ref.Sequential(layers[0]),
                ref.Sequential(layers[0], ref.RNN(4, 3))]
    D = by_definition(objective, theta, prefixes)
    assert distance(product_of(objective, theta), D) < 1e-13
    assert len(hidden_prefixes(objective.net)) == 3
    assert distance(D - by_definition(objective, theta, prefixes[:1]), D) > 1e-2


def test_it_is_the_second_derivative_of_the_distance():
    """By differences of the distance itself, 1/2 |h(theta + t v) - h(theta)|^2/N = t^2 v.Dv/2."""
    objective, theta = make([ref.LSTM(3, 2, last=True), ref.Dense(2, 2)])
    v, t = np.random.default_rng(0).standard_normal(theta.size), 1e-4
    net = ref.Sequential(ref.LSTM(3, 2))
    k = net.layout.size
    h, ahead, back = (net.forward(theta[:k] + s * v[:k], objective.x)[-1] for s in (0, t, -t))
    distances = [((there - h) ** 2).sum() / (2 * N) for there in (ahead, back)]
    assert v @ hidden_curvature(objective, theta)(v) == pytest.approx(
        sum(distances) / t ** 2, rel=1e-6)                 # t^2


def test_longdouble_and_float32_stay():
    objective, theta = make([ref.RNN(3, 2, last=True), ref.Dense(2, 2)])
    for dtype in ("float32", "longdouble"):
        v = np.ones_like(theta, dtype)
        assert hidden_curvature(objective.to(dtype), theta.astype(dtype))(v).dtype == dtype


# ---- in a step ----

@pytest.mark.parametrize("weights", [None, np.random.default_rng(3).random(N) + 0.5])
def test_a_step_is_that_of_the_dense_system(weights, monkeypatch):
    monkeypatch.setattr(hessian_free, "truncated_cg", partial(truncated_cg, keep=()))  # the last
    objective, theta = make([ref.RNN(3, 2, last=True), ref.Dense(2, 2)], weights=weights)
    optimizer = ref.HessianFree(**END, structural=0.3)
    after, state, _ = optimizer.step(objective, theta, optimizer.init(objective, theta))
    D = by_definition(objective, theta, [ref.Sequential(ref.RNN(3, 2))], weights)
    twin, lam, _, d = dense_step(objective, objective, theta, 2.0, extra=2.0 * 0.3 * D)
    assert distance(after - theta, twin - theta) < 1e-11 and distance(state.last, d) < 1e-11
    assert state.damping == lam
    plain = dense_step(objective, objective, theta, 2.0)[0]
    assert distance(after - theta, plain - theta) > 1e-3


def test_a_network_without_recurrent_layers_of_its_own_is_refused():
    inside = ref.Sequential(ref.RNN(3, 2, last=True))
    objective, theta = make([inside, ref.Dense(2, 2)])
    with pytest.raises(ValueError, match="take structural=0"):
        ref.HessianFree(structural=0.1).step(objective, theta, State(1.0, 0 * theta))
