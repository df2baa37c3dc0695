"""Proven digits: the same code, run on balls, encloses the exact answer [Joh17].

The float64 answer is computed as always.  Then the same function runs on arrays of balls, with
theta and the data as exact numbers, at rising precision, until the enclosure of the exact answer
is much narrower than its distance from the float64 answer.  What is proven is how far the float64
answer is from what the *formulas of this code* define; that the formulas are those of the
mathematics is what the independent routes, and the theorems among the tests, are for.
"""

import dataclasses
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context
from typing import Any

import flint
import numpy as np

from ..arrays import ball
from ..arrays.checks import is_whole
from ..arrays.transfer import on_host, to_host
from ..curvature.kbfgs import Factors
from ..curvature.kron import Kron, KronEigen
from ..curvature.limited_memory import LimitedMemory
from ..curvature.operator import Symmetric, dense

UPWARDS = Context(prec=2, rounding=ROUND_CEILING)
BITS = (96, 192, 384, 768, 1536)
NARROW = 2.0 ** -10                   # widest enclosure, relative to the error that it measures
TINY = 2.0 ** -70                     # or relative to the answer, whichever is wider


@dataclass(frozen=True)
class Certificate:
    """A value with a proven radius.

    Attributes
    ----------
    value
        What the quantity returned, in floating point.
    radius : float
        Proven: no entry of `value` is farther than this from the exact answer.
    scale : float
        Largest magnitude among the entries of `value`.
    digits : float
        -log10(radius/scale): correct digits of the largest entries; of all, in their units.
    bits : int
        Working precision that sufficed.
    how : str
        In words.
    errors : list of arrays
        The proven bound for every entry.
    """

    value: Any
    radius: float
    scale: float
    digits: float
    bits: int
    how: str
    errors: Any = field(repr=False, default=None)


class NotProven(ArithmeticError):
    """No proof was found within the allowed precision; the message says what stood in the way."""


def certify(quantity, objective, theta, *args, bits=BITS, **options):
    """Prove how far quantity(objective, theta, *args) is from the exact answer.

    Parameters
    ----------
    quantity : callable
        Such as `gradient`, `hvp`, `hessian`, `gauss_newton`, `kfac`: any function of this package
        of (objective, theta, ...); operators are made dense.
    objective : Objective
    theta : float array (P,)
    *args : arrays
        Directions and the like; floats are taken as exact numbers.
    bits : int or sequence of int
        The precision, or precisions to try, rising.
    **options
        Passed on to `quantity` unchanged; of a random generator every run gets its own copy, so
        that all of them draw the same.

    Returns
    -------
    Certificate

    Raises
    ------
    NotProven
        If a ball straddles a kink, or no precision in `bits` narrows the enclosure enough.
    """
    value = quantity(objective, theta, *map(_copied, args), **_each(_copied, options))
    objective, theta, args = on_host((objective, theta, args))
    return certify_value(value, quantity, objective, theta, *args, bits=bits, **options)


def certify_value(value, quantity, objective, theta, *args, bits=BITS, **options):
    """Prove how far a given `value`, from wherever, is from what `quantity` defines exactly.

    Parameters and errors are those of `certify`.
    """
    floats, obstacle = leaves(value), "no precision was tried"
    _require_numbers(floats)
    bits = _precisions(bits)
    for b in bits:
        try:
            exact = enclosure(quantity, objective, theta, *args, bits=b, **options)
        except (ball.Undecided, np.linalg.LinAlgError) as reason:
            obstacle = str(reason)
            continue
        certificate = measured(value, exact)
        narrow = max(NARROW * certificate.radius, TINY * certificate.scale)
        if np.isfinite(certificate.radius) and exact.width <= narrow:
            return certificate
        obstacle = f"the enclosure is still {exact.width:.1e} wide"
    raise NotProven(f"not proven with up to {max(bits, default=0)} bits: {obstacle.rstrip('.')}.")


@dataclass(frozen=True)
class Enclosure:
    """Arrays of balls that contain the exact answer."""

    balls: list
    bits: int

    @property
    def width(self):
        """The largest radius."""
        return largest(map(ball.radius, self.balls))


def enclosure(quantity, objective, theta, *args, bits, **options):
    """Run quantity(objective, theta, *args) on balls of the given precision."""
    with ball.precision(bits):
        exact = leaves(_run(quantity, objective, *map(_lift, (theta, *args)),
                            **_each(_lift, options)))
    others = [type(t).__name__ for a in exact for t in a.flat if not isinstance(t, flint.arb)]
    if others:
        raise TypeError(f"{len(others)} results came back as {others[0]}, not as balls: "
                        "nothing is proven about them.")
    return Enclosure(exact, bits)


def measured(value, exact):
    """The Certificate of `value`, given an Enclosure of the exact answer."""
    floats = leaves(value)
    _require_same_shapes(floats, exact.balls)
    with ball.precision(exact.bits):
        errors = [ball.distance(e, f) for e, f in zip(exact.balls, floats)]
    radius, scale = largest(errors), largest(map(np.abs, floats))
    digits = digits_of(radius, scale)
    return Certificate(value, radius, scale, digits, exact.bits,
                       f"same code on balls of {exact.bits} bits; |value - truth| <= "
                       f"{upwards(radius)} ({np.floor(10 * digits) / 10:.1f} digits of the "
                       "largest entry)", errors)


def upwards(x):
    """x >= 0 in two digits that are none less: 2.02e-17 is 2.1e-17."""
    return f"{UPWARDS.create_decimal_from_float(x):.1e}" if 0 < x < np.inf else str(x)


def largest(arrays):
    """The largest entry of all arrays, 0 if there is none; nan if any is."""
    return float(np.max([a.max(initial=0.0) for a in arrays], initial=0.0))


def digits_of(error, scale):
    """-log10(error/scale): correct digits; inf for no error, nan if either is nan."""
    if error == 0:
        return np.inf
    return float(-np.log10(error / scale)) if scale > 0 else -np.inf


def _run(quantity, *lifted, **options):
    """The quantity on balls; a TypeError says that this one, or this route to it, has no balls."""
    try:
        return quantity(*lifted, **options)
    except TypeError as error:
        name = getattr(quantity, "__name__", quantity)
        raise TypeError(f"{name} does not run on balls with these options ({error}); give its "
                        "value to certify_value, with a quantity that does.") from error


def _copied(a):
    """A random generator's copy in its present state; anything else as it is."""
    return deepcopy(a) if isinstance(a, np.random.Generator) else a


def _lift(a):
    """Floats as exact balls, wherever they are; generators as copies; anything else as it is."""
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return ball.exact(a)
    if isinstance(a, (list, tuple)):
        return type(a)(map(_lift, a))
    if isinstance(a, (Factors, Kron, KronEigen, LimitedMemory)):
        return type(a)(**{f.name: _lift(getattr(a, f.name)) for f in dataclasses.fields(a)})
    return _copied(a)


def _each(f, options):
    return {name: f(option) for name, option in options.items()}


def leaves(result):
    """The arrays in a result: an array, an operator, a dataclass, or a sequence of these."""
    if isinstance(result, Symmetric):
        return [dense(result)]
    if dataclasses.is_dataclass(result):
        return leaves([getattr(result, f.name) for f in dataclasses.fields(result)
                       if f.type is not int])                  # a size is part of the question
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result if isinstance(result, np.ndarray) else to_host(result)]


def _precisions(bits):
    """One precision or several, as a tuple of whole numbers."""
    tried = tuple(bits) if isinstance(bits, Iterable) else (bits,)
    if not all(is_whole(b, 2) for b in tried):
        raise ValueError(f"bits must be a whole number of at least 2, or several, got {bits!r}.")
    return tuple(map(int, tried))


def _require_numbers(floats):
    if not sum(f.size for f in floats):
        raise ValueError("the value is empty; nothing to certify.")
    for f in floats:
        if not np.isfinite(f).all():
            raise ValueError(f"{int((~np.isfinite(f)).sum())} entries of the value are not finite; "
                             "nothing to certify.")


def _require_same_shapes(floats, exact):
    shapes = [[a.shape for a in arrays] for arrays in (floats, exact)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the value has shapes {shapes[0]}, the quantity {shapes[1]}; "
                         "shapes must match exactly.")
