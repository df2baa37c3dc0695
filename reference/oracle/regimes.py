"""Conditions under which curvature matrices are equal, computed from an objective at a theta.

Each answers for every weight matrix (L,), or for all at once.  A condition is sufficient, and is
decided to rounding: 64 eps of the scale that is named.  With E_n the expectation over labels times
w_n/R, and g, p at the places t, u where a weight matrix is used, its block is

    B = sum_n sum_tu E_n[g_t g_u^T] (x) p_t p_u^T,

and one Kronecker product is B where one factor of every term is the same, and leaves the sum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays.precision import eps
from ..curvature import bends as bending
from ..curvature.averaged import is_chain
from ..curvature.diagonal import diagonal
from ..curvature.gauss_newton import fisher, output_fisher
from ..network.branches import Parallel
from ..network.compose import Composite
from ..network.elementwise import ACTIVATIONS, Elementwise
from ..network.layer import Wrapping
from ..network.normalise import Normalisation
from .place import Undefined

NATURAL = ("CrossEntropy", "BinaryCrossEntropy", "Poisson", "SquaredError")


@dataclass(frozen=True)
class Condition:
    """`words`, and `test`: Place -> bool, or one for each weight matrix; or it raises Undefined.

    `defines` says that the matrices of its theorems are not defined where it fails.
    """

    words: str
    test: Callable
    defines: bool = False

    def at(self, place):
        """Booleans (L,); False where the question makes no sense."""
        try:
            answer = self.test(place)
        except Undefined:
            answer = False
        return np.broadcast_to(answer, len(place.matrices))


def _each(test):
    """A condition on one matrix at a time."""
    return lambda at: [bool(test(at, l)) for l in at.matrices]


# ---- the network ----

def depth(layer):
    """The largest number of weight matrices on a path."""
    if isinstance(layer, Wrapping):
        return depth(layer.inner)
    if not isinstance(layer, Composite):
        return len(layer.shapes)
    inner = [depth(each) for each in layer.layers]
    return max(inner) if isinstance(layer, Parallel) else sum(inner)


def _known(at):
    return bending.strange(at.net) is None


def _is_known_above(at, l):
    """Gains and offsets of a normalisation are affine, whatever the layer is in x."""
    return all(bending.strange(at.leaves[i]) is None for i in at.reached(l)) and all(
        bending.strange(at.leaves[i]) is None or isinstance(at.leaves[i], Normalisation)
        for i in at.users[l])


def _is_linear_model(at):
    bent = [leaf for leaf in at.leaves if isinstance(leaf, Elementwise)
            and not ACTIVATIONS[leaf.name].linear_pieces]
    return _known(at) and depth(at.net) == 1 and not bent


def _is_linear(at):
    """p_m = M p_k for all matrices k < m but the first, with the constant 1 within p."""
    bent = [leaf for leaf in at.leaves if isinstance(leaf, Elementwise) and leaf.name != "Identity"]
    if bent or not is_chain(at.net):
        return False
    biases = [leaf.bias for leaf in at.leaves if leaf.shapes][1:]
    return biases == sorted(biases, reverse=True)


# ---- patches and gradients of a matrix, group of rows by group ----

def _has_one_place(at, l):
    return all(p.shape[-2] == 1 for p, _ in at.uses[l])


def _has_one_patch(at, l):
    return all(at.same(p, (0, 1)) for p, _ in at.uses[l])


def _moments(at, g, kind):
    """Yields E_n[g g^T]/w_n (T, O, T, O), for one example after the other."""
    S = at.middle(kind)
    for n in np.flatnonzero(at.weights > 0):
        flat = g[:, n].reshape(len(g), -1)
        yield (flat.T @ S[n] @ flat / at.weights[n]).reshape(g.shape[2:] * 2)


def _are_apart(kind):
    """No products of different places, of which E[g_t g_u^T] is 0."""
    def vanish(at, g):
        other = ~np.eye(g.shape[-2], dtype=bool)[:, None, :, None]
        return all(np.abs(E * other).max() <= at.rounding * np.abs(E).max()
                   for E in _moments(at, g, kind))

    def test(at, l):
        return _has_one_place(at, l) or at.weights is not None and all(
            vanish(at, g) for _, g in at.uses[l])
    return _each(test)


def _has_one_moment(kind):
    """A patch, or else E[g_t g_t^T], the same at all n and t."""
    def same(at, g):
        first = None
        for E in _moments(at, g, kind):
            own = np.einsum("totp->top", E)
            first = own[:1] if first is None else first
            if np.abs(own - first).max() > at.rounding * np.abs(first).max():
                return False
        return True

    def test(at, l):
        return _has_one_patch(at, l) or at.weights is not None and all(
            same(at, g) for _, g in at.uses[l])
    return _each(test)


def _has_one_jacobian(at, l, kind):
    """dz/ds and S/w_n the same at all n and t."""
    if at.weights is None:
        return False
    some = at.weights > 0
    S = at.middle(kind)[some] / at.weights[some, None, None]
    return at.same(S, 0) and all(at.same(g[:, some], (1, 2)) for _, g in at.uses[l])


def _has_one_gradient(kind):
    """A patch, or else dz/ds and S, the same at all n and t."""
    return _each(lambda at, l: _has_one_patch(at, l) or _has_one_jacobian(at, l, kind))


def _all_have_one(at):
    """Products of a p of one matrix and a g of another are in blocks between layers."""
    return all(_has_one_patch(at, l) for l in at.matrices) or all(
        _has_one_jacobian(at, l, "type-2") for l in at.matrices)


# ---- bends and slopes ----

def _bends_nowhere(at, l):
    return all(np.abs(b).max() <= at.rounding * at.scale for _, b in at.above(l))


def _bends_to(sign):
    return _each(lambda at, l: all((sign * b).min() >= -at.rounding * at.scale
                                   for _, b in at.above(l)))


def _samples(a):
    return a.reshape(-1, a.shape[-1])


def _differing(at, l):
    """In how many layers above matrix l the slopes are not the same for all examples."""
    return sum(not at.same(_samples(f), 0) for f, _ in at.above(l))


def _averages_are_exact(at, l):
    """mean(f' f'^T) * mean(C) is mean(f' f'^T * C) where f' or C is the same for all."""
    return _differing(at, l) == 0 or _differing(at, l) == 1 and _has_one_S(at)


def _has_one_S(at):
    hessian = at.objective.loss.hessian(at.xs[-1], at.objective.targets)
    return at.same(hessian.reshape((-1,) + hessian.shape[-2:]), 0)


def _bends_agree(at, l):
    few = at.rounding * at.scale
    return all(((_samples(b) >= -few).all(0) | (_samples(b) <= few).all(0)).all()
               for _, b in at.above(l))


# ---- residuals ----

def _vanishes(at, residual):
    return np.abs(residual).max() <= at.rounding * at.scale * max(1, np.abs(at.xs[-1]).max())


def _labels_are_expected(at):
    if not at.is_likelihood:
        return False
    ours, theirs = (at.gathered(output_fisher(at.objective, at.xs[-1], kind))
                    for kind in ("empirical", "type-2"))
    return np.abs(ours - theirs).max() <= at.rounding * np.abs(theirs).max()


def _is_stationary(at):
    """C = F - h h^T/sum(w/R): a matrix that is rounding beside F, by traces."""
    h = at.net.vjp(at.theta, at.xs, at.dz)[0]
    total = at.objective.weighted(np.ones(at.xs[-1].shape[:-1], at.theta.dtype)).sum()
    trace = diagonal(fisher(at.objective, at.theta, "empirical")).sum()
    return h @ h / total <= eps(at.theta.dtype) * trace


# ---- the table ----

NO_DECAY = Condition("no weight decay", lambda at: at.objective.l2 == 0)
KNOWN = Condition("all layers are affine, elementwise, or maxima of windows", _known, True)
KNOWN_ABOVE = Condition("all layers from the matrix on are affine, elementwise, or maxima of "
                        "windows", _each(_is_known_above))
CHAIN = Condition("a chain of Dense and elementwise layers", lambda at: is_chain(at.net), True)
ONE_PLACE = Condition("the matrix is used at one place per example", _each(_has_one_place))
ONE_GROUP = Condition("the rows of the matrix meet the same patches",
                      _each(lambda at, l: len(at.uses[l]) == 1))
PAIRED = Condition("all matrices are used at one place per example, all rows with one patch",
                   lambda at: all(_has_one_place(at, l) and len(at.uses[l]) == 1
                                  for l in at.matrices), True)
ONCE = Condition("the matrix is used by one layer",
                 _each(lambda at, l: at.net.owners.count(l) == 1))
LINEAR_MODEL = Condition("the model is linear in theta: one matrix on every path, and no bends",
                         _is_linear_model)
LINEAR = Condition("the network is linear in its inputs; above the first matrix, none without a "
                   "bias comes below one with a bias", _is_linear)
FEW = Condition("at most two matrices", lambda at: len(at.matrices) <= 2)
THIN = Condition("the matrix has one row or one column",
                 lambda at: [min(shape) == 1 for shape in at.net.layout.shapes])

APART = Condition("one place per example, or places with uncorrelated gradients",
                  _are_apart("type-2"))
APART_GGN = Condition(APART.words, _are_apart("ggn"))
ONE_MOMENT = Condition("p, or else E[g g^T], is the same at all examples and places",
                       _has_one_moment("type-2"))
ONE_MOMENT_GGN = Condition(ONE_MOMENT.words, _has_one_moment("ggn"))
ONE_GRADIENT = Condition("p, or else dz/ds and S, are the same at all examples and places",
                         _has_one_gradient("type-2"))
ONE_GRADIENT_GGN = Condition(ONE_GRADIENT.words, _has_one_gradient("ggn"))
ALL_HAVE_ONE = Condition("p of all matrices, or else dz/ds of all and S, are the same at all "
                         "examples", _all_have_one)
ONE_PATCH = Condition("p is the same at all examples and places",
                      _each(_has_one_patch))

UNBENT = Condition("no bends f'' dL/dx above the matrix", _each(_bends_nowhere))
UPWARDS = Condition("no bend above the matrix is negative", _bends_to(1))
DOWNWARDS = Condition("no bend above the matrix is positive", _bends_to(-1))
SAME_SLOPES = Condition("slopes above the matrix are the same for all examples",
                        _each(lambda at, l: _differing(at, l) == 0))
EXACT_MEANS = Condition("slopes above the matrix are the same for all examples, but for one "
                        "layer's if S is the same for all", _each(_averages_are_exact))
SAME_SIGNS = Condition("bends of a unit above the matrix have one sign at all examples",
                       _each(_bends_agree))

NATURAL_LOSS = Condition("the score is linear in the label: cross-entropy (binary too), Poisson, "
                         "squared error", lambda at: at.objective.loss.name in NATURAL)
CANCELLED = Condition("residuals dloss/dz vanish, or cancel among equal inputs",
                      lambda at: _vanishes(at, at.gathered(at.dz)))
EXPECTED = Condition("among equal inputs, labels make s s^T what the model expects",
                     _labels_are_expected)
STATIONARY = Condition("the gradient vanishes, weight decay aside", _is_stationary)
