"""Test points at which faults show: sizes pairwise coprime, away from kinks and ties, nothing zero.

    draw theta, x and y until no weakness that a draw can mend is left; state what is near
"""

from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from ....arrays.checks import require_generator
from ....curvature.gauss_newton import gauss_newton
from ....curvature.operator import dense
from ....network.losses import Loss
from ....network.objective import Objective
from .audit import Point, audit
from .designs import DESIGNS
from .weak_layers import kinks, ties

DRAWS = 100
APART = 1e-3                           # of a layer's root mean square: kinks, and between maxima
DRAWN = {"kink", "tie", "dead unit", "all on", "labels", "examples", "gradient", "residual",
         "direction", "indices", "symmetric", "biases"}          # what another draw can mend
SMALL = 300                            # parameters up to which the conditioning is computed


@dataclass(frozen=True, eq=False)
class TestPoint:
    """Where to check: `objective, theta = point`, and arguments for every quantity.

    Attributes
    ----------
    objective : Objective
    theta : array (P,)
    arguments : dict
        "v" (P,), "u" as the outputs, "seed", "damping".
    weaknesses : list of Weakness
        What the shapes of the net leave; empty for those of `test_point`.
    kink, tie : float
        The nearest pre-activation to a kink, and gap of two largest entries, against the root mean
        square of what enters the layer; inf where there is none.
    condition : float
        Largest over smallest positive eigenvalue of the Gauss-Newton matrix; nan above 300
        parameters.
    """

    __test__ = False                   # no class of tests, whatever its name says to pytest

    objective: Objective
    theta: np.ndarray
    arguments: dict
    weaknesses: list
    kink: float
    tie: float
    condition: float

    def __iter__(self):
        return iter((self.objective, self.theta))

    def given(self, quantity):
        """(objective, theta, *arguments) of a quantity, as `check` takes them."""
        from ..subjects import subject_of
        return (self.objective, self.theta,
                *(self.arguments[name] for name in subject_of(quantity).arguments))

    def __str__(self):
        o, z = self.objective, self.objective.output_shape
        return "\n".join([
            f"N = {o.N}, outputs {z[1:]}, P = {self.theta.size}",
            f"nearest kink {self.kink:.1e}, nearest tie {self.tie:.1e} of a layer's size",
            f"condition of the Gauss-Newton matrix {self.condition:.1e}",
            *(f"weak: {each}" for each in self.weaknesses)])


def test_point(name, rng):
    """A designed point of a kind of network: nothing that is planted there is hidden.

    Parameters
    ----------
    name : str
        Of `designs.DESIGNS`: "dense", "conv", "recurrent", ...
    rng : numpy.random.Generator

    Returns
    -------
    TestPoint

    Raises
    ------
    ValueError
        For a name that is none, listing them.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.test_point("dense", np.random.default_rng(0))
    >>> objective.N, objective.output_shape[-1], theta.size, ref.audit(objective, theta)
    (11, 7, 31, [])
    """
    if name not in DESIGNS:
        raise ValueError(f"no design {name!r}; choose one of {', '.join(DESIGNS)}.")
    require_generator(rng)
    make, loss, shape, N = DESIGNS[name]
    return design(make(rng, N), loss, rng, shape, N)


test_point.__test__ = False


def design(net, loss, rng, shape, N=None, vocabulary=None):
    """A test point of a network of one's own.

    Parameters
    ----------
    net : Sequential
    loss : Loss
        Whose targets can be drawn: of classes, probabilities, real numbers or counts.
    rng : numpy.random.Generator
    shape : tuple of int
        Of one example.
    N : int, optional
        Examples; if omitted the smallest prime from 5 on that is coprime to all sizes.
    vocabulary : int, optional
        Of a net of words, whose x are integers below it; the first layer's size if omitted.

    Returns
    -------
    TestPoint
        The draw with the fewest weaknesses, of 100; those that its shapes have are stated.
    """
    require_generator(rng)
    if not isinstance(loss, Loss):
        raise TypeError(f"loss is {loss!r}; call its constructor, as in CrossEntropy().")
    N, best = N or coprime(net, shape), None
    for _ in range(DRAWS):
        point = _drawn(net, loss, rng, tuple(shape), N, vocabulary)
        if best is None or _worth(point) < _worth(best):
            best = point
        if min(point.kink, point.tie) > APART and not DRAWN & {w.name for w in point.weaknesses}:
            return _conditioned(point)
    return _conditioned(best)


def coprime(net, shape):
    """The smallest prime from 5 on that divides no size of the net."""
    sizes = {2, *np.ravel(net.layout.shapes).tolist(), *shape,
             *_output(net, shape), prod(_output(net, shape))}
    n = 5
    while any(gcd(n, size) > 1 for size in sizes) or any(n % k == 0 for k in range(2, n)):
        n += 2
    return n


def _output(net, shape):
    return net.output_shape(tuple(shape))


def _worth(point):
    return len(point.weaknesses), -min(point.kink, point.tie, APART)


def _drawn(net, loss, rng, shape, N, vocabulary):
    """One draw, and what is weak about it."""
    theta = 0.7 * rng.standard_normal(net.layout.size)
    if net.indices:
        x = rng.integers(vocabulary or net.layers[0].size, size=(N, *shape))
    else:
        x = rng.standard_normal((N, *shape))
    objective = Objective(net, loss, x, targets(rng, loss, (N, *_output(net, shape))))
    arguments = {"v": rng.standard_normal(theta.size), "seed": int(rng.integers(1 << 30)),
                 "u": rng.standard_normal(objective.output_shape), "damping": 0.13}
    point = Point(objective, theta, arguments)
    nearest = [min((d for d, *_ in found), default=np.inf)
               for found in (kinks(point), ties(point))]
    weak = audit(objective, theta, arguments["v"], arguments["u"], arguments["damping"])
    return TestPoint(objective, theta, arguments, weak, *nearest, np.nan)


def targets(rng, loss, shape):
    """Labels or targets for outputs of a shape, drawn by the loss's kind."""
    if loss.name == "CrossEntropy":
        return rng.integers(shape[-1], size=shape[:-1])
    if loss.name == "BinaryCrossEntropy":
        return rng.integers(2, size=shape).astype(float)
    if loss.name == "Poisson":
        return rng.poisson(2.0, shape).astype(float)
    half = loss.name == "Gaussian"
    return rng.standard_normal((*shape[:-1], shape[-1] // 2 if half else shape[-1]))


def _conditioned(point):
    """With the condition number of the Gauss-Newton matrix on its range."""
    if point.theta.size > SMALL:
        return point
    values = np.linalg.eigvalsh(dense(gauss_newton(point.objective, point.theta)))
    values = values[values > values.max() * len(values) * np.finfo(float).eps]
    return TestPoint(point.objective, point.theta, point.arguments, point.weaknesses, point.kink,
                     point.tie, float(values.max() / values.min()))
