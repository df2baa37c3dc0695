"""Random correct answers: no way of computing the same numbers may raise an alarm.

    another route      complex step or autograd, where ours is backpropagation or dual numbers
    permuted sums      the examples in another order
    one by one         the mean over batches of one
    float32            data, parameters and all arithmetic
    named arrays       PyTorch's arrays in any order of their names
    declared order     theta in the order of another program, which is stated
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...derivatives.routes import gradient, hvp, jvp
from ...network.affine import Dense
from ...network.convolution import Conv1d
from ...network.elementwise import Elementwise
from ...network.losses import BinaryCrossEntropy, SquaredError
from ...network.normalise import LayerNorm
from ...network.recurrent import GRU
from ..judge.orders import OURS, orders
from ..judge.subjects import SUBJECTS
from ..judge.verdict import check
from .points import MEAN, posed

SIZES = 2, 3, 5, 7
ACTIVATIONS = "Tanh", "Sigmoid", "Softplus", "GELU", "SiLU", "ReLU"
SUMS = ("value", "gradient", "vjp", "hvp", "ggnvp", "hessian", "hessian_diagonal", "gauss_newton",
        "gauss_newton_blocks", "fisher_type2", "fisher_empirical", "kfac", "kfac_inverse")
ALL = (*SUMS, "jacobian", "jvp", "per_example_gradients")
ROUTES = {"gradient": gradient, "hvp": hvp, "jvp": jvp}


@dataclass(frozen=True)
class Peer:
    """A correct answer: how it was computed, arrays, subject, what was given, what is stated."""

    way: str
    theirs: Any
    subject: str
    given: tuple
    stated: dict

    def verdict(self):
        """What the judge says."""
        return check(self.theirs, self.subject, *self.given, **self.stated).verdict


def peers(count=200, seed=0):
    """Yield so many Peers, of random networks, subjects and ways."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        way = list(WAYS)[k % len(WAYS)]
        objective, theta = problem(rng)
        yield WAYS[way](rng, way, objective, theta)


def alarms(count=200, seed=0):
    """[(number, Peer, verdict), ...] of those that do not agree."""
    told = [(k, peer, peer.verdict()) for k, peer in enumerate(peers(count, seed))]
    return [each for each in told if each[-1] != "agrees"]


# ---- problems ----

def problem(rng):
    """A small network of random kind, sizes, loss and parameters."""
    N, (D, H, C) = int(rng.choice([5, 11, 13])), rng.permutation(SIZES)[:3].tolist()
    act = Elementwise(str(rng.choice(ACTIVATIONS)))
    layers, shape = [
        ((Dense(D, H), act, Dense(H, C)), (D,)),
        ((Dense(D, H), act, Dense(H, H, bias=False), act, Dense(H, C)), (D,)),
        ((Dense(D, H), LayerNorm(H), act, Dense(H, C)), (D,)),
        ((Conv1d(D, H, 3, stride=2), act, *MEAN, Dense(H, C)), (D, 11)),
        ((GRU(D, H, last=True), Dense(H, C)), (3, D)),
    ][rng.integers(5)]
    loss = [None, SquaredError(), BinaryCrossEntropy()][rng.integers(3)]
    options = {"reduction": str(rng.choice(["mean", "sum"])), "l2": float(rng.choice([0, 0.1]))}
    if rng.random() < 0.3:
        options["weights"] = rng.uniform(0.5, 2, N)
    objective, theta = posed(layers, rng.standard_normal((N, *shape)), C, loss,
                             seed=int(rng.integers(2 ** 31)), **options)
    return objective, float(rng.uniform(0.3, 1.5)) * theta


def _given(rng, subject, objective, theta):
    drawn = {"v": lambda: rng.standard_normal(theta.size), "damping": lambda: 0.1,
             "u": lambda: rng.standard_normal(objective.output_shape)}
    return (objective, theta, *(drawn[name]() for name in SUBJECTS[subject].arguments))


def _answer(subject, given):
    arrays = [piece.array for piece in SUBJECTS[subject].pieces(*given)]
    return arrays[0] if len(arrays) == 1 else arrays


# ---- ways ----

def _another_route(rng, way, objective, theta):
    subject = str(rng.choice(list(ROUTES)))
    given = _given(rng, subject, objective, theta)
    route = str(rng.choice(["complex step", "autograd"]))
    if subject == "gradient":
        return Peer(way, gradient(objective, theta, route=route), subject, given, {})
    return Peer(way, ROUTES[subject](*given, route=route), subject, given, {})


def _permuted(rng, way, objective, theta):
    subject = str(rng.choice(SUMS))
    given, order = _given(rng, subject, objective, theta), rng.permutation(objective.N)
    others = [a[order] if getattr(a, "shape", ()) == objective.output_shape else a
              for a in given[2:]]
    return Peer(way, _answer(subject, (objective.batch(order), theta, *others)), subject, given, {})


def _one_by_one(rng, way, objective, theta):
    subject = str(rng.choice(["value", "gradient", "hvp", "hessian"]))
    given, plain = _given(rng, subject, objective, theta), replace(objective, l2=0.0)
    parts = [_answer(subject, (plain.batch([n]), *given[1:])) for n in range(objective.N)]
    decay = {"value": theta @ theta / 2, "gradient": theta, "hessian": np.eye(theta.size),
             "hvp": given[-1]}[subject]
    return Peer(way, sum(parts) / objective.R + objective.l2 * decay, subject, given, {})


def _single(rng, way, objective, theta):
    subject = str(rng.choice(ALL))
    given = _given(rng, subject, objective, theta)
    single = [a.astype("float32") if isinstance(a, np.ndarray) else a for a in given[1:]]
    theirs = _answer(subject, (objective.to("float32"), *single))
    return Peer(way, theirs, subject, given, {"dtype": "float32"})


def _named(rng, way, objective, theta):
    arrays = list(objective.net.named(objective.grad(theta)).items())
    shuffled = {arrays[i][0]: arrays[i][1] for i in rng.permutation(len(arrays))}
    return Peer(way, shuffled, "gradient", (objective, theta), {})


def _ordered(rng, way, objective, theta):
    found = {name: p for name, p in orders(objective.net, objective.x.shape[1:]).items()
             if name != OURS}
    name = str(rng.choice(list(found)))
    return Peer(way, objective.grad(theta)[found[name]], "gradient", (objective, theta),
                {"allow": (name,)})


WAYS = {"another route": _another_route, "permuted sums": _permuted, "one by one": _one_by_one,
        "float32": _single, "named arrays": _named, "declared order": _ordered}
