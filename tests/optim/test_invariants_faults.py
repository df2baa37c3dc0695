"""Every law is shown a fault in a piece of an optimiser, at one step: it must name law and step."""

from dataclasses import dataclass, replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Callable
from unittest import mock

import numpy as np
import pytest

import reference as ref
from reference.curvature.bfgs import bfgs_inverse, powell
from reference.optim.globalise import Search
from reference.optim.invariants import LAWS
from reference.optim.truncated_cg import Path
from tests.curvature import brute


@dataclass(frozen=True)
class Fault:
    """`name` of a module, replaced at one step (-1: in init) by make(the true one, the state)."""

    optimizer: Any
    module: str
    name: str
    make: Callable
    broken: tuple                      # laws, all at one step
    late: int = 0                      # how much later than the fault that step is
    at: int = 4
    squared: bool = False

    def init(self, objective, theta):
        with self._planted(-1, None):
            return 0, self.optimizer.init(objective, theta)

    def step(self, objective, theta, state):
        k, inner = state
        with self._planted(k, inner):
            theta, inner, info = self.optimizer.step(objective, theta, inner)
        return theta, (k + 1, inner), info

    def _planted(self, k, state):
        module = import_module(f"reference.{self.module}")
        true = getattr(module, self.name)
        return mock.patch.object(module, self.name,
                                 self.make(true, state) if k == self.at else true)


def stale(true, state):
    """A_LM of the step before."""
    olds = iter(state.factors) if state else None
    return lambda A, lam: true(next(olds).A, lam)


def flipped_gradients(true, state):
    """gbar+ - gbar for y."""
    def advanced(here, there, *rest, **options):
        means = [(*b[:3], 2 * a[3] - b[3]) for a, b in zip(here.means, there.means)]
        return true(here, SimpleNamespace(means=means), *rest, **options)
    return advanced


def overshooting(true, state):
    """Steepest descent, 2.5 times as far as the least of phi."""
    def solver(product, b, start, scales, *rest, **options):
        x, phis, rows = start, [], []
        for _ in range(4):
            r = b - product(x)
            phis.append(-(x @ (b + r)) / 2)
            rows.append(x)
            x = x + 2.5 * (r @ r) / (r @ product(r)) * r
        return Path((0, 1, 2, 3), np.stack(rows), np.array(phis), np.ones(4), "iterations")
    return solver


def changed(**numbers):
    """An (..., info) with some of its quantities put through functions."""
    def make(true, state):
        def call(*arguments):
            *rest, info = true(*arguments)
            return (*rest, {**info, **{name: f(info) for name, f in numbers.items()}})
        return call
    return make


def rejected_but_moved(true, state):
    def trial(objective, theta, places, dampings, at):
        there, info = true(objective, theta, places, dampings, at)
        return there, {**info, "accepted": False, "length": 0.0, "loss_after": info["loss"]}
    return trial


def elsewhere(true, state):
    def moved(*arguments):
        theta, state, info = true(*arguments)
        return theta + 1e-6, state, info
    return moved


SMALL, FREE = ref.KBFGS(0.1, momentum=0.0), ref.HessianFree(1.0, maxiter=20)
EXACT = ref.KFAC(1.0, kind="type-2", statistics_batch=1, curvature_batch=1, inverse_every=1)
KBFGS, BFGS, STEPS = "curvature.kbfgs", "curvature.bfgs", "optim.kbfgs"
HF, LM, SGD = "optim.hessian_free", "optim.levenberg_marquardt", "optim.first_order"

FAULTS = {
    "update lost, as ASDL does": Fault(SMALL, KBFGS, "guarded_bfgs_inverse",
        lambda true, state: lambda H, *pair: H.copy(), ("secant",)),
    "update left out": Fault(SMALL, KBFGS, "guarded_bfgs_inverse",
        lambda true, state: lambda H, *pair: H, ("skipped",)),
    "pair lost": Fault(replace(SMALL, memory=2), KBFGS, "guarded_append",
        lambda true, state: lambda H, *pair: replace(H), ("secant",)),
    "rho s s^T dropped": Fault(SMALL, BFGS, "bfgs_inverse",
        lambda true, state: lambda H, s, y: true(H, s, y) - np.outer(s, s) / (s @ y),
        ("secant", "action", "definite")),
    "y negative in the update": Fault(SMALL, KBFGS, "guarded_bfgs_inverse",
        lambda true, state: lambda H, s, y, scale: bfgs_inverse(H, s, -y),
        ("secant", "definite")),
    "y negative before it is damped": Fault(SMALL, KBFGS, "double_damping",
        lambda true, state: lambda H, s, y, lam: true(H, s, -y, lam),
        ("powell", "second damping")),
    "y negative from the start": Fault(replace(SMALL, full_batch=True), STEPS, "advanced",
        flipped_gradients, ("same batch",)),
    "not damped twice": Fault(SMALL, KBFGS, "double_damping",
        lambda true, state: lambda H, s, y, lam: (s - 2 * y, y),
        ("powell", "second damping", "pair curvature")),
    "mu2 of lam, not of its root": Fault(replace(SMALL, damping=0.9), KBFGS, "double_damping",
        lambda true, state: lambda H, s, y, lam: true(H, s, y, lam ** 2),
        ("second damping", "pair curvature")),
    "mu1 = 2, not 0.2": Fault(SMALL, KBFGS, "double_damping",
        lambda true, state: lambda H, s, y, lam: true(H, powell(s, y, H @ y, 2), y, lam),
        ("powell",)),
    "damping twice in A": Fault(SMALL, KBFGS, "_damped",
        lambda true, state: lambda A, lam: true(A, 4 * lam), ("action",)),
    "stale A": Fault(SMALL, KBFGS, "_damped", stale, ("action",)),
    "damping twice in the first inverse": Fault(SMALL, KBFGS, "inverse_damped",
        lambda true, state: lambda A, lam: true(A, 4 * lam), ("first inverse",), 1, -1),
    "lam on both factors, no pi": Fault(EXACT, "optim.kfac", "damped_inverse",
        lambda true, state: lambda F, lam, rule="pi": true(F, lam, "per factor"), ("proposal",)),
    "factors not used": Fault(EXACT, "optim.kfac", "times",
        lambda true, state: lambda inverse, g, layout: g, ("proposal",)),
    "lam the wrong way": Fault(FREE, HF, "levenberg_marquardt",
        lambda true, state: lambda lam, rho, *rest: lam * lam / true(lam, rho) * 1.1,
        ("damping",), 1),
    "lam twice in the products": Fault(FREE, HF, "damped",
        lambda true, state: lambda B, lam, *rest: true(B, 2 * lam), ("phi",)),
    "CG that overshoots": Fault(FREE, HF, "truncated_cg", overshooting, ("cg",)),
    "uphill accepted": Fault(FREE, HF, "armijo",
        lambda true, state: lambda value, *rest: Search(90.0, value(90.0), 1),
        ("decrease", "rise")),
    "rho of the step before": Fault(FREE, HF, "reduction_ratio",
        lambda true, state: lambda change, model: 0.5, ("rho",)),
    "rejected, and yet it moved": Fault(ref.LevenbergMarquardt(), LM, "trial",
        rejected_but_moved, ("rejected",), at=3, squared=True),
    "Marquardt the wrong way": Fault(ref.LevenbergMarquardt(), LM, "marquardt",
        lambda true, state: lambda mu, accepted, rule: true(mu, not accepted, rule),
        ("marquardt",), 1, squared=True),
    "damping in the model": Fault(ref.LevenbergMarquardt(), LM, "trial",
        changed(model=lambda info: info["model"] + 9.0), ("quadratic", "model"),
        at=3, squared=True),
    "B negative": Fault(ref.EACG(), "optim.ea_cg", "bda_pch",
        lambda true, state: lambda *rest: [ref.Kron(-K.G, K.A) for K in true(*rest)],
        ("semidefinite", "descent")),
    "d.Bd of something else": Fault(ref.LevenbergMarquardt(), LM, "trial",
        changed(curvature=lambda info: -info["curvature"]), ("quadratic", "curvature"),
        squared=True),
    "uphill": Fault(ref.EACG(), "optim.ea_cg", "cg",
        lambda true, state: lambda *rest, **options: replace(
            (found := true(*rest, **options)), x=-found.x), ("descent", "model")),
    "elsewhere": Fault(ref.SGD(0.1), SGD, "_moved", elsewhere, ("step",)),
    "slope of something else": Fault(ref.SGD(0.1), SGD, "_moved",
        changed(slope=lambda info: 2 * info["slope"]), ("slope",)),
    "not a number": Fault(ref.SGD(0.1), SGD, "_moved", changed(loss=lambda info: np.nan),
        ("finite",)),
    "too far": Fault(replace(SMALL), STEPS, "directions",
        lambda true, state: lambda *rest: [-3000 * D for D in true(*rest)], ("rise", "descent")),
    "y of a reflected gradient": Fault(ref.LBFGS(), "optim.classical", "wolfe",
        lambda true, state: lambda look, d, loss, g, *rest: replace(
            (found := true(look, d, loss, g, *rest)), gradient=2 * g - found.gradient),
        ("same batch",)),
}


def watched(fault, optimizer, steps=8):
    objective, theta = brute.dense(l2=0.01)
    if fault.squared:
        y = np.random.default_rng(5).standard_normal((objective.N, 7))
        objective = replace(objective, loss=ref.SquaredError(), y=y)
    watcher = ref.invariants(fault.optimizer, theta, same_batch=True, also=("rise",))
    ref.run(optimizer, objective, theta, steps, watch=watcher)
    return watcher.violations


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_at_its_step_and_its_law(name):
    fault = FAULTS[name]
    assert watched(fault, fault.optimizer) == []
    found = watched(fault, fault)
    step = fault.at + fault.late
    assert min(one.step for one in found) == step, [one.text for one in found]
    assert {one.law for one in found if one.step == step} == set(fault.broken)
    assert all(f"step {one.step} breaks '{one.law}'" in one.text for one in found)


def test_every_law_is_broken_by_some_fault():
    assert {law for fault in FAULTS.values() for law in fault.broken} | {"inverse"} == set(LAWS)
