"""Variants of single optimisers: Adam's and RMSprop's corrections, momenta, K-FAC's inverses."""

from dataclasses import replace

import numpy as np

from ...curvature.kfac import kfac
from ...optim.factored import damped_inverse, times
from ...optim.first_order import SGD, Adam, Moments, RMSprop
from ...optim.kbfgs import KBFGS
from ...optim.kfac import KFAC
from ...optim.simple_kfac import SimpleKFAC
from .contents_steps import Varied, has, variant
from .hypotheses import CONVENTION, ERROR


def of(kind_of, name, kind, says, advice="", cost=1.0):
    """Registers a step (optimizer, objective, theta, state) of one class of optimisers."""
    def register(step):
        variant(name, kind, says, advice, cost)(
            lambda o: Varied(o, step) if isinstance(o, kind_of) else None)
        return step
    return register


# ---- momentum ----

def _sgd(name, kind, says, advice, rule):
    @of(SGD, name, kind, says, advice)
    def step(optimizer, objective, theta, state):
        g, beta = objective.grad(theta), optimizer.momentum
        if not beta:
            return optimizer.step(objective, theta, state)
        m, d = rule(state.m, g, beta, state.k)
        return theta + optimizer.length * d, Moments(m, None, state.k + 1), {
            "loss": objective.value(theta), "gradient": g, "direction": d,
            "length": optimizer.length, "slope": g @ d}


_sgd("Nesterov", CONVENTION, "momentum is Nesterov's: d = -(g + beta m)",
     "Ours is the heavy ball.", lambda m, g, beta, k: (beta * m + g, -(g + beta * (beta * m + g))))
_sgd("average, de-biased", CONVENTION, "momentum is an average over 1 - beta^k",
     "Ours is not de-biased.", lambda m, g, beta, k: (
         beta * m + (1 - beta) * g, -(beta * m + (1 - beta) * g) / (1 - beta ** (k + 1))))
_sgd("dampening after the first step", CONVENTION,
     "the first gradient is taken whole, later ones by 1 - beta (PyTorch's dampening)",
     "State the first step.", lambda m, g, beta, k: (
         (g if k == 0 else beta * m + (1 - beta) * g,
          -(g if k == 0 else beta * m + (1 - beta) * g))))
_sgd("momentum one step late", ERROR, "the step takes m of the step before",
     "Update m, then theta.", lambda m, g, beta, k: (beta * m + g, -m))


# ---- Adam and RMSprop ----

def _adam(name, kind, says, advice, divided):
    """divided(m, v, k, optimizer) -> what theta moves by, -d."""
    @of(Adam, name, kind, says, advice)
    def step(o, objective, theta, state):
        g, k = objective.grad(theta), state.k + 1
        m = o.beta1 * state.m + (1 - o.beta1) * g
        v = o.beta2 * state.v + (1 - o.beta2) * (g * g if o.squared == "gradient" else m * m)
        d = -divided(m, v, k, o)
        return theta + o.length * d, Moments(m, v, k), {
            "loss": objective.value(theta), "gradient": g, "direction": d, "length": o.length,
            "slope": g @ d}


def _hats(m, v, k, o):
    return m / (1 - o.beta1 ** k), v / (1 - o.beta2 ** k)


def _root(v, o):
    return v ** 0.5 + o.epsilon if o.placement == "outside" else (v + o.epsilon) ** 0.5


_adam("no bias correction", ERROR, "neither m nor v is de-biased", "Divide by 1 - beta^k.",
      lambda m, v, k, o: m / _root(v, o))
_adam("m not de-biased", ERROR, "m is not de-biased", "Divide m by 1 - beta1^k.",
      lambda m, v, k, o: m / _root(_hats(m, v, k, o)[1], o))
_adam("v not de-biased", ERROR, "v is not de-biased", "Divide v by 1 - beta2^k.",
      lambda m, v, k, o: _hats(m, v, k, o)[0] / _root(v, o))
_adam("epsilon before correction", CONVENTION,
      "epsilon is beside sqrt(v) before its bias correction: epsilon-hat",
      "Multiply epsilon by sqrt(1 - beta2^k), or state it.",
      lambda m, v, k, o: _hats(m, v, k, o)[0] * (1 - o.beta2 ** k) ** 0.5 / (v ** 0.5 + o.epsilon))
_adam("epsilon left out", ERROR, "there is no epsilon", "Add epsilon to the root.",
      lambda m, v, k, o: _hats(m, v, k, o)[0] / np.maximum(_hats(m, v, k, o)[1], 1e-300) ** 0.5)
_adam("root left out", ERROR, "m is divided by v, not by its root", "Take the root of v.",
      lambda m, v, k, o: _hats(m, v, k, o)[0] / (_hats(m, v, k, o)[1] + o.epsilon))
_adam("steps counted from 0", ERROR, "steps are counted one too many in 1 - beta^k",
      "The first step has k = 1.", lambda m, v, k, o: (
          lambda hats: hats[0] / _root(hats[1], o))(_hats(m, v, k + 1, o)))
_adam("Nadam", CONVENTION, "m has Nesterov's look ahead", "Compare plain Adam.",
      lambda m, v, k, o: o.beta1 * _hats(m, v, k, o)[0] / _root(_hats(m, v, k, o)[1], o))


@variant("betas exchanged", ERROR, "beta1 and beta2 are exchanged", "beta1 is of m.")
def _exchanged(o):
    return replace(o, beta1=o.beta2, beta2=o.beta1) if has(o, "beta1", "beta2") else None


@of(RMSprop, "divided, then averaged", CONVENTION, "momentum averages g/sqrt(v), as PyTorch does",
    "Ours averages g and divides.")
def _torch_rmsprop(o, objective, theta, state):
    g = objective.grad(theta)
    v = o.decay * state.v + (1 - o.decay) * g * g
    m = o.momentum * state.m + g / _root(v, o)
    info = {"loss": objective.value(theta), "gradient": g, "direction": -m, "length": o.length,
            "slope": -g @ m}
    return theta - o.length * m, Moments(m, v, state.k + 1), info


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
