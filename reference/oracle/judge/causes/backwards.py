"""Contents: gradients whose way back takes another matrix, place, mask or order than the way forth.

For gradients alone, whose numbers are plain floats.
"""

from dataclasses import replace

import numpy as np

from ....arrays import functions as F
from ....network.affine import Dense
from ....network.attention import Attention
from ....network.branches import Parallel
from ....network.convolution import Conv1d, Conv2d
from ....network.direction import Direction, at, silent
from ....network.elementwise import Elementwise
from ....network.uses import Use
from ..hypotheses import ERROR, content
from ..mutants import Unfit, altered, mutant, mutated, own_slope
from ..retold import FIRST, SECOND, retold

GRADIENT = ("gradient",)
CONVOLUTIONS = (Conv1d, Conv2d)

# ---- places and kernels ----


def _pulled(change):
    """A layer whose uses and dx went through change(layer, Ws, trace, dy, uses, dx)."""
    def changed(layer):
        def pull(Ws, trace, dy, data=False):
            uses, dx = type(layer).pull(layer, Ws, trace, dy, data)
            return change(layer, Ws, trace, dy, uses, dx)
        return altered(layer, pull=pull)
    return changed


def _without_last(layer, Ws, trace, dy, uses, dx):
    if layer.groups > 1:
        raise Unfit
    p, g = uses[0].pairs()[0]
    return [Use(p[..., :-1, :], g[..., :-1, :])], dx


mutant("last place lost", "of a convolution's places the last one is left out",
       "There are floor((n - k)/s) + 1 windows.", GRADIENT, CONVOLUTIONS, _pulled(_without_last))


def _exchanged(layer, Ws, trace, dy, uses, dx):
    """The kernel's gradient as of a convolution with stride and dilation exchanged, 0 outside."""
    other = replace(layer, stride=layer.dilation, dilation=layer.stride)
    x, counts = trace[0], dy.shape[2:]
    wanted = [s * (n - 1) + d * (k - 1) + 1 - 2 * p for n, k, s, d, p in zip(
        counts, layer.kernel_size, other.stride, other.dilation, layer.padding)]
    x = np.pad(x, [(0, 0)] * 2 + [(0, max(0, w - n)) for w, n in zip(wanted, x.shape[2:])])
    there = other.trace(Ws, x)
    padded = np.pad(dy, [(0, 0)] * 2 + [(0, m - n) for m, n in zip(there[-1].shape[2:], counts)])
    return other.pull(Ws, there, padded, True)[0], dx


def _exchangeable(layer):
    if layer.stride == layer.dilation or isinstance(layer.padding, str):
        raise Unfit
    return _pulled(_exchanged)(layer)


mutant("stride and dilation exchanged backwards", "stride and dilation are exchanged in the "
       "gradient of a convolution's weights", "x is at t stride + k dilation.", GRADIENT,
       CONVOLUTIONS, _exchangeable)


@content("kernel cut to a square", ERROR, "a kernel's gradient stops at the shorter of its sides",
         "Use both sides of the kernel.", GRADIENT)
def _square(case):
    g, found = case.ours[0].copy(), False
    for entries in case.objective.net.entries().values():
        if entries.ndim == 4 and entries.shape[2] != entries.shape[3]:
            k, found = min(entries.shape[2:]), True
            for beyond in (entries[:, :, k:], entries[..., k:]):
                g[beyond] = 0
    return [g] if found else None


# ---- matrices ----

def _untransposed(layer):
    if layer.inputs != layer.outputs:
        return layer
    return altered(layer, input_vjp=lambda W, x, y, dy: dy @ W[..., :layer.inputs].T)


mutant("weights not transposed", "on the way back, square weights are not transposed",
       "dx = W^T g; a rotation is undone by its transpose.", ("gradient", "vjp"), (Dense,),
       _untransposed)


def nearest(case, answers):
    """The one of several answers that is nearest to theirs; None if shapes differ."""
    if not answers or [a.shape for a in answers[0]] != [t.shape for t in case.theirs]:
        return None
    return min(answers, key=lambda arrays: sum(
        np.linalg.norm(t - a) for t, a in zip(case.theirs, arrays)))


# ---- activations ----

@content("slope of another layer", ERROR, "one activation's derivative is taken at another "
         "layer's pre-activation", "Keep each layer's own input for the way back.", GRADIENT)
def _one_slope(case):
    layers, xs = case.objective.net.layers, case.objective.net.forward(case.theta, case.objective.x)
    bent = [(i, xs[i]) for i, layer in enumerate(layers) if isinstance(layer, Elementwise)]
    found = []
    for k, (i, x) in enumerate(bent):
        for j, other in bent:
            if i == j or x.shape != other.shape:
                continue
            slope = own_slope(layers[i], other, xs[j + 1])
            found.append(retold(case, mutated(
                case.objective, (Elementwise,), lambda layer, s=slope: altered(
                    layer, slope=lambda x, y: s), only=k)))
    return nearest(case, found)


def _no_upstream(layer):
    def vjp(W, x, y, dy):
        slope = own_slope(layer, x, y)
        return None, dy * F.primal(slope) + slope - F.primal(slope)
    return altered(layer, vjp=vjp)


mutant("second derivative without upstream", "f'' enters without the gradient from above",
       "R{dx} = R{dy} f' + dy f'' R{x}.", SECOND, (Elementwise,), _no_upstream)

FACTORS = {"SiLU": F.sigmoid, "GELU": F.ndtr}
DERIVATIVES = {"SiLU": F.sigmoid_slope, "GELU": F.gaussian_density}


def _no_product(layer):
    """(x f)' = f + x f' of which only the last f' depends on x."""
    f, slope = FACTORS.get(layer.name), DERIVATIVES.get(layer.name)
    if f is None:
        raise Unfit
    return altered(layer, slope=lambda x, y: f(F.primal(x)) + F.primal(x) * slope(x))


mutant("product rule cut short", "of (x f)'' = 2 f' + x f'' the 2 f' is missing",
       "Both factors depend on x.", SECOND, (Elementwise,), _no_product)

# ---- attention, branches, recurrence ----


def _unmasked(layer, Ws, trace, dy, uses, dx):
    q, k, v, _ = trace.kept
    P = replace(layer, causal=False, mask=None)._softmax(q @ F.transpose(k))
    kept = type(trace)(list(trace), (q, k, v, P))
    return Attention.pull(layer, Ws, kept, dy)


mutant("mask dropped backwards", "attention's way back ignores the mask",
       "Mask the scores there, too.", FIRST, (Attention,), _pulled(_unmasked))


def _doubled(layer, Ws, trace, dy, uses, dx):
    if layer.join != "add" or dx is None:
        raise Unfit
    return uses, dx + layer.layers[0].pull(layer.shared_out(Ws)[0], trace.kept[0], dy)[1]


mutant("first branch twice", "where branches meet, the cotangent of the first is added twice",
       "Add each once.", GRADIENT, (Parallel,), _pulled(_doubled))


def _forward_order(layer):
    """dh_t = J_s^T ... J_{t+1}^T dh_s, the step nearest to t first."""
    def gradients(coefficients, matrices, dstate, dy, N):
        T, turned = coefficients[0].shape[-1] // N, layer.cell.turned(matrices)
        skips = layer._skips(T)
        dhs = layer._cotangents(dy, N, skips)

        def back(t, state):
            return layer.cell.back(tuple(at(c, t, N) for c in coefficients), turned, state)

        def through(t, s):
            state = (dhs[s], *dstate[1:])
            for later in range(t + 1, s + 1):
                state = back(later, state)[1]
            return back(t, state)[0]
        found = []
        for t in range(T):
            parts = [through(t, s) for s in range(t, T) if dhs[s] is not None]
            found.append([sum(each) for each in zip(*parts)])
        return tuple(silent(skips, F.concatenate(list(each))) for each in zip(*found))
    if layer.mask is not None:
        raise Unfit
    return altered(layer, _gradients=gradients)


mutant("steps in forward order", "Jacobians of the steps are multiplied in forward order",
       "Go back from the last step: dh_t = J_{t+1}^T dh_{t+1}.", GRADIENT, (Direction,),
       _forward_order)
