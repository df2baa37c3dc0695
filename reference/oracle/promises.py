"""What a layer promises: one line each, with the question that measures it.

A question is a function of a Probe that returns an error, or an error and its own bound.
"""

import numpy as np

from ..arrays import ball
from ..arrays.precision import eps
from ..derivatives import complex_step, dual, finite_difference, tape
from . import arrangement
from .probe import EPS, ROUNDINGS, Skipped, off, worst

BITS = 128
PROVABLE = 1500                        # numbers in W and x up to which balls take seconds
STEP = 2.0 ** -10                      # of differences: longer ones would cross kinks
TAIL = 20, 3                           # |x| where slopes vanish
BLURRED = 1e-4                         # differences that differ by more prove nothing


# ---- first derivatives ----

def _first(part, route):
    """Backward against V @ gradient by a route that runs forward alone."""
    def question(where):
        V = where.directions(part)
        return off(V @ where.grad(where.q), route(where, V))
    return question


def _differences(part):
    """The same, by a route that asks nothing of forward: short differences.

    The bound is what these can know, the rounding of L, or a hundredth of what the extrapolation
    changed.
    """
    def question(where):
        V = where.directions(part)
        V = V / np.sqrt((V * V).sum(-1, keepdims=True))
        truth, change = short_differences(where.value, where.q, V)
        scale = np.abs(truth).max() or 1
        if change > BLURRED * scale:
            raise Skipped("differences cross a kink here; pass an x that is farther from it")
        rounding = EPS * np.abs(where.output(where.q) * where.dy).sum() / STEP
        bound = max(10 * EPS ** 0.7, change / scale / 100, rounding / scale)
        return off(V @ where.grad(where.q), truth), bound
    return question


def short_differences(f, x, V):
    """f'(x) v for each row of V, from D(h) and D(h/2) [Rid82], and what the extrapolation changed.

    h is so short that kinks at some distance are not crossed; error h^4, and eps/h by rounding.
    """
    wide, close = (finite_difference.central_difference(f, x, V, h) for h in (STEP, STEP / 2))
    return close + (close - wide) / 3, np.abs(close - wide).max()


FIRST_ROUTES = {
    "dual numbers": lambda where, V: dual.derivative(where.value, where.q, V),
    "complex step": lambda where, V: complex_step.derivative(where.value, where.q, V),
    "autograd": lambda where, V: V @ tape.gradient(where, where.q),
}


def _tails(where):
    """Entry by entry, relative to each, against dual numbers of balls: f' falls to 1e-17 and less.

    For layers that act entry by entry.  |x| runs from 20 down to 3, of both signs if the x of the
    probe are.
    """
    q, cut = where.q.copy(), where.parts.get("dx", slice(0))
    signs = np.sign(q[cut])
    mixed = (signs > 0).any() and (signs < 0).any()
    q[cut] = np.linspace(*TAIL, len(signs)) * ((-1) ** np.arange(len(signs)) if mixed else signs)
    halves = np.zeros((2, q.size))
    halves[0, cut][::2] = halves[1, cut][1::2] = 1
    _require_elementwise(where, q, halves)
    found = where.grad(q)[cut]
    with ball.precision(BITS):
        slopes = dual.derivative(where.output, ball.exact(q), ball.exact(halves.sum(0)))
        exact = (slopes * ball.exact(where.dy)).reshape(-1)
        error, size = ball.distance(exact, found), np.abs(ball.midpoint(exact))
    return float(np.max(np.where(error > 0, error / np.where(size > 0, size, error), 0)))


def _require_elementwise(where, q, halves):
    """Skipped unless each half of the entries of x moves no output but its own."""
    if not 0 < q.size <= PROVABLE or "dx" not in where.parts:
        raise Skipped(f"asked of at most {PROVABLE} numbers in W and x, x among them")
    if not np.isfinite(where.output(q)).all():
        raise Skipped("the output overflows, or is not defined there")
    moved = dual.derivative(where.output, q, halves)
    x = halves[:, where.parts["dx"]].reshape((2,) + where.x.shape)
    if moved.shape != x.shape or moved[x == 0].any():
        raise Skipped("not elementwise")


# ---- second derivatives ----

def _curved(where, count=3):
    """Directions V (count, Q), H V by dual numbers, and the size of the gradient."""
    V = where.rng.standard_normal((count, where.q.size))
    return V, dual.derivative(where.grad, where.q, V), np.abs(where.grad(where.q)).max(initial=0)


def _second(where):
    """H V by complex steps of backward."""
    V, HV, scale = _curved(where)
    return off(complex_step.derivative(where.grad, where.q, V), HV, scale)


def _symmetric(where):
    """V H V^T against its transpose."""
    V, HV, scale = _curved(where)
    return off(HV @ V.T, V @ HV.T, scale)


def _hyper(where):
    """V H V^T by hyper-dual numbers."""
    V, HV, scale = _curved(where)
    return off(HV @ V.T, dual.hyper_curvature(where, where.q, V, V), scale)


# ---- precision ----

def _in(where, dtype):
    """(y, g) in another precision; TypeError if it is not kept."""
    q = where.q.astype(dtype)
    answers = {"y": where.output(q), "dW and dx": where.grad(q)}
    for name, a in answers.items():
        if a.dtype != dtype:
            raise TypeError(f"{name} of {np.dtype(dtype)} input is {a.dtype}: write data of the "
                            "layer as F.fitted(data, x)")
    return list(answers.values())


def _single(where):
    """float32 stays float32, and near float64."""
    truth = (where.output(where.q), where.grad(where.q))
    return worst(off(a, b) for a, b in zip(_in(where, np.float32), truth))


def _enclosed(where, dtype):
    """How far the answers of a precision are from balls around the exact ones."""
    if where.q.size > PROVABLE:
        raise Skipped(f"{where.q.size} numbers in W and x; with at most {PROVABLE} balls are asked")
    answers = _in(where, dtype)
    q = where.q.astype(dtype)
    with ball.precision(BITS):
        exact = where.output(ball.exact(q)), where.grad(ball.exact(q))
        errors = [ball.distance(e, a).max() / (np.abs(a).max() or 1)
                  for e, a in zip(exact, answers)]
    return worst(errors)


def _extended(where):
    """longdouble stays longdouble, to its last digits."""
    _require_wide(where)
    return _enclosed(where, np.longdouble)


def _extended_slopes(where):
    """Backward against dual numbers of forward, along random directions."""
    _require_wide(where)
    V = _curved(where)[0].astype(np.longdouble)
    q = where.q.astype(np.longdouble)
    return off(V @ where.grad(q), dual.derivative(where.value, q, V))


def _require_wide(where):
    if eps(np.longdouble) > 1e-18:
        _in(where, np.longdouble)
        raise Skipped("longdouble is float64 on this machine")


# ---- the promises: name, question, what it means if broken, and a bound of its own ----

FIRST = [
    ("output_shape", arrangement.shapes,
     "forward's output does not have the shape that output_shape tells"),
    ("writes nothing", arrangement.writes,
     "an input or the trace was changed: other callers would meet the changed one"),
    ("the same twice", arrangement.twice,
     "a second call answers otherwise: hidden state or randomness"),
]

NOT_THE_DERIVATIVE = "the backward pass is not the derivative of forward"
UNANALYTIC = (NOT_THE_DERIVATIVE + "; if differences agree, forward is not analytic: abs, conj, "
              ".real, max lose the step")
SINGLE, EXTENDED = ROUNDINGS * eps(np.float32), ROUNDINGS * eps(np.longdouble)

PROMISES = [
    *[(f"{part} by {name}", _first(part, route),
       UNANALYTIC if name == "complex step" else NOT_THE_DERIVATIVE)
      for name, route in FIRST_ROUTES.items() for part in ("dW", "dx")],
    *[(f"{part} by differences", _differences(part), NOT_THE_DERIVATIVE) for part in ("dW", "dx")],
    ("dx in the tails", _tails,
     "where slopes vanish, half of their digits are lost: 1 - y*y and y*(1 - y) subtract equals",
     EPS ** 0.5),
    ("H v by complex step", _second,
     "backward differs in dual and in complex numbers: it is not analytic"),
    ("H v by forward alone", _hyper,
     "dual numbers through backward are not the second derivative of forward"),
    ("H symmetric", _symmetric, "backward is no gradient: its own derivative is not symmetric"),
    ("leading axes of theta", arrangement.leading,
     "several W and x at once are not a loop over them"),
    ("leading axes of theta, one x", arrangement.shared_input,
     "several W at one x are not a loop over them"),
    ("leading axes of the cotangent", arrangement.cotangents,
     "several cotangents at once are not a loop over them"),
    ("examples alone", arrangement.alone,
     "an example's answer depends on the batch: say couples = True, or let batch(index) cut what "
     "the layer holds per example"),
    ("each", arrangement.each, "gradients example by example are not those of the examples alone"),
    ("pairs", arrangement.pairs, "patches and gradients do not multiply to dW"),
    ("data", arrangement.data, "with data=True the uses or dx are others"),
    ("parts", arrangement.names, "the named arrays are not all entries of W, merely moved"),
    ("start", arrangement.starts, "the initial matrices do not have the layer's shapes"),
    ("float32", _single, "float32 is computed wrongly", SINGLE),
    ("float64, proven by balls", lambda where: _enclosed(where, np.float64),
     "balls enclose something else: a kink is decided on floats, or digits are lost"),
    ("longdouble, proven by balls", _extended,
     "digits beyond float64 are lost: something is computed in float64, or narrowed", EXTENDED),
    ("longdouble, by dual numbers", _extended_slopes,
     "forward and backward agree to float64 only: a constant of one is computed in Python floats",
     EXTENDED),
]
