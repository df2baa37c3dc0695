"""K-FAC against a script of the same steps, and against dense linear algebra."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.optim.factored import blended, curvatures
from tests.curvature import brute
from tests.derivatives.cases import LOSSES, distance, make, small
from tests.optim import by_hand

TOLERANCE = 1e-10                     # twenty steps of rounding, 34 parameters, conditions of 1e4
STEPS = 20
QUICK = ref.KFAC(0.5, damping_every=3, gamma_every=4, inverse_every=2)
WHOLE = {"kind": "type-2", "statistics_batch": 1, "curvature_batch": 1}


def data(dtype=float, n=48):
    """5-3-4, tanh and cross-entropy, with weight decay."""
    objective, theta = make((ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)), LOSSES["CrossEntropy"],
                            n=n, l2=0.01)
    return objective.to(dtype), theta.astype(dtype)


def batches(objective, size=22):
    return ref.problems.batches(objective, size, np.random.default_rng(3))


# ---- the script ----

@pytest.mark.parametrize("optimizer", [ref.KFAC(2.0), replace(QUICK, seed=7)],
                         ids=["published periods", "short periods"])
def test_twenty_steps_are_those_of_the_script(optimizer):
    objective, theta = data()
    o, seen = optimizer, []

    def watch(k, theta, info):
        seen.append([info[name] for name in ("damping", "gamma", "model")])
    found, _ = ref.run(o, batches(objective), theta, STEPS, watch=watch)
    truth, log = by_hand.kfac(batches(objective), theta, STEPS, o.damping, o.seed,
                              (o.damping_every, o.gamma_every, o.inverse_every))
    assert distance(found, truth) <= TOLERANCE and distance(seen, log) <= TOLERANCE
    lam, gamma, _ = np.transpose(log)
    assert len(set(lam)) > 2                                         # both rules were at work
    assert len(set(gamma)) > 1 or o.gamma_every == STEPS


@pytest.mark.parametrize("flaw", ["constant weight", "no eta", "no momentum"])
def test_the_script_tells_mistakes_apart(flaw):
    objective, theta = data()
    found, _ = ref.run(QUICK, batches(objective), theta, STEPS)
    wrong, _ = by_hand.kfac(batches(objective), theta, STEPS, 0.5, 0, (3, 4, 2), flaw)
    assert distance(found, wrong) > 1e4 * TOLERANCE


# ---- the dense twin ----

@pytest.mark.parametrize("structure", ["diagonal", "tridiagonal"])
@pytest.mark.parametrize("net", brute.NETS)
def test_a_step_minimises_the_dense_model_along_the_dense_direction(net, structure):
    objective, theta = brute.NETS[net](l2=0.01)
    optimizer = ref.KFAC(0.5, structure=structure, setting="reduce", inverse_every=1, **WHOLE)
    theta, history = ref.run(optimizer, objective, theta, 2)
    state = history.state
    there, after, info = optimizer.step(objective, theta, state)
    now = make_factors(structure)(objective, theta, setting="reduce")
    factors = blended(state.factors, now, 2 / 3)                # 1 - 1/k for k = 3
    F, g = whole(factors, state.gamma), objective.grad(theta)
    Delta = -np.linalg.solve(F, g)
    bound = 45 * eps(float) * np.linalg.cond(F)
    assert distance(info["proposal"], Delta) <= bound
    exact = brute.fisher(objective, theta).astype(float) + 0.51 * np.eye(theta.size)
    V = np.stack([Delta, state.d])
    c = -np.linalg.solve(V @ exact @ V.T, V @ g)
    assert state.lam == 0.5 and distance(info["coefficients"], c) <= bound
    assert distance(there, theta + c @ V) <= bound
    assert abs(info["model"] - c @ V @ g / 2) <= bound
    undamped = np.linalg.solve(whole(factors, 1e-3), g)
    assert distance(info["proposal"], -undamped) > 1e-3


def make_factors(structure):
    return ref.kfac if structure == "diagonal" else ref.kfac_tridiagonal


def whole(factors, gamma):
    """F~ (P, P) with gamma/pi and gamma pi on the diagonal's factors."""
    if not isinstance(factors, list):
        return factors.damped(gamma ** 2).dense()
    blocks = [np.kron(K.G + gamma / K.pi() * np.eye(len(K.G)),
                      K.A + gamma * K.pi() * np.eye(len(K.A))) for K in factors]
    ends = np.cumsum([len(b) for b in blocks])
    F = np.zeros((ends[-1],) * 2)
    for b, end in zip(blocks, ends):
        F[end - len(b):end, end - len(b):end] = b
    return F


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "Huber"])
def test_the_model_is_of_the_exact_fisher_matrix(loss):
    objective, theta = small(loss=loss, weights=np.arange(1.0, 8))
    V = np.random.default_rng(1).standard_normal((2, theta.size))
    truth = V @ ref.dense(ref.fisher(objective, theta)) @ V.T
    assert distance(curvatures(objective, theta, V, "mc"), truth) <= 45 * eps(float)
    other = V @ ref.dense(ref.gauss_newton(objective, theta)) @ V.T
    assert distance(curvatures(objective, theta, V, "ggn"), other) <= 45 * eps(float)
    assert (distance(other, truth) > 1e-2) == (loss == "Gaussian")


# ---- bad input ----

@pytest.mark.parametrize("make, name, value", [
    (ref.KFAC, "damping", 0.0), (ref.KFAC, "statistics_batch", 1.5),
    (ref.KFAC, "curvature_batch", 0.0), (ref.KFAC, "kind", "exact"), (ref.KFAC, "seed", -1),
    (ref.KFAC, "structure", "full"), (ref.KFAC, "setting", "mean"), (ref.KFAC, "decay", 1.0),
    (ref.KFAC, "rate", 1.0), (ref.KFAC, "gamma_every", 30), (ref.KFAC, "inverse_every", 0),
    (ref.SimpleKFAC, "length", -1.0), (ref.SimpleKFAC, "momentum", 1),
    (ref.SimpleKFAC, "seed", 1.0)])
def test_hyper_parameters_out_of_range_are_refused_by_name(make, name, value):
    with pytest.raises(ValueError, match=rf"{name}.*{value}"):
        make(**{name: value})


def test_a_part_of_a_sum_is_refused():
    objective, theta = small(reduction="sum")
    with pytest.raises(ValueError, match="0.125 of a batch has that part of a sum alone"):
        ref.run(ref.KFAC(), objective, theta, 1)
    ref.run(ref.KFAC(**WHOLE), objective, theta, 1)
