"""Block-diagonal Hessian-free optimisation: conjugate gradients on each block of B by itself."""

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ..arrays.checks import require_theta
from ..arrays.namespace import library
from ..arrays.transfer import alongside
from ..curvature.partition import partition
from ..network.compose import Sequential
from .globalise import levenberg_marquardt
from .hessian_free import (State, curvature_part, damped, decayed_gauss_newton, descend, judge,
                           moved, require_settings)
from .preconditioner import preconditioner
from .refusals import require_one_of
from .truncated_cg import truncated_cg

JOINTS = ("search", "model")


@dataclass(frozen=True)
class BlockHessianFree:
    """(B_b + lam I) d_b = -g_b for every block b of parameters, B_b = B[b, b] [ZXB17].

    B_b = (1/R) sum_n w_n J_b^T (d^2 loss_n/dz^2) J_b + l2 I, over the curvature batch.  Of that
    paper the blocks, the damping, the warm start and the smaller curvature batch; the rest is
    `HessianFree`'s (ours here), which this is, exactly, with one block.

    Parameters
    ----------
    groups : str or list of lists
        As `partition(net, groups)` takes them; "layers" for one block per layer.
    joint : "search" or "model"
        What is done about d = (d_1, d_2, ...), which leaves out what couples the blocks and may
        reach too far, twice as far with two blocks that do the same.  "search": backtracking and
        line search alone, as HessianFree.  "model": before these, every iterate is shortened to
        the least of the model with all of B along it, min(1, -g.d/d.(B + lam I)d); one product
        each (both ours).
    damping, decay, maxiter, tolerance, exponent, curvature_batch
        As HessianFree has them; a quarter of the batch as in a figure of [ZXB17].
    executor : concurrent.futures.Executor, optional
        Where the blocks are solved, threads or processes; the numbers do not depend on it.

    Notes
    -----
    1. Backtracking goes back in all blocks at once: row k of the iterates has the k-th that each
       block kept, or its last.
    2. rho is of the last iterate and of the model that was solved, without what couples the
       blocks: sum_b g_b.d_b + d_b.B_b d_b/2.  So a step that overshoots raises lam.  With
       "model", it is of the last iterate as shortened.
    3. Each block starts from where it ended last, neither shortened nor gone back from.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `step` as HessianFree.
    TypeError, ValueError
        From `init`, as `partition` refuses groups.
    """

    groups: Any = "layers"
    joint: str = "search"
    damping: float = 45.0
    decay: float = 0.95
    maxiter: int = 250
    tolerance: float = 5e-4
    exponent: float = 0.75
    curvature_batch: Any = 0.25
    executor: Any = field(default=None, compare=False, repr=False)

    State = State

    def __post_init__(self):
        require_settings(self)
        require_one_of(self, "joint", JOINTS)

    def init(self, objective, theta):
        """State: lam, and a start at 0."""
        require_theta(objective, theta)
        partition(objective.net, self.groups)
        return State(self.damping, np.zeros_like(theta))

    def step(self, objective, theta, state):
        """One step on the batch of the objective: theta, State, info; info["blocks"] per block."""
        require_theta(objective, theta)
        part, lam = curvature_part(objective, self.curvature_batch), state.damping
        loss, g = objective.value(theta), objective.grad(theta)

        scales = preconditioner(objective, theta, lam, self.exponent)
        blocks = [alongside(b, theta) for b in partition(objective.net, self.groups)]
        xs = part.net.forward(theta, part.x)
        tasks = [Block(*behind(part, theta, xs, b), -g[b], self.decay * state.last[b], scales[b],
                       lam, self.maxiter, self.tolerance) for b in blocks]
        run = map if self.executor is None else self.executor.map
        paths, curvatures = zip(*run(solved, tasks))

        last = joined([path.last for path in paths], blocks)
        rows = iterates = together(paths, blocks)
        share = 1.0
        if self.joint == "model":
            shares = shortened(part, theta, g, rows, lam)
            iterates, share = rows * shares[:, None], shares[-1]
        took = descend(objective, theta, loss, g, iterates)
        trust = judge(part, theta, g, share * last, share * share * sum(curvatures))
        after = levenberg_marquardt(lam, trust["rho"])
        info = {"loss": loss, "gradient": g, "damping": lam, "iterates": iterates,
                "iterations": sum(path.iterations for path in paths), **took, **trust,
                "blocks": [{"places": b, "iterations": path.iterations, "reason": path.reason,
                            "curvature": curvature, "path": path}
                           for b, path, curvature in zip(blocks, paths, curvatures)]}
        return moved(theta, took), State(after, last, state.steps + 1), info


# ---- one block, wherever it is solved ----

@dataclass(frozen=True, eq=False)
class Block:
    """What one block needs: the network from there on, its places in theta, and its system."""

    objective: Any
    theta: Any
    places: Any
    b: Any
    start: Any
    scales: Any
    damping: float
    maxiter: int
    tolerance: float


def behind(objective, theta, xs, places):
    """The objective of the layers from the first one with these places on, and theta, places there.

    What lies before is constant: neither run nor differentiated.  The whole if matrices are shared.
    """
    net = objective.net
    if len(net.layout.shapes) < len(net.shapes):
        return objective, theta, places
    sizes = [sum(map(prod, layer.shapes)) for layer in net.layers]
    ends = np.cumsum(sizes)
    first = int(np.searchsorted(ends, int(places[0]), side="right"))
    start = int(ends[first] - sizes[first])
    if start == 0:
        return objective, theta, places
    rest = replace(objective, net=Sequential(*net.layers[first:]), x=xs[first])
    return rest, theta[start:], places - start


def block_product(B, places, size):
    """v (n,) -> B[places, places] v (n,), by products with B."""
    def product(v):
        whole = library(v).zeros(size, v.dtype)
        whole[places] = v
        return B(whole)[places]
    return product


def solved(block):
    """The Path of one block, and d_b.B_b d_b of its last iterate."""
    B = block_product(decayed_gauss_newton(block.objective, block.theta), block.places,
                      block.theta.size)
    path = truncated_cg(damped(B, block.damping), block.b, block.start, block.scales,
                        block.maxiter, block.tolerance)
    return path, path.last @ B(path.last)


# ---- all blocks together ----

def joined(pieces, blocks):
    """(P,) of the pieces (n_b,), each at its block's places."""
    whole = library(pieces[0]).empty(sum(b.size for b in blocks), np.result_type(*pieces))
    for b, piece in zip(blocks, pieces):
        whole[b] = piece
    return whole


def together(paths, blocks):
    """Iterates (S, P): row k has every block's k-th, or its last."""
    count = max(len(path.iterates) for path in paths)
    return np.stack([joined([path.iterates[min(k, len(path.iterates) - 1)] for path in paths],
                            blocks) for k in range(count)])


def shortened(objective, theta, g, rows, damping):
    """min(1, -g.d/d.(B + lam I)d) of each row d, all of B; 1 where d does not descend."""
    product = damped(decayed_gauss_newton(objective, theta), damping)
    slopes, bends = rows @ g, np.stack([d @ product(d) for d in rows])
    falls = (slopes < 0) & (bends > 0)
    return np.where(falls, np.minimum(1, -slopes / np.where(falls, bends, 1)), 1).astype(rows.dtype)
