"""Steps by another gradient, another batch or another length, and what a step tells of itself."""

from dataclasses import fields, replace

import numpy as np

from ....network.objective import Objective
from ....optim.first_order import SGD
from ..hypotheses import CONVENTION, ERROR, content
from ..kronecker import unlike
from ..varied import SUBJECTS, Varied, changed, has, taken, variant

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


@content("another length", ERROR, "all steps have another length than ours, by one factor",
         "Take the length that was asked for, once.", ("trajectory",), 1.5)
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
