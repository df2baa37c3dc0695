"""The theorems of the map: which curvature matrices are equal or in order, when, and who says so.

Equalities join up: `paths` finds for every weight matrix a chain of those that hold at a place.
"""

from collections import deque
from dataclasses import dataclass

from .place import Place
from .regimes import (ALL_HAVE_ONE, APART, APART_GGN, CANCELLED, CHAIN, DOWNWARDS, EXACT_MEANS,
                      EXPECTED, FEW, KNOWN, KNOWN_ABOVE, LINEAR, LINEAR_MODEL, NATURAL_LOSS,
                      NO_DECAY, ONCE, ONE_GRADIENT, ONE_GRADIENT_GGN, ONE_GROUP, ONE_MOMENT,
                      ONE_MOMENT_GGN, ONE_PATCH, ONE_PLACE, PAIRED, SAME_SIGNS, SAME_SLOPES,
                      STATIONARY, THIN, UNBENT, UPWARDS)

RELATIONS = {
    "equal": "{left} = {right}",
    "blocks equal": "blocks of {left} = blocks of {right}",
    "not below": "{left} - {right} is positive semidefinite",
    "blocks not below": "blocks of {left} less those of {right} are positive semidefinite",
    "no farther": "no block of {left} is farther from {of}'s than that of {right}",
}


@dataclass(frozen=True)
class Theorem:
    """One line of the map.

    `relation` is a key of RELATIONS; `of`, for "no farther", what the distance is from; `source`
    is a key of docs/references.md, empty for what is shown in this project alone; `proof`, the
    tests that hold the theorem where it stands, beside a case where it must fail.
    """

    left: str
    relation: str
    right: str
    conditions: tuple
    source: str
    proof: str
    of: str = ""

    def __str__(self):
        return RELATIONS[self.relation].format(left=self.left, right=self.right, of=self.of)

    @property
    def cited(self):
        """The statement with its source."""
        return f"{self} [{self.source}]" if self.source else str(self)

    @property
    def words(self):
        """All conditions in one line."""
        return "; ".join(condition.words for condition in self.conditions) or "always"

    @property
    def is_equality(self):
        """Whether it says that two matrices, or their blocks, are equal."""
        return self.relation in ("equal", "blocks equal")

    def holds(self, objective, theta):
        """Whether all conditions do, for every weight matrix."""
        return all(self.blocks(Place(objective, theta)))

    def blocks(self, place):
        """For each weight matrix whether all conditions do (L,): there, the blocks are equal."""
        answers = [place.answer(condition) for condition in self.conditions]
        return [all(own) for own in zip(*answers)] or [True] * len(place.matrices)

    def failing(self, place):
        """The conditions that fail, at some weight matrix."""
        return [condition for condition in self.conditions if not place.answer(condition).all()]


CURVATURE = "tests/curvature/"
EXACT, BENDS, AVERAGED = (CURVATURE + name for name in (
    "test_theorems.py", "test_positive_curvature.py", "test_averaged.py"))
KFAC, BETWEEN, NEAREST = (CURVATURE + name for name in (
    "test_kfac_exact.py", "test_between.py", "test_nearest.py"))
EKFAC, TRIDIAGONAL = CURVATURE + "test_ekfac.py", CURVATURE + "test_tridiagonal.py"
CENTRED, HERE = CURVATURE + "test_centred.py", "tests/oracle/test_atlas.py"
PRODUCTS = ("kfac", "kfac reduce", "kflr", "kfra", "bda-pch")

THEOREMS = [
    # ---- whole matrices ----
    Theorem("hessian", "equal", "gauss-newton", (LINEAR_MODEL, NO_DECAY), "Sch02", EXACT),
    Theorem("hessian", "equal", "gauss-newton", (CANCELLED, NO_DECAY), "Sch02", HERE),
    Theorem("fisher", "equal", "gauss-newton", (NATURAL_LOSS,), "Mar20", EXACT),
    Theorem("empirical fisher", "equal", "fisher", (EXPECTED,), "KBH19", HERE),
    Theorem("centred fisher", "equal", "empirical fisher", (STATIONARY,), "KBH19", CENTRED),
    Theorem("tridiagonal kfac", "equal", "kfac whole", (PAIRED, FEW), "MG15", TRIDIAGONAL),
    Theorem("tridiagonal kfac", "equal", "kfac whole", (PAIRED, LINEAR), "", HERE),
    Theorem("kfac whole", "equal", "fisher", (PAIRED, ALL_HAVE_ONE), "MG15", BETWEEN),
    # ---- bends, block by block ----
    Theorem("hessian", "blocks equal", "gauss-newton", (KNOWN_ABOVE, ONCE, UNBENT, NO_DECAY),
            "BRB17", EXACT),
    Theorem("positive curvature", "equal", "gauss-newton", (KNOWN, UNBENT), "CCC18", BENDS),
    Theorem("clipped", "equal", "gauss-newton", (KNOWN, DOWNWARDS), "CCC18", BENDS),
    Theorem("positive curvature", "equal", "clipped", (KNOWN, UPWARDS), "CCC18", BENDS),
    Theorem("positive curvature", "blocks equal", "hessian", (KNOWN, ONCE, UPWARDS, NO_DECAY),
            "CCC18", BENDS),
    # ---- Kronecker products ----
    Theorem("kfac", "blocks equal", "fisher", (ONE_GROUP, APART, ONE_MOMENT), "MG15", KFAC),
    Theorem("ekfac", "blocks equal", "fisher", (ONE_GROUP, APART, ONE_MOMENT), "GLB18", EKFAC),
    Theorem("ekfac", "blocks equal", "kfac", (APART, ONE_MOMENT), "", HERE),
    Theorem("kfac reduce", "blocks equal", "fisher", (ONE_GROUP, ONE_GRADIENT), "EIT23", KFAC),
    Theorem("kfac reduce", "blocks equal", "kfac", (ONE_PLACE,), "EIT23", KFAC),
    Theorem("kflr", "blocks equal", "gauss-newton", (ONE_GROUP, APART_GGN, ONE_MOMENT_GGN),
            "BRB17", KFAC),
    Theorem("kflr", "blocks equal", "kfac", (NATURAL_LOSS,), "BRB17",
            CURVATURE + "test_kfac_brute.py"),
    Theorem("kfra", "blocks equal", "kflr", (CHAIN, EXACT_MEANS), "", HERE),
    Theorem("bda-pch", "blocks equal", "kfra", (CHAIN, SAME_SLOPES, UNBENT), "CCC18", AVERAGED),
    Theorem("bda-pch", "blocks equal", "positive curvature",
            (CHAIN, SAME_SIGNS, ONE_PATCH), "CCC18", AVERAGED),
    Theorem("nearest kronecker", "blocks equal", "gauss-newton",
            (ONE_GROUP, APART_GGN, ONE_MOMENT_GGN), "VLP93", NEAREST),
    Theorem("nearest kronecker", "blocks equal", "gauss-newton", (ONE_GROUP, ONE_GRADIENT_GGN),
            "VLP93", HERE),
    Theorem("nearest kronecker", "blocks equal", "gauss-newton", (THIN,), "VLP93", NEAREST),
    Theorem("kfac whole", "blocks equal", "kfac", (PAIRED,), "MG15", BETWEEN),
    Theorem("tridiagonal kfac", "blocks equal", "kfac", (PAIRED,), "MG15", TRIDIAGONAL),
    # ---- orders ----
    Theorem("empirical fisher", "not below", "centred fisher", (), "KBH19", CENTRED),
    Theorem("positive curvature", "not below", "clipped", (KNOWN,), "CCC18", BENDS),
    Theorem("clipped", "not below", "gauss-newton", (KNOWN,), "CCC18", BENDS),
    Theorem("clipped", "blocks not below", "hessian", (KNOWN, ONCE, NO_DECAY), "CCC18", BENDS),
    Theorem("clipped", "no farther", "positive curvature", (KNOWN, ONCE, NO_DECAY), "CCC18", BENDS,
            "hessian"),
    Theorem("ekfac", "no farther", "kfac", (), "GLB18", EKFAC, "fisher"),
    *(Theorem("nearest kronecker", "no farther", product, (ONE_GROUP,), "VLP93",
              NEAREST if product.startswith("kfac") else HERE, "gauss-newton")
      for product in PRODUCTS),
]


# ---- chains of equalities ----

def edges(place, l):
    """{name: [(other name, Theorem), ...]}: equalities at weight matrix l; whole ones for None."""
    found = {}
    for theorem in THEOREMS:
        holding = theorem.blocks(place) if theorem.is_equality else [False]
        whole = theorem.relation == "equal" and all(holding)
        if whole if l is None else holding[l % len(holding)]:
            found.setdefault(theorem.left, []).append((theorem.right, theorem))
            found.setdefault(theorem.right, []).append((theorem.left, theorem))
    return found


def path(edges, left, right):
    """The fewest theorems that lead from one matrix to the other, or None."""
    ways, waiting = {left: ()}, deque([left])
    while waiting and right not in ways:
        here = waiting.popleft()
        for there, theorem in edges.get(here, []):
            if there not in ways:
                ways[there] = ways[here] + (theorem,)
                waiting.append(there)
    return ways.get(right)


def paths(place, left, right):
    """(whole, [of each weight matrix]): chains of theorems that make the two equal, or None."""
    whole, *each = (place.once(("edges", l), lambda: edges(place, l))
                    for l in (None, *place.matrices))
    return path(whole, left, right), [path(own, left, right) for own in each]
