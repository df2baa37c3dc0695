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
from ..network.elementwise import Elementwise
from ..network.losses import CrossEntropy
from ..network.objective import Objective
from ..problems.digits import digits
from .check import agreement
from .peers import load

LIMIT, OURS = "matrix products alone", "reference"
DIRECTIONS = 32
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


def tasks(rng, widths=(64, 32, 32, 10), n=500, peers=()):
    """{task: {contestant: function}}; the first contestant of each task is the reference."""
    objective, theta = chain_objective(rng, widths, n)
    forms = {name: load(name).forms(objective, theta) for name in peers}
    H = {OURS: lambda: dense(hessian(objective, theta))}
    G = {OURS: lambda: dense(gauss_newton(objective, theta))}
    for quantity, contestants in (("hessian", H), ("gauss_newton", G)):
        contestants[LIMIT] = limit(objective.net.layout.shapes, n)
        contestants.update({f"{name}: {form}": function for name, offered in forms.items()
                            for form, function in offered[quantity].items()})
    where = f"{'-'.join(map(str, widths))}, N = {n}, P = {theta.size}"
    return {f"Hessian, {where}": H, f"Gauss-Newton, {where}": G,
            f"Hessian blocks, {where}": {
                OURS: lambda: blocks(hessian(objective, theta), objective.net.layout),
                LIMIT: limit(objective.net.layout.shapes, n, whole=False)},
            **_products(rng, objective, theta, where),
            **_products(rng, *chain_objective(rng, (64, 16, 10), 200), "64-16-10, N = 200")}


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
    of the contestant before it still spinning, and its memory not yet given back.

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
    for _ in range(rounds):
        for name, contestant in contestants.items():
            seconds[name].append(_seconds(contestant) / (DIRECTIONS if "each" in name else 1))
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    return [Timing(task, name, s, s / medians[OURS]) for name, s in medians.items()]


def _seconds(function):
    function()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
