"""Variants of the steps of K-FAC and K-BFGS, and of the rule that moves the damping."""

from dataclasses import replace

import numpy as np

from ....curvature.kfac import kfac
from ....optim.factored import damped_inverse, times
from ....optim.kbfgs import KBFGS
from ....optim.kfac import KFAC
from ....optim.simple_kfac import SimpleKFAC
from ..hypotheses import CONVENTION, ERROR
from ..varied import Varied, of, variant

# ---- K-FAC and K-BFGS ----

@of((SimpleKFAC, KBFGS), "momentum de-biased", CONVENTION, "m is divided by 1 - beta^k",
    "Ours is not de-biased.")
def _debiased(o, objective, theta, state):
    after, left, info = o.step(objective, theta, state)
    share = 1 - o.momentum ** (state.k + 1)
    return theta + (after - theta) / share, left, info


@of((SimpleKFAC, KBFGS), "gradient in place of m", ERROR, "the gradient is not averaged",
    "Average it: m <- beta m + (1 - beta) g.")
def _unaveraged(o, objective, theta, state):
    return replace(o, momentum=0.0).step(objective, theta, state)


def _simple(name, kind, says, advice, inverse):
    """inverse(optimizer, objective, theta, state, factors) -> what is applied to m."""
    @of(SimpleKFAC, name, kind, says, advice)
    def step(o, objective, theta, state):
        after, left, info = o.step(objective, theta, state)
        applied = inverse(o, objective, theta, state, left.factors)
        d = -times(applied, left.m, objective.net.layout)
        return theta + o.length * d, replace(left, inverse=applied), {
            **info, "direction": d, "slope": info["gradient"] @ d}


for _rule in ("pi", "per factor", "exact"):
    _simple(f"step damped by '{_rule}'", CONVENTION, f"factors are damped by the rule '{_rule}'",
            "Ours adds sqrt(lam) to both factors.",
            lambda o, objective, theta, state, factors, rule=_rule:
            damped_inverse(factors, o.damping, rule))
_simple("stale inverse", ERROR, "the inverse is of the factors of the step before",
        "Invert after the factors were averaged.",
        lambda o, objective, theta, state, factors:
        damped_inverse(state.factors, o.damping, "factored"))
_simple("factors not averaged", ERROR, "the factors are of the last batch alone",
        "Average with the past.", lambda o, objective, theta, state, factors: damped_inverse(
            kfac(objective, theta, o.kind, np.random.default_rng([o.seed, state.k, 0]),
                 setting=o.setting), o.damping, "factored"))
_simple("gradient", ERROR, "no inverse is applied to m", "Apply it.",
        lambda o, objective, theta, state, factors: damped_inverse(
            [type(K)(np.eye(len(K.G)), np.eye(len(K.A))) for K in factors], 0.0, "factored"))


@of(KFAC, "proposal not re-scaled", ERROR, "the proposal is taken as it is: alpha = 1, mu = 0",
    "Re-scale by the exact F [MG15, sec. 6.4].")
def _proposal(o, objective, theta, state):
    _, left, info = o.step(objective, theta, state)
    d = info["proposal"]
    return theta + d, replace(left, d=d), {**info, "direction": d, "slope": info["gradient"] @ d}


def _kfac_rule(rule):
    @of(KFAC, f"K-FAC damped by '{rule}'", CONVENTION, f"factors are damped by the rule '{rule}'",
        "Ours balances by pi of mean traces.")
    def step(o, objective, theta, state):
        return _Ruled(**vars(o), rule=rule).step(objective, theta, state)


class _Ruled(KFAC):
    """K-FAC with another rule for its factors' damping."""

    def __init__(self, rule, **fields):
        super().__init__(**fields)
        object.__setattr__(self, "rule", rule)

    def _inverses(self, factors, state, k):
        return [(gamma, [K.inv(gamma ** 2, self.rule) for K in factors])
                for gamma, _ in super()._inverses(factors, state, k)]


for _rule in ("factored", "per factor", "exact"):
    _kfac_rule(_rule)


# ---- the rule of the damping ----

def _damping_rule(name, says, change):
    @variant(name, CONVENTION, says, "Say which rule is meant: here lam factor if rho < 1/4.")
    def other(o):
        if not hasattr(o, "State") or isinstance(o, KFAC):
            return None
        return Varied(o, lambda *given: _redamped(change, *given))


def _redamped(change, optimizer, objective, theta, state):
    after, left, info = optimizer.step(objective, theta, state)
    if "rho" in info and hasattr(left, "damping"):
        left = replace(left, damping=change(state.damping, left.damping))
    return after, left, info


_damping_rule("damping never moves", "the damping is the same at every step",
              lambda before, after: before)
_damping_rule("damping by 2 for 3/2", "the damping moves by 2, ours by 3/2",
              lambda before, after: before * (after / before) ** (np.log(2) / np.log(1.5)))
_damping_rule("damping the other way", "the damping falls where ours rises, and rises where it "
              "falls", lambda before, after: before * before / after)
