"""Momenta, Adam and RMSprop in other forms, and without their corrections."""

from dataclasses import replace

import numpy as np

from ....optim.first_order import SGD, Adam, Moments, RMSprop
from ..hypotheses import CONVENTION, ERROR
from ..varied import has, of, variant


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
