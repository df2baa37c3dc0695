"""The tasks of the bench: what is asked of which network, of the reference and of its peers.

The limit of a dense matrix is the time of its smallest sufficient matrix products, measured in the
same process: both symmetries of the diagonal blocks, only the upper triangle of blocks.
"""

from dataclasses import dataclass
from functools import cache
from typing import Callable

import numpy as np

from ..arrays.transfer import alongside
from ..curvature.gauss_newton import gauss_newton
from ..curvature.hessian import hessian
from ..curvature.kfac import kfac
from ..curvature.operator import blocks, dense
from ..derivatives.routes import gradient, hvp
from ..optim.kbfgs import KBFGS
from . import bench_problems as made
from .peers import load
from .peers.parts import Rows
from .timing import DIRECTIONS, EACH, OURS, Divisible, leading_rows

LIMIT = "matrix products alone"
ROWS, SHARE = 128, 32                  # a part: rows at least, or the share of all examples


@dataclass(frozen=True)
class Quantity:
    """What a task is called, and the reference's way to it: (objective, theta, v) -> answer."""

    title: str
    ours: Callable


QUANTITIES = {
    "gradient": Quantity("gradient", lambda f, theta, v: gradient(f, theta)),
    "hvp": Quantity("H v", lambda f, theta, v: hvp(f, theta, v)),
    "ggnvp": Quantity("G v", lambda f, theta, v: gauss_newton(f, theta) @ v),
    "hessian": Quantity("Hessian", lambda f, theta, v: dense(hessian(f, theta))),
    "gauss_newton": Quantity("Gauss-Newton", lambda f, theta, v: dense(gauss_newton(f, theta))),
    "hessian_blocks": Quantity(
        "Hessian blocks", lambda f, theta, v: blocks(hessian(f, theta), f.net.layout)),
    "gauss_newton_blocks": Quantity(
        "Gauss-Newton blocks", lambda f, theta, v: blocks(gauss_newton(f, theta), f.net.layout)),
    "kfac": Quantity("K-FAC factors", lambda f, theta, v: [
        M for K in kfac(f, theta) for M in (K.G, K.A)])}
VECTORS, MATRICES = ("gradient", "hvp", "ggnvp"), ("hessian", "gauss_newton")
BLOCKS = ("hessian_blocks", "gauss_newton_blocks")
NAMES = (*QUANTITIES, "products")


def tasks(rng, peers=(), problems=("chain",), quantities=NAMES):
    """Yields (task, {contestant: function}), the reference first, of the named problems."""
    for problem in problems:
        yield from PROBLEMS[problem](rng, peers, quantities)


# ---- problems ----

def chain_tasks(rng, peers=(), quantities=NAMES, widths=(64, 32, 32, 10), n=500):
    """Every quantity beside its limit, and what products with directions cost."""
    objective, theta = made.chain_objective(rng, widths, n)
    where = f"{'-'.join(map(str, widths))}, N = {n}, P = {theta.size}"
    shapes = objective.net.layout.shapes
    limits = {name: limit(shapes, n, whole=name in MATRICES) for name in (*MATRICES, *BLOCKS)}
    limits["kfac"] = kfac_limit(shapes, n)
    for name, task, contestants in asked(rng, objective, theta, where, peers, quantities):
        yield task, {**contestants, **({LIMIT: limits[name]} if name in limits else {})}
    if "products" in quantities:
        yield _products(rng, objective, theta, where)


def chain_and_small_tasks(rng, peers, quantities):
    """The same, and products of a smaller net."""
    yield from chain_tasks(rng, peers, quantities)
    if "products" in quantities:
        yield _products(rng, *made.chain_objective(rng, (64, 16, 10), 200), "64-16-10, N = 200")


def layer_tasks(rng, objective, theta, where, peers=(), quantities=NAMES):
    """Products and dense matrices of any network."""
    wanted = [name for name in (*VECTORS, *MATRICES) if name in quantities]
    for _, task, contestants in asked(rng, objective, theta, where, peers, wanted):
        yield task, contestants
    if "products" in quantities:
        yield _products(rng, objective, theta, where)


def autoencoder_tasks(rng, peers, quantities, dtype, **size):
    """Products alone: its matrices are too large."""
    objective, theta = made.autoencoder_objective(rng, dtype=dtype, **size)
    where = f"autoencoder, {np.dtype(dtype)}, N = {objective.N}, P = {theta.size}"
    wanted = [name for name in VECTORS if name in quantities]
    for _, task, contestants in asked(rng, objective, theta, where, peers, wanted):
        yield task, contestants


def step_tasks(rng, peers, quantities):
    """A step of K-BFGS on the autoencoder of its paper, beside the two gradients that it takes."""
    objective, theta = made.paper_autoencoder(rng)
    for optimizer in (KBFGS(), KBFGS(memory=100)):
        at, state = theta, optimizer.init(objective, theta)
        for _ in range(3):                         # factors that are no multiples of I
            at, state, _ = optimizer.step(objective, at, state)
        name = "K-BFGS" if optimizer.memory is None else "K-BFGS(L)"
        yield f"step of {name}, 784-1000-500-250-30-mirror, float32, N = {objective.N}", {
            OURS: lambda o=optimizer, at=at, state=state: o.step(objective, at, state)[0],
            "two gradients": lambda at=at: [gradient(objective, at), gradient(objective, at)]}


PROBLEMS = {
    "kbfgs": step_tasks,
    "chain": chain_and_small_tasks,
    "chain16": lambda *given: chain_tasks(*given, widths=(64, 16, 16, 10), n=256),
    "chain196": lambda *given: chain_tasks(*given, widths=(196, 48, 24, 10), n=1000),
    "lenet": lambda rng, *given: layer_tasks(
        rng, *made.lenet_objective(rng), "LeNet on 14 x 14, N = 128, P = 1626", *given),
    "lstm": lambda rng, *given: layer_tasks(
        rng, *made.lstm_objective(rng), "LSTM 8-16 over 12 steps, N = 64, P = 1749", *given),
    "autoencoder": lambda *given: autoencoder_tasks(*given, np.float64),
    "autoencoder32": lambda *given: autoencoder_tasks(*given, np.float32)}


# ---- contestants ----

def asked(rng, objective, theta, where, peers, quantities):
    """Yields (quantity, task, contestants): the reference's form, then those of every peer."""
    v = alongside(rng.standard_normal(theta.size).astype(theta.dtype), theta)
    offered = {peer: load(peer).forms(objective, theta, v) for peer in peers}
    for name in QUANTITIES:
        if name not in quantities:
            continue
        found = {OURS: lambda name=name: QUANTITIES[name].ours(objective, theta, v)}
        for peer, forms in offered.items():
            found.update({f"{peer}: {form}": _divisible(function, peer, name, form,
                                                        (objective, theta, v))
                          for form, function in forms.get(name, {}).items()})
        yield name, f"{QUANTITIES[name].title}, {where}", found


def _divisible(function, peer, name, form, given):
    """A peer's form of a matrix with its parts: by rows if it knows them, else by examples."""
    if isinstance(function, Rows):
        step = -(-max(ROWS, function.step) // function.step) * function.step
        return Divisible(function, lambda k: lambda: function.rows(k), leading_rows,
                         function.size, step, "rows")
    if name not in (*MATRICES, *BLOCKS):
        return function
    objective, theta, v = given

    def part(k):
        return load(peer).forms(objective.batch(slice(k)), theta, v)[name][form]

    def expected(answer, k, got):
        return QUANTITIES[name].ours(objective.batch(slice(k)), theta, v)
    return Divisible(function, part, expected, objective.N, max(1, objective.N // SHARE),
                     "examples", getattr(function, "bytes", 0))


def _products(rng, objective, theta, where):
    """(task, contestants): H v beside the gradient, for one and for many directions."""
    V = rng.standard_normal((DIRECTIONS, theta.size))
    return f"gradient and H v, {where}", {
        OURS: lambda: gradient(objective, theta),
        "H v by dual numbers": lambda: hvp(objective, theta, V[0]),
        f"{DIRECTIONS} H v {EACH}": lambda: hvp(objective, theta, V)}


# ---- limits ----

def _multiplied(make):
    """() -> A B^T for all pairs (A, B) = make(rng), made with their results at the first call."""
    @cache
    def arrays():
        return [(A, B, np.empty((len(A), len(B)))) for A, B in make(np.random.default_rng(0))]

    def products():
        for A, B, out in arrays():
            np.matmul(A, B.T, out=out)
    return products


def limit(shapes, n, whole=True):
    """The products (O_l O_m, N) x (N, I_l I_m) that any assembly needs, with their results made."""
    return _multiplied(lambda rng: [(rng.standard_normal((a, n)), rng.standard_normal((b, n)))
                                    for a, b in limit_pairs(shapes, whole)])


def limit_pairs(shapes, whole=True):
    """[(a, b), ...]: the sizes of these products (a, N) x (N, b)."""
    pairs = []
    for k, (o, i) in enumerate(shapes):
        pairs.append((o * (o + 1) // 2, i * (i + 1) // 2))
        pairs += [(o * p, i * q) for p, q in shapes[k + 1:]] if whole else []
    return pairs


def kfac_limit(shapes, n):
    """Forwards, C cotangents back, and p p^T and g g^T: of these NumPy forms one triangle."""
    C = shapes[-1][0]

    def make(rng):
        for k, (o, i) in enumerate(shapes):
            W, p, g = map(rng.standard_normal, ((o, i), (i, n), (o, C * n)))
            yield from [(W, p.T), (p, p), (g, g)] + [(W.T[:-1], g.T)] * (k > 0)
    return _multiplied(make)
