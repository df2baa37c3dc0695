"""Steps of an optimiser that was changed in one place: the other form of each choice, each fault.

A variant is a function of an optimiser, and gives another, or None; it then takes the step or the
whole trajectory, so that what a wrong step leaves for the next is wrong as it would be in theirs.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from ...network.objective import Objective
from ...optim.first_order import SGD
from .hypotheses import CONVENTION, ERROR, content
from .kronecker import unlike
from .steps import displacements

SUBJECTS = ("step", "trajectory")


@dataclass(frozen=True)
class Varied:
    """An optimiser whose step is `change(optimizer, objective, theta, state)`."""

    optimizer: Any
    change: Any

    def init(self, objective, theta):
        """As the optimiser's."""
        return self.optimizer.init(objective, theta)

    def step(self, objective, theta, state):
        """The changed step; theta, state, info."""
        return self.change(self.optimizer, objective, theta, state)


def taken(case, optimizer, **options):
    """Arrays of the case's subject by another optimiser, as displacements; None if ours."""
    pieces = case.subject.pieces(case.objective, case.theta,
                                 **{**case.options, "optimizer": optimizer, **options})
    return unlike(case, displacements(case, [piece.array for piece in pieces]))


def variant(name, kind, says, advice="", cost=1.0):
    """Registers a function optimiser -> changed optimiser, or None."""
    def register(function):
        def arrays(case):
            changed = function(case.options["optimizer"])
            return None if changed is None else taken(case, changed)
        content(name, kind, says, advice, SUBJECTS, cost)(arrays)
        return function
    return register


def changed(name, kind, says, advice="", cost=1.0):
    """Registers a step (optimizer, objective, theta, state) -> theta, state, info."""
    def register(step):
        variant(name, kind, says, advice, cost)(lambda optimizer: Varied(optimizer, step))
        return step
    return register


# ---- another value of one field ----

def has(optimizer, *names):
    """Whether it is a dataclass with these fields."""
    return is_dataclass(optimizer) and set(names) <= {each.name for each in fields(optimizer)}


def _field(name, value, kind, says, advice=""):
    @variant(f"{name}={value}", kind, says, advice)
    def other(optimizer):
        if not has(optimizer, name) or getattr(optimizer, name) == value:
            return None
        return replace(optimizer, **{name: value})


_field("form", "average", CONVENTION, "momentum is an average, m <- beta m + (1 - beta) g",
       "Ask for form='average', or multiply the length by 1/(1 - beta).")
_field("form", "heavy ball", CONVENTION, "momentum is a heavy ball, m <- beta m + g",
       "Ask for form='heavy ball', or multiply the length by 1 - beta.")
_field("momentum", 0.0, ERROR, "there is no momentum", "Keep m between steps.")
_field("momentum", False, ERROR, "the last direction takes no part", "Keep it between steps.")
_field("placement", "inside", CONVENTION, "epsilon is under the root", "Say where epsilon is.")
_field("placement", "outside", CONVENTION, "epsilon is beside the root", "Say where epsilon is.")
_field("squared", "momentum", CONVENTION, "v is of m, not of g", "Ask for squared='momentum'.")
_field("squared", "gradient", CONVENTION, "v is of g, not of m", "Ask for squared='gradient'.")
_field("kind", "empirical", ERROR, "G is of the labels of the data", "Draw labels, or average.")
_field("kind", "type-2", CONVENTION, "G is the exact mean over the model's labels",
       "Ask for kind='type-2'.")
_field("setting", "reduce", CONVENTION, "places are reduced", "Ask for setting='reduce'.")
_field("setting", "expand", CONVENTION, "places are expanded", "Ask for setting='expand'.")
_field("statistics_batch", 1, CONVENTION, "the factors are of the whole batch",
       "Ask for statistics_batch=1.")
_field("curvature_batch", 1.0, CONVENTION, "curvature is of the whole batch",
       "Ask for curvature_batch=1.0.")
_field("full_batch", True, CONVENTION, "s and y are not averaged, A from zero",
       "Ask for full_batch=True.")
_field("decay", 0.0, ERROR, "nothing of the past is kept in the averages, or in the warm start",
       "Average over steps.")
_field("exponent", 0.0, ERROR, "conjugate gradients are not preconditioned", "Divide by M.")
_field("structure", "tridiagonal", CONVENTION, "the inverse is block-tridiagonal",
       "Ask for structure='tridiagonal'.")
_field("structure", "diagonal", CONVENTION, "the inverse is block-diagonal",
       "Ask for structure='diagonal'.")
for _name, _values in (("modification", ("absolute", "clip", "shift")),
                       ("schedule", ("synchronous", "asynchronous")),
                       ("joint", ("search", "model")),
                       ("phi", ("abs", "clip", "zero", "identity"))):
    for _value in _values:
        _field(_name, _value, CONVENTION, f"{_name} is '{_value}'", f"Ask for {_name}={_value!r}.")


# ---- any optimiser: another gradient, another way ----

class _Other(Objective):
    """An Objective whose gradient went through `function(g, objective, theta)`."""

    def grad(self, theta):
        """The changed gradient."""
        return self.function(super().grad(theta), self, theta)


def with_gradient(objective, function):
    """The Objective with function(g, objective, theta) for its gradient."""
    other = _Other(**{each.name: getattr(objective, each.name) for each in fields(objective)})
    object.__setattr__(other, "function", function)
    return other


@content("uphill", ERROR, "the step goes uphill: its sign is wrong",
         "Subtract: theta - t F~^-1 g.", SUBJECTS, 0.5, True)
def _uphill(case):
    def step(optimizer, objective, theta, state):
        after, state, info = optimizer.step(objective, theta, state)
        return 2 * theta - after, state, info
    return taken(case, Varied(case.options["optimizer"], step))


@variant("not preconditioned: the gradient", ERROR, "theirs moves along the gradient itself",
         "Multiply the gradient by the inverse.")
def _gradient(optimizer):
    if isinstance(optimizer, SGD):
        return None
    length = getattr(optimizer, "length", 1.0)
    return SGD(length) if np.isscalar(length) else None


def _by_objective(name, kind, says, advice, change):
    @changed(name, kind, says, advice)
    def step(optimizer, objective, theta, state):
        return optimizer.step(change(objective), theta, state)


def _biases(objective):
    """1 for weights, 0 for biases (P,)."""
    kept = np.ones(objective.net.layout.size)
    for name, entries in objective.net.entries().items():
        if name.rpartition(".")[2].startswith("bias"):
            kept[entries] = 0
    return kept


_by_objective("gradients summed", CONVENTION, "the loss is a sum over the batch, not a mean",
              "Divide by N, or ask for reduction='sum'.",
              lambda o: replace(o, reduction="sum" if o.reduction == "mean" else "mean"))
_by_objective("no weight decay", ERROR, "weight decay is left out", "Add l2 theta to the gradient.",
              lambda o: replace(o, l2=0.0))
_by_objective("weight decay doubled", ERROR, "weight decay is twice ours: l2 |theta|^2",
              "Ours is (l2/2)|theta|^2.", lambda o: replace(o, l2=2 * o.l2))
_by_objective("weights decay, biases do not", CONVENTION, "biases do not decay",
              "Ours decays all of theta.", lambda o: with_gradient(
                  o, lambda g, o, theta: g - o.l2 * (1 - _biases(o)) * theta) if o.l2 else o)
_by_objective("gradient clipped to 1", CONVENTION, "the gradient is clipped to norm 1",
              "Compare without clipping.", lambda o: with_gradient(
                  o, lambda g, o, theta: g / max(1, np.linalg.norm(g))))
_by_objective("signs of the gradient", ERROR, "theirs takes the signs of the gradient", "",
              lambda o: with_gradient(o, lambda g, o, theta: np.sign(g)))


@changed("step clipped to 1", CONVENTION, "the step is clipped to norm 1, after preconditioning",
         "Compare without clipping.")
def _clipped(optimizer, objective, theta, state):
    after, state, info = optimizer.step(objective, theta, state)
    size = np.linalg.norm(info["direction"])
    return theta + (after - theta) / max(1, size), state, info


@changed("decoupled weight decay", CONVENTION,
         "weight decay is decoupled: theta - t l2 theta beside the step, not in the gradient",
         "Leave l2 out of the gradient here, or put it there in yours.")
def _decoupled(optimizer, objective, theta, state):
    after, state, info = optimizer.step(replace(objective, l2=0.0), theta, state)
    return after - info["length"] * objective.l2 * theta, state, info


# ---- trajectories: other batches, another length ----

def _along(name, kind, says, advice, share):
    """theta + share (theta+ - theta) at every step."""
    def step(optimizer, objective, theta, state):
        after, state, info = optimizer.step(objective, theta, state)
        return theta + share * (after - theta), state, info
    content(name, kind, says, advice, ("trajectory",))(
        lambda case: taken(case, Varied(case.options["optimizer"], step)))


_along("twice the step", ERROR, "every step is taken twice",
       "Update theta once, not in the optimiser and in the loop.", 2)
_along("half the step", CONVENTION, "every step is half of ours", "Say which length is meant.", 0.5)


def _of_batches(name, kind, says, advice, change):
    @content(name, kind, says, advice, ("trajectory",))
    def arrays(case):
        batches = case.options.get("batches")
        if batches is None or len(batches) < 2:
            return None
        return taken(case, case.options["optimizer"], batches=change(list(batches)))


_of_batches("batches one late", ERROR, "each step sees the batch of the step before",
            "Take the gradient after the next batch is there.", lambda b: [b[0], *b[:-1]])
_of_batches("batches one early", ERROR, "each step sees the batch of the next step",
            "Take the first batch first.", lambda b: [*b[1:], b[-1]])
_of_batches("batches reversed", CONVENTION, "the batches come in reversed order", "",
            lambda b: b[::-1])
_of_batches("the first batch always", ERROR, "every step sees the first batch",
            "Advance the iterator.", lambda b: [b[0]] * len(b))


@content("another length", CONVENTION, "all steps have another length than ours, by one factor",
         "Say which length is meant.", ("trajectory",), 1.5)
def _length(case):
    optimizer, ours, theirs = case.options["optimizer"], case.ours[0], case.theirs[0]
    if not has(optimizer, "length") or ours.shape != theirs.shape:
        return None
    c = float(ours[0] @ theirs[0] / (ours[0] @ ours[0]))
    return taken(case, replace(optimizer, length=c * optimizer.length)) if c > 0 else None


# ---- what a step tells of itself ----

def _told(name, kind, says, advice, change):
    """change(numbers) -> other numbers, by slot."""
    @content(name, kind, says, advice, ("step",))
    def arrays(case):
        numbers = {piece.slot: piece.array for piece in case.pieces}
        options = {**case.options, "quantities": ("loss", "loss_after", "slope", "curvature",
                                                  "damping", "direction", "model", "rho")}
        options.pop("optimizer")
        pieces = case.subject.pieces(case.objective, case.theta,
                                     optimizer=case.options["optimizer"], **options)
        other = change({piece.slot: piece.array for piece in pieces})
        if not numbers.keys() & other.keys():
            return None
        return unlike(case, [other.get(piece.slot, piece.array) for piece in case.pieces])


def _rho(n, model):
    return {"model": model, "rho": (n["loss_after"] - n["loss"]) / model}


_told("the model has the damping", CONVENTION, "rho is of the model with the damping",
      "Say which: Martens' leaves the damping out of rho.", lambda n: _rho(
          n, n["slope"] + (n["curvature"] + n["damping"] * (n["direction"] @ n["direction"])) / 2))
_told("the model leaves the damping out", CONVENTION, "rho is of the model without the damping",
      "Say which: K-FAC's has the damping in it.",
      lambda n: _rho(n, n["slope"] + n["curvature"] / 2))
_told("the model without its half", ERROR, "the model is g.d + d.Bd", "Take half of d.Bd.",
      lambda n: _rho(n, n["slope"] + n["curvature"]))
_told("rho of the slope alone", ERROR, "rho is of the slope alone", "Add d.Bd/2.",
      lambda n: {"rho": (n["loss_after"] - n["loss"]) / n["slope"]})
_told("rho upside down", ERROR, "rho is the change of the model over that of the loss",
      "Divide by the model.", lambda n: {"rho": 1 / n["rho"]})

