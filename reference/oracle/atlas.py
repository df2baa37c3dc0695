"""How two curvature matrices are related at a theta: their distance, and the theorem about it."""

from dataclasses import dataclass

import numpy as np

from ..arrays.checks import require_theta
from ..arrays.precision import eps
from ..arrays.transfer import by_host
from ..curvature.kfac import kfac
from .matrices import MATRICES, blocks_of, require_matrix
from .place import Place
from .theorems import THEOREMS, paths


@dataclass(frozen=True)
class Relation:
    """What `relate` found; its text, str(), is a report.

    Attributes
    ----------
    left, right : str
        Names of the two matrices.
    whole : float or None
        |left - right|/|right| (Frobenius); None if one of them has blocks alone.
    cosine : float
        <left, right>/(|left| |right|), of the blocks if `whole` is None.
    blocks : dict
        The relative distance of every diagonal block, by the first name of its weight matrix in
        `net.named`; its bias is in it.
    tolerance : float
        Distances up to this are rounding: (1000 + 16 P) eps; times the condition of what is
        inverted for "tridiagonal kfac" of three matrices or more.
    equal : bool
        Whether the two are equal to rounding, the blocks if `whole` is None.
    equal_blocks : dict
        The same for every block.
    because : tuple of Theorem
        A chain of theorems that hold here and make the two equal; empty if there is none.
    because_blocks : dict
        The same for every block.
    bounds : tuple of Theorem
        Inequalities between the two that hold here.
    failing : dict
        Theorem between the two that does not hold here -> the conditions that fail, at some matrix.
    warnings : tuple of str
        Where theorems and numbers disagree: what is proven and not so, or is so and not proven.
    """

    left: str
    right: str
    whole: float | None
    cosine: float
    blocks: dict
    tolerance: float
    equal: bool
    equal_blocks: dict
    because: tuple
    because_blocks: dict
    bounds: tuple
    failing: dict
    warnings: tuple

    def __str__(self):
        lines = [f"{self.left} and {self.right}: |left - right|/|right|, "
                 f"rounding up to {self.tolerance:.1e}", f"  {_line('cosine', self.cosine)}"]
        if self.whole is not None:
            lines.append("  " + _line("whole", self.whole, _chain(self.because)))
        lines += ["  " + _line(name, gap, _chain(self.because_blocks[name]))
                  for name, gap in self.blocks.items()]
        lines += [f"holds: {theorem.cited}" for theorem in self.bounds]
        for theorem, conditions in self.failing.items():
            missing = "; ".join(condition.words for condition in conditions)
            lines.append(f"does not hold for every matrix: {theorem.cited}, for lack of: "
                         f"{missing}")
        return "\n".join(lines + [f"warning: {text}" for text in self.warnings])


def _line(name, number, reason=""):
    if number == np.inf:
        reason = "the right one is zero to rounding"
    return f"{name:<12}{number:>10.2g}  {reason}".rstrip()


def _chain(theorems):
    """The theorems in a row, with their sources."""
    return ", ".join(theorem.cited for theorem in theorems)


@by_host
def relate(left, right, objective, theta):
    """How far two curvature matrices are from each other at theta, and which theorem says so.

    Parameters
    ----------
    left, right : str
        Names in MATRICES, such as "hessian", "gauss-newton", "fisher", "kfac".
    objective : Objective
    theta : array (P,)
        The matrices are formed: P^2 numbers each.

    Returns
    -------
    Relation
        Distances, the theorems of THEOREMS that hold here or do not and why, and warnings where
        these and the numbers disagree: then a code is wrong, or a theorem is not in the list.

    Raises
    ------
    ValueError
        For another name, and where a matrix is not defined for the network or the loss.
    TypeError
        For theta in other numbers than float32 and float64.
    numpy.linalg.LinAlgError
        For "tridiagonal kfac" with a singular factor.
    """
    require_matrix(left), require_matrix(right)
    require_theta(objective, theta)
    if theta.dtype not in (np.float32, np.float64):
        raise TypeError(f"theta holds {theta.dtype}, for which there are no eigenvectors; cast it "
                        "to float64.")
    found = {name: MATRICES[name].make(objective, theta) for name in {left, right}}
    return related(left, right, found, Place(objective, theta))


def related(left, right, found, place):
    """The Relation of two matrices that have been `found`, by name."""
    layout = place.net.layout
    a, b = found[left], found[right]
    pairs = list(zip(blocks_of(a, layout), blocks_of(b, layout), strict=True))
    names, tolerance = matrix_names(place.net), rounding(left, right, place)
    whole = None if isinstance(a, list) or isinstance(b, list) else _gap([(a, b)], tolerance)
    gaps = dict(zip(names, (_gap([pair], tolerance) for pair in pairs)))
    there = dict(zip(names, (pair[0].any() or pair[1].any() for pair in pairs)))
    because, each = paths(place, left, right)
    each = dict(zip(names, each))
    own = [theorem for theorem in THEOREMS if {theorem.left, theorem.right} == {left, right}]
    holding = {theorem for theorem in own if all(theorem.blocks(place))}
    equal = (_gap(pairs, tolerance) if whole is None else whole) <= tolerance
    bounds = tuple(theorem for theorem in own if theorem in holding and not theorem.is_equality)
    warnings = [_disagreement(left, right, "", equal, because)] * (
        whole is not None and any(there.values())) + [
        _disagreement(left, right, name, gap <= tolerance, each[name])
        for name, gap in gaps.items() if there[name]] + [
        _broken(t, found, place, tolerance) for t in bounds]
    return Relation(
        left, right, whole, cosine(pairs if whole is None else [(a, b)]), gaps, tolerance,
        bool(equal), {name: bool(gap <= tolerance) for name, gap in gaps.items()}, because or (),
        {name: way or () for name, way in each.items()}, bounds,
        {t: tuple(t.failing(place)) for t in own if t not in holding},
        tuple(filter(None, warnings)))


def _disagreement(left, right, name, equal, way):
    """A sentence if numbers and theorems disagree about the whole (no name) or a block."""
    where = f"blocks {name} of {left} and {right}" if name else f"{left} and {right}"
    if way is not None and not equal:
        return (f"{where} differ although they are proven equal ({_chain(way) or 'the same'}): "
                "one of the codes is wrong, or a condition is decided wrongly.")
    if way is None and equal:
        return (f"{where} are equal to rounding and no theorem says so: a coincidence, or a "
                "theorem that is not in the list.")
    return None


def _broken(theorem, found, place, tolerance):
    """A sentence if an inequality that is proven is not so."""
    layout, (a, b) = place.net.layout, (found[theorem.left], found[theorem.right])
    if theorem.relation == "no farther":
        of = found[theorem.of] if theorem.of in found else MATRICES[theorem.of].make(
            place.objective, place.theta)
        triples = zip(*(blocks_of(M, layout) for M in (a, b, of)))
        slack = tolerance + 2 * eps(place.theta.dtype) ** 0.5       # what `nearest_kron` may lose
        bad = any(distance([(A, C)]) > distance([(B, C)]) + slack for A, B, C in triples)
    else:
        pairs = [(a, b)] if theorem.relation == "not below" else zip(
            blocks_of(a, layout), blocks_of(b, layout))
        bad = any(np.linalg.eigvalsh(A - B)[0] < -tolerance * np.linalg.norm(A) for A, B in pairs)
    return f"{theorem} is proven, and not so: one of the codes is wrong." if bad else None


# ---- numbers ----

def _gap(pairs, tolerance):
    """The distance, infinite where b is 0 to rounding beside a."""
    one, other = (np.sqrt(sum(np.sum(M * M) for M in each)) for each in zip(*pairs))
    return np.inf if 0 < one and other <= tolerance * one else distance(pairs)


def distance(pairs):
    """|a - b|/|b| over all pairs; 0 if both are 0, and nan stays nan."""
    off, size = (np.sqrt(sum(np.sum(M * M) for M in each))
                 for each in ([a - b for a, b in pairs], [b for _, b in pairs]))
    return float(off / size) if size else 0.0 if off == 0 else np.inf


def cosine(pairs):
    """<a, b>/(|a| |b|) over all pairs; nan if one is 0."""
    inner, one, other = (sum(np.sum(products) for products in each) for each in zip(
        *((a * b, a * a, b * b) for a, b in pairs)))
    return float(inner / np.sqrt(one * other)) if one and other else np.nan


def rounding(left, right, place):
    """What two equal matrices may differ by, relatively."""
    between = []
    if "tridiagonal kfac" in (left, right):        # whose corners take inverses of these
        between = kfac(place.objective, place.theta)[1:-1]
    condition = max((np.linalg.cond(K.G) * np.linalg.cond(K.A) for K in between), default=1)
    return float((1000 + 16 * place.theta.size) * eps(place.theta.dtype) * condition)


def matrix_names(net):
    """The first name in net.named of an array in each weight matrix."""
    entries = net.entries().items()
    return [next(name for name, index in entries if s.start in index) for s in net.layout.slices]
