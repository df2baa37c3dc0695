"""Promises about arrangement: shapes, no effects, leading axes, examples one by one, names."""

import numpy as np

from ..network.compose import Sequential
from ..network.initial import glorot
from ..network.layer import Layer
from ..network.uses import Total, Transposed
from .probe import Skipped, off, worst


# ---- shapes, and no effect but the answer ----

def shapes(where):
    """0 or infinity; ValueError from `packed` for a shape of dW or dx."""
    _require_pair(where)
    y, expected = where.output(where.q), where.layer.output_shape(where.x.shape[1:])
    where.packed(*where.uses(where.q))
    return 0.0 if y.shape == (where.N, *expected) else np.inf


def _require_pair(where):
    layer, (Ws, x), trace = where.layer, where.split(where.q), where.trace(where.q)
    if type(layer).pull is Layer.pull:
        name, wanted = "vjp", "dW, dx"
        answer = layer.vjp(Ws[0] if Ws else None, x, trace[-1], where.dy)
    else:
        name, wanted = "pull", "uses, dx"
        answer = layer.pull(Ws, trace, where.dy)
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        raise TypeError(f"{name} returned one {type(answer).__name__}; return {wanted}, None for "
                        "what there is not")


def writes(where):
    """On arrays that cannot be written to, and compared with copies."""
    Ws, x = where.split(where.q.copy())
    dy = where.dy.copy()
    given = [*Ws, x, dy]
    before = [a.copy() for a in given]
    for a in given:
        a.setflags(write=False)
    trace = where.layer.trace(Ws, x)
    kept = [np.copy(a) for a in trace]
    where.packed(*where.layer.pull(Ws, trace, dy))
    return worst(off(a, b) for a, b in zip([*given, *trace], [*before, *kept]))


def twice(where):
    """The second time another input passes between forward and backward."""
    y, g = where.output(where.q), where.grad(where.q)
    Ws, trace = where.split(where.q)[0], where.trace(where.q)
    where.trace(_points(where, ()))
    again = where.packed(*where.layer.pull(Ws, trace, where.dy))
    return worst([off(trace[-1], y), off(again, g), off(where.output(where.q), y)])


# ---- leading axes ----

def _points(where, lead):
    """Points q (*lead, Q) near the one of the probe, so near that no kink lies between."""
    return where.q + 1e-3 * where.rng.standard_normal((*lead, where.q.size))


def leading(where, lead=(2, 3)):
    """W (2, 3, O, I) and x (2, 3, N, ...) against a loop over both."""
    qs = _points(where, lead)
    loop = [[(where.output(q), where.grad(q)) for q in row] for row in qs]
    ys, gs = (np.array([[pair[i] for pair in row] for row in loop]) for i in (0, 1))
    return worst([off(where.output(qs), ys), off(where.grad(qs), gs)])


def shared_input(where, lead=(2, 3)):
    """W (2, 3, O, I) at one x (1, 1, N, ...): the first layer of a network."""
    if not where.layout.shapes:
        raise Skipped("no matrices")
    P, qs = where.layout.size, _points(where, lead)
    qs[..., P:] = where.q[P:]
    Ws, x = where.layout.unpack(qs[..., :P]), where.x
    trace = where.layer.trace(Ws, x if x.dtype.kind in "iu" else x[None, None])
    dy = np.broadcast_to(where.dy, trace[-1].shape)
    uses = where.layer.pull(Ws, trace, dy, data=True)[0]
    loop = np.array([[where.grad(q)[:P] for q in row] for row in qs])
    return off(where.layout.pack([use.total() for use in uses]), loop)


def cotangents(where, lead=(4,)):
    """dy (4, N, ...) of one trace, and (4, 2, N, ...) of the trace of two points."""
    dys = where.rng.standard_normal((*lead, *where.dy.shape))
    one = off(where.grad(where.q, dys), np.array([where.grad(where.q, dy) for dy in dys]))
    qs = _points(where, (2,))
    dys = where.rng.standard_normal((*lead, 2, *where.dy.shape))
    loop = np.array([[where.grad(q, dy) for q, dy in zip(qs, pair)] for pair in dys])
    return worst([one, off(where.grad(qs, dys), loop)])


# ---- one example at a time ----

def _examples_alone(where):
    """Two cotangents, and a Probe of each example with its part of them."""
    if where.layer.couples:
        raise Skipped("the layer couples the examples")
    dys = where.rng.standard_normal((2, *where.dy.shape))
    return dys, [where.alone(n, dys) for n in range(where.N)]


def alone(where):
    """Outputs, dx and the sum of dW of batches of one."""
    dys, ones = _examples_alone(where)
    P = where.layout.size
    ys = np.concatenate([one.output(one.q) for one in ones])
    gs = [one.grad(one.q, one.dy) for one in ones]
    dx = np.concatenate([g[:, P:] for g in gs], axis=-1)
    joined = np.concatenate([sum(g[:, :P] for g in gs), dx], axis=-1)
    return worst([off(where.output(where.q), ys), off(where.grad(where.q, dys), joined)])


def _affine(uses):
    """The uses that tell p and g."""
    affine = [use for use in uses if not isinstance(use, Total)]
    if not affine:
        raise Skipped("not affine" if uses else "no matrices")
    return affine


def each(where):
    """Every use's matrices by example against batches of one, and their sum against the total."""
    dys, ones = _examples_alone(where)
    uses = _affine(where.uses(where.q, dys)[0])
    totals = [[use.total() for use in _affine(one.uses(one.q, one.dy)[0])] for one in ones]
    return worst(error for use, own in zip(uses, zip(*totals)) for error in (
        off(use.each(), np.stack(own, -3)), off(use.each().sum(-3), use.total())))


def pairs(where):
    """sum_nt g p^T of each group of rows, one below the other."""
    uses = [use for use in _affine(where.uses(where.q)[0]) if not isinstance(use, Transposed)]
    if not uses:
        raise Skipped("used transposed")
    return worst(off(np.concatenate([np.einsum("nto,nti->oi", g, p) for p, g in use.pairs()]),
                     use.total()) for use in uses)


def data(where):
    """As a first layer, whose input needs no cotangent."""
    uses, dx = where.uses(where.q)
    first, data = where.uses(where.q, data=True)
    errors = [off(a.total(), b.total()) for a, b in zip(first, uses)]
    return worst([0.0] + errors + ([] if data is None else [off(data, dx)]))


# ---- names ----

def names(where):
    """Every entry of W has a name, is moved only, and comes back."""
    if not where.layout.shapes:
        raise Skipped("no matrices")
    net = Sequential(where.layer)
    theta = where.rng.standard_normal(net.layout.size)
    named, entries = net.named(theta), net.entries()
    if set(np.concatenate([i.reshape(-1) for i in entries.values()])) != set(range(theta.size)):
        return np.inf
    moved = [off(array, theta[entries[name]]) for name, array in named.items()]
    return worst([off(net.from_named(named), theta), *moved])


def starts(where):
    """0 or infinity."""
    try:
        Ws = where.layer.start(where.rng, glorot)
    except AttributeError as missing:
        raise Skipped(f"{missing}; net.initial needs `bias`, or `start`") from None
    fits = [W.shape for W in Ws] == [*where.layout.shapes]
    return 0.0 if fits and all(np.isfinite(W).all() for W in Ws) else np.inf
