"""The judge of the accuracy tests: textbook formulas in balls, at whatever precision it takes.

Nothing here imports the package.  A formula of one number is a function of python-flint's truncated
power series; the precision grows until every ball is known to 80 bits, or is proven to lie below
the smallest longdouble, 4e-4951.
"""

import flint
import numpy as np

BITS = (400, 1600, 6400, 25600)
UNITS = 300                         # bits of the arithmetic in which errors are compared


def exact(t):
    """A ball of radius zero around any real number, longdouble included."""
    p, q = (t if isinstance(t, int) else np.asarray(t)[()]).as_integer_ratio()
    return flint.arb(p) / flint.arb(q)


def settle(formula, negligible=-5000):
    """The list of balls `formula()`, at the first precision that settles all of them."""
    for bits in BITS:
        with flint.ctx.workprec(bits):
            balls = formula()
            if all(_settled(ball, negligible) for ball in balls):
                return balls
    raise ArithmeticError(f"not settled with {BITS[-1]} bits: {balls}")


def _settled(ball, negligible):
    return ball.is_finite() and (ball.rel_accuracy_bits() >= 80
                                 or abs(ball) < flint.arb(10) ** negligible)


def derivatives(formula, t, order=2):
    """[f, f', ..., f^(order)] at the float t."""
    def evaluate():
        series = formula(flint.arb_series([exact(t), 1], prec=order + 1))
        coefficients = series.coeffs() + [flint.arb(0)] * (order + 1)
        return [c * flint.arb.fac_ui(k) for k, c in enumerate(coefficients[:order + 1])]
    return settle(evaluate)


def eps(array):
    """Spacing of the floats next to 1, as a ball."""
    return exact(np.finfo(array.dtype).eps)


def tiny(array):
    """The smallest normal float, as a ball: below it, underflow is granted."""
    return exact(np.finfo(array.dtype).tiny)


def worst(computed, truth, scale, absolute=0):
    """max over entries of (|computed - truth| - absolute)/(eps scale): an error in units of eps.

    `truth` and `scale` hold balls; entries that are not finite count as infinitely wrong.
    """
    computed = np.asarray(computed)
    shape = computed.shape
    rows = zip(computed.flat, np.reshape(truth, shape).flat, np.reshape(scale, shape).flat)
    return max((_error(c, t, s * eps(computed), absolute) for c, t, s in rows), default=0.0)


def _error(computed, truth, unit, absolute):
    if not np.isfinite(computed):
        return np.inf
    with flint.ctx.workprec(UNITS):
        off = abs(exact(computed) - truth) - absolute
        if not off > 0:
            return 0.0
        return float((off / unit).mid()) if unit > 0 else np.inf


def relative(computed, truth, absolute=0):
    """The worst error relative to each entry, in units of eps."""
    return worst(computed, truth, [abs(t) for t in np.ravel(truth)], absolute)


def gradient_and_hessian(formula, u, negligible=-5000):
    """f, grad f, Hess f at a list of floats u, from power series along e_i and e_i + e_j."""
    n = len(u)

    def along(*directions):
        return formula([flint.arb_series([exact(t), int(i in directions)], prec=3)
                        for i, t in enumerate(u)])

    def evaluate():
        single = [along(i) for i in range(n)]
        mixed = [along(i, j)[2] - single[i][2] - single[j][2] for i in range(n) for j in range(i)]
        return [single[0][0], *(s[1] for s in single), *(2 * s[2] for s in single), *mixed]

    flat = settle(evaluate, negligible)
    H = np.diag(np.array(flat[1 + n:1 + 2 * n], object))
    H[np.tril_indices(n, -1)] = flat[1 + 2 * n:]
    return flat[0], flat[1:1 + n], np.where(np.tri(n, dtype=bool), H, H.T)
