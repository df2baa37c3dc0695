"""The tasks of the bench on a GPU: (task, contestants, least operations of the reference's).

Chains of dense layers in float64, the largest whose Hessian fits, autoencoders in both precisions,
and one step of every optimiser on the autoencoder of [GRB20] in float32.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.memory import amount
from ..arrays.transfer import move
from ..curvature.gauss_newton import gauss_newton
from ..curvature.hessian import hessian
from ..curvature.operator import dense, room
from ..derivatives.routes import gradient
from ..network.losses import BinaryCrossEntropy
from ..problems.autoencoders import mirror
from ..problems.tasks import task
from ..problems.training import pose
from ..training.defaults import OPTIMIZERS, make
from . import bench_problems as made
from . import races
from .scaling import operations
from .timing import OURS

SHARE = 0.4                            # of the free memory: a run may find the last one's in pieces
GRADIENTS = "two gradients"
STEPS = 3                              # before a step is timed: factors that are no multiples of I
REFUSED = (ArithmeticError, MemoryError, NotImplementedError, TypeError, ValueError)


@dataclass(frozen=True)
class Task:
    """What is raced, and how: `least` operations, the budget of a peer, None the command's."""

    name: str
    contestants: Any
    least: Any = None
    budget: Any = None
    note: str = ""


def tasks(rng, peers, problems, quantities, free):
    """Yields the Tasks of the named problems, on a device with so many bytes free."""
    for problem in problems:
        yield from PROBLEMS[problem](rng, peers, quantities, free)


# ---- chains ----

def chain_tasks(rng, peers, quantities, free, widths=(64, 32, 32, 10), n=500):
    """Gradient, products and dense matrices of a chain."""
    objective, theta = _there(*made.chain_objective(rng, widths, n))
    wanted = [name for name in (*races.VECTORS, *races.MATRICES) if name in quantities]
    for name, title, contestants in races.asked(rng, objective, theta, _where(widths, n, theta),
                                                peers, wanted):
        least = operations(name, objective.net.layout.shapes, n)
        yield Task(title, contestants, least if name in races.MATRICES else None)


def largest_tasks(rng, peers, quantities, free, n=500, step=8):
    """Both matrices of the widest 64-h-h-10 that fits; of peers, two parts of the rows alone."""
    h = widest(lambda h: room(hessian(*_there(*made.chain_objective(rng, (64, h, h, 10), n)))),
               SHARE * free, step)
    objective, theta = _there(*made.chain_objective(rng, (64, h, h, 10), n))
    where = (f"{_where((64, h, h, 10), n, theta)}, "
             f"{amount(room(hessian(objective, theta)))} of {amount(free)}")
    ours = {"hessian": hessian, "gauss_newton": gauss_newton}
    for name, title, found in races.asked(rng, objective, theta, where, peers, [
            name for name in races.MATRICES if name in quantities]):
        whole = {OURS: lambda make=ours[name]: dense(make(objective, theta), limit=np.inf)}
        rows = {who: form for who, form in found.items() if getattr(form, "unit", "") == "rows"}
        yield Task(title, {**whole, **rows}, operations(name, objective.net.layout.shapes, n), 1e-9)


def widest(needs, free, step):
    """The largest multiple h of `step` for which needs(h) <= free, by doubling and halving."""
    high = step
    while needs(2 * high) <= free:
        high *= 2
    low, high = high, 2 * high
    while high - low > step:
        middle = (low + high) // 2 // step * step
        low, high = (middle, high) if needs(middle) <= free else (low, middle)
    return low


def autoencoder_tasks(rng, peers, quantities, free, dtype, **size):
    """Gradient and products of 784-400-200-100-50-25-mirror."""
    objective, theta = _there(*made.autoencoder_objective(rng, dtype=dtype, **size))
    where = f"autoencoder, {np.dtype(dtype)}, N = {objective.N}, P = {theta.size}"
    wanted = [name for name in races.VECTORS if name in quantities]
    for _, title, contestants in races.asked(rng, objective, theta, where, peers, wanted):
        yield Task(title, contestants)


def _there(objective, theta):
    return objective.to("cupy"), move(theta, "cupy")


def _where(widths, n, theta):
    return f"{'-'.join(map(str, widths))}, N = {n}, P = {theta.size}"


# ---- steps ----

def autoencoder(rng, size="paper", n=2000):
    """The task mnist-autoencoder in float32; of noise of that shape where its files are not."""
    try:
        return task("mnist-autoencoder", size, dtype="float32"), "its images"
    except FileNotFoundError:
        x = rng.random((n, 784))
        return pose("mnist-autoencoder", size, "float32", mirror(784, 1000, 500, 250, 30),
                    BinaryCrossEntropy(), (x, x), (x, x), 1000, "noise"), "noise images"


def step_tasks(rng, peers, quantities, free, size="paper"):
    """One step of every optimiser on a mini-batch, beside two gradients of it."""
    posed, data = autoencoder(rng, size)
    batch, theta = _there(posed.train.batch(slice(posed.batch)), posed.initial(rng))
    for name in OPTIMIZERS:
        title = (f"step of {name}, mnist-autoencoder of size {size}, float32, {data}, "
                 f"N = {batch.N}, P = {theta.size}")
        try:
            yield Task(title, {OURS: _step(name, posed, batch, theta), GRADIENTS: lambda: [
                gradient(batch, theta), gradient(batch, theta)]})
        except REFUSED as error:
            yield Task(title, {}, note=f"{type(error).__name__}: {error}")


def _step(name, posed, batch, theta):
    """() -> theta after one step, from where STEPS of them lead."""
    optimizer, _ = make(name, posed)
    at, state = theta, optimizer.init(batch, theta)
    for _ in range(STEPS):
        at, state, _ = optimizer.step(batch, at, state)
    return lambda: optimizer.step(batch, at, state)[0]


PROBLEMS = {
    "chain": chain_tasks,
    "chain196": lambda *given: chain_tasks(*given, widths=(196, 48, 24, 10), n=1000),
    "largest": largest_tasks,
    "autoencoder": lambda *given: autoencoder_tasks(*given, np.float64),
    "autoencoder32": lambda *given: autoencoder_tasks(*given, np.float32),
    "steps": step_tasks}
