"""How long the matrices take: both sides in one run, interleaved, medians, beside the GEMM limit.

The limit of a dense matrix is the time of its smallest sufficient matrix products, measured in the
same process: both symmetries of the diagonal blocks, only the upper triangle of blocks.
"""

import time
from dataclasses import dataclass

import numpy as np

from ..curvature.gauss_newton import gauss_newton
from ..curvature.hessian import hessian
from ..curvature.operator import blocks, dense
from ..derivatives.routes import gradient, hvp
from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.convolution import Conv2d
from ..network.elementwise import Elementwise, Tanh
from ..network.losses import CrossEntropy
from ..network.objective import Objective
from ..network.padding import Flatten
from ..network.pooling import AvgPool2d
from ..network.recurrent import LSTM
from ..problems.digits import digits
from .check import agreement
from .peers import load

LIMIT, OURS = "matrix products alone", "reference"
DIRECTIONS = 32
LEAST = 0.02                           # seconds of runs that a time is the mean of
PATIENCE = 1.0                         # seconds
SAME = 10                              # digits that contestants must share to be worth timing


@dataclass(frozen=True)
class Timing:
    """Median seconds of one contestant at one task, and how many times the reference's that is."""

    task: str
    contestant: str
    seconds: float
    ratio: float


def chain_objective(rng, widths, n):
    """n digits, a tanh network of the given widths, cross-entropy."""
    layers = [Dense(*pair) for pair in zip(widths, widths[1:])]
    tanh = [Elementwise("Tanh")] * (len(layers) - 1) + [None]
    net = Sequential(*[layer for both in zip(layers, tanh) for layer in both if layer is not None])
    return Objective(net, CrossEntropy(), *digits(n)), net.initial(rng)


def lenet_objective(rng, n=128):
    """n noise images (1, 14, 14), two convolutions, tanh, a pooling, cross-entropy: P = 1626."""
    net = Sequential(Conv2d(1, 4, 3), Tanh(), AvgPool2d(2), Conv2d(4, 8, 3), Tanh(), Flatten(),
                     Dense(128, 10))
    return _on_noise(rng, net, (n, 1, 14, 14), 10)


def lstm_objective(rng, n=64):
    """n noise sequences (12, 8), an LSTM's last hidden state, cross-entropy: P = 1749."""
    return _on_noise(rng, Sequential(LSTM(8, 16, last=True), Dense(16, 5)), (n, 12, 8), 5)


def _on_noise(rng, net, shape, classes):
    x, y = rng.standard_normal(shape), rng.integers(classes, size=shape[0])
    return Objective(net, CrossEntropy(), x, y), net.initial(rng)


# ---- tasks: {task: {contestant: function}}, the reference first ----

def tasks(rng, peers=(), problems=("chain",)):
    """The tasks of the named problems, beside the named peers."""
    return {task: contestants for problem in problems
            for task, contestants in PROBLEMS[problem](rng, peers).items()}


def chain_tasks(rng, peers=(), widths=(64, 32, 32, 10), n=500):
    """Every quantity, the diagonal blocks, and what products with directions cost."""
    objective, theta = chain_objective(rng, widths, n)
    where = f"{'-'.join(map(str, widths))}, N = {n}, P = {theta.size}"
    found, shapes = quantity_tasks(rng, objective, theta, where, peers), objective.net.layout.shapes
    for quantity in ("Hessian", "Gauss-Newton"):
        found[f"{quantity}, {where}"][LIMIT] = limit(shapes, n)
    return {**found,
            f"Hessian blocks, {where}": {
                OURS: lambda: blocks(hessian(objective, theta), objective.net.layout),
                LIMIT: limit(shapes, n, whole=False)},
            **_products(rng, objective, theta, where),
            **_products(rng, *chain_objective(rng, (64, 16, 10), 200), "64-16-10, N = 200")}


def quantity_tasks(rng, objective, theta, where, peers=()):
    """Gradient, H v, G v and the two dense matrices, by the reference and by every peer's forms."""
    v = rng.standard_normal(theta.size)
    offered = {name: load(name).forms(objective, theta, v) for name in peers}
    ours = {"gradient": lambda: gradient(objective, theta),
            "hvp": lambda: hvp(objective, theta, v),
            "ggnvp": lambda: gauss_newton(objective, theta) @ v,
            "hessian": lambda: dense(hessian(objective, theta)),
            "gauss_newton": lambda: dense(gauss_newton(objective, theta))}

    def theirs(quantity):
        return {f"{name}: {form}": function for name, forms in offered.items()
                for form, function in forms.get(quantity, {}).items()}
    return {f"{TITLES[quantity]}, {where}": {OURS: function, **theirs(quantity)}
            for quantity, function in ours.items()}


def layer_tasks(rng, objective, theta, where, peers=()):
    """Every quantity, and what products with directions cost."""
    return {**quantity_tasks(rng, objective, theta, where, peers),
            **_products(rng, objective, theta, where)}


TITLES = {"gradient": "gradient", "hvp": "H v", "ggnvp": "G v", "hessian": "Hessian",
          "gauss_newton": "Gauss-Newton"}
PROBLEMS = {
    "chain": chain_tasks,
    "lenet": lambda rng, peers: layer_tasks(
        rng, *lenet_objective(rng), "LeNet on 14 x 14, N = 128, P = 1626", peers),
    "lstm": lambda rng, peers: layer_tasks(
        rng, *lstm_objective(rng), "LSTM 8-16 over 12 steps, N = 64, P = 1749", peers)}


def _products(rng, objective, theta, where):
    """H v beside the gradient, for one and for many directions."""
    V = rng.standard_normal((DIRECTIONS, theta.size))
    return {f"gradient and H v, {where}": {
        OURS: lambda: gradient(objective, theta),
        "H v by dual numbers": lambda: hvp(objective, theta, V[0]),
        f"{DIRECTIONS} H v at once, each": lambda: hvp(objective, theta, V)}}


def limit(shapes, n, whole=True):
    """The products (O_l O_m, N) x (N, I_l I_m) that any assembly needs, with their results made."""
    rng, pairs = np.random.default_rng(0), []
    for k, (o, i) in enumerate(shapes):
        pairs.append((o * (o + 1) // 2, i * (i + 1) // 2))
        pairs += [(o * p, i * q) for p, q in shapes[k + 1:]] if whole else []
    arrays = [(rng.standard_normal((a, n)), rng.standard_normal((b, n)), np.empty((a, b)))
              for a, b in pairs]

    def products():
        for A, B, out in arrays:
            np.matmul(A, B.T, out=out)
    return products


# ---- the race ----

def race(task, contestants, rounds):
    """[Timing, ...]: every contestant once per round, after a first run that compares the answers.

    In each round a contestant runs twice, and the second run counts: the first finds the threads
    of the contestant before it still spinning, and its memory not yet given back.  Short runs are
    repeated, since the caches are the contestant's own only after a few.  Whoever takes
    longer than PATIENCE, and half as long again as the fastest peer, runs in the first round only.

    Raises
    ------
    ValueError
        If a peer's answer is another one.
    """
    answers = {name: contestant() for name, contestant in contestants.items()}
    for name, answer in answers.items():
        if ": " in name and not agreement(answer, answers[OURS]) >= SAME:
            raise ValueError(f"{task}: {name} shares only {agreement(answer, answers[OURS]):.1f} "
                             "digits with the reference; its time would mean nothing.")
    seconds = {name: [] for name in contestants}
    dropped = set()
    for _ in range(rounds):
        for name, contestant in contestants.items():
            if name in dropped:
                continue
            seconds[name].append(_seconds(contestant) / (DIRECTIONS if "each" in name else 1))
        rivals = [times[0] for name, times in seconds.items() if ": " in name]
        dropped = {name for name, times in seconds.items()
                   if times[0] > max(PATIENCE, 1.5 * min(rivals, default=np.inf))}
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    return [Timing(task, name, s, s / medians[OURS]) for name, s in medians.items()]


def _seconds(function):
    """Of one run after the first; of several, their mean, if one takes less than LEAST."""
    function()
    once = _mean_seconds(function, 1)
    return once if once >= LEAST else _mean_seconds(function, 1 + int(LEAST / once))


def _mean_seconds(function, runs):
    start = time.perf_counter()
    for _ in range(runs):
        function()
    return (time.perf_counter() - start) / runs
