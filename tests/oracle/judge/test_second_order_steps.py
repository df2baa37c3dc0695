"""Levenberg-Marquardt's and L-BFGS's steps in straight NumPy, right and changed, are named."""

import numpy as np
import pytest

import reference as ref

from . import plain

MU = 20.0                              # so that every trial lowers the loss


def regression():
    """N = 11; 4-3-2 with tanh, squared error."""
    rng = np.random.default_rng(3)
    net = ref.Sequential(ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 2))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((11, 4)),
                              rng.standard_normal((11, 2)))
    return objective, 0.5 * rng.standard_normal(net.layout.size)


def newton_like(objective, theta, added):
    """theta - (J^T J/N + added)^-1 g, J by differences of the outputs: right to 1e-9."""
    N, h = objective.N, 1e-5
    J = np.stack([(objective.outputs(theta + h * e) - objective.outputs(theta - h * e)).ravel()
                  / (2 * h) for e in np.eye(theta.size)], 1)
    B = J.T @ J / N
    g = J.T @ (objective.outputs(theta) - objective.y).ravel() / N
    return theta - np.linalg.solve(B + added(B, N), g)


@pytest.mark.parametrize("content, added", [
    ("", lambda B, N: MU * np.eye(len(B))),
    ("the damping is mu diag(J^T J), Marquardt's, where ours is mu I",
     lambda B, N: MU * np.diag(np.diag(B))),
    ("damping beside a sum", lambda B, N: MU / N * np.eye(len(B)))])
def test_levenberg_and_marquardt(content, added):
    objective, theta = regression()
    theirs = newton_like(objective, theta, added)
    report = ref.check(theirs, "step", objective, theta, dtype="float32",      # of differences
                       optimizer=ref.LevenbergMarquardt(damping=MU))
    if not content:
        assert report.verdict == "agrees"
    else:
        assert report.explanation.kind == "convention" and content in (
            report.explanation.content, report.explanation.text)


def two_loops(pairs, g, gamma):
    """H g of L-BFGS by Nocedal's two loops from gamma I."""
    q, kept = g.copy(), []
    for s, y in pairs[::-1]:
        kept.append((s @ q) / (s @ y))
        q = q - kept[-1] * y
    r = gamma * q
    for (s, y), alpha in zip(pairs, kept[::-1]):
        r = r + s * (alpha - (y @ r) / (s @ y))
    return r


@pytest.mark.parametrize("content, change", [
    ("", lambda gamma: gamma), ("H0 of the identity", lambda gamma: 1.0),
    ("H0 multiplied twice", lambda gamma: gamma ** 2),
    ("gamma upside down", lambda gamma: 1 / gamma)])
def test_the_first_matrix_of_lbfgs(content, change):
    objective, theta = plain.problem("dense")
    optimizer, at = ref.LBFGS(), theta
    state = optimizer.init(objective, theta)
    for _ in range(3):
        at, state, _ = optimizer.step(objective, at, state)
    pairs = list(zip(state.S, state.Y))
    s, y = pairs[-1]
    t = optimizer.step(objective, at, state)[2]["length"]
    d = -two_loops(pairs, objective.grad(at), change((s @ y) / (y @ y)))
    report = ref.check(at + t * d, "step", objective, at, optimizer=optimizer, state=state)
    assert (report.verdict == "agrees") if not content else (
        report.explanation.content == content)
