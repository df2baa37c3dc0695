"""The map as a page: measured distances for every regime, and the theorems with their conditions.

No cell is written by hand: "exact" is what theorems prove and numbers confirm, a number is
measured.
"""

import numpy as np

from .atlas import distance, related
from .layer_text import markdown_line
from .map_cases import CASES, case
from .matrices import MATRICES, blocks_of
from .place import Place
from .theorems import THEOREMS

# heading: (approximation, what it is compared with, whether diagonal blocks alone)
WHOLE = {
    "G of H": ("gauss-newton", "hessian", False),
    "G of H, blocks": ("gauss-newton", "hessian", True),
    "B clip of H, blocks": ("clipped", "hessian", True),
    "B abs of H, blocks": ("positive curvature", "hessian", True),
    "B clip of G": ("clipped", "gauss-newton", False),
    "F of G": ("fisher", "gauss-newton", False),
    "E of F": ("empirical fisher", "fisher", False),
    "C of E": ("centred fisher", "empirical fisher", False),
}
PRODUCTS = {
    "K-FAC of F": ("kfac", "fisher", True),
    "reduce of F": ("kfac reduce", "fisher", True),
    "EKFAC of F": ("ekfac", "fisher", True),
    "KFLR of G": ("kflr", "gauss-newton", True),
    "KFRA of G": ("kfra", "gauss-newton", True),
    "nearest of G": ("nearest kronecker", "gauss-newton", True),
    "BDA-PCH of B abs": ("bda-pch", "positive curvature", True),
    "F~ of F": ("kfac whole", "fisher", False),
    "F^ of F~": ("tridiagonal kfac", "kfac whole", False),
}


def matrices_of(objective, theta):
    """{name: the matrix or its blocks}, those of MATRICES that are defined here."""
    found = {}
    for name, matrix in MATRICES.items():
        try:
            found[name] = matrix.make(objective, theta)
        except (ValueError, TypeError):           # LinAlgError, a singular factor, is a ValueError
            continue
    return found


def row(name, columns):
    """[cell, ...] of a case."""
    place = Place(*case(name))
    found = matrices_of(place.objective, place.theta)
    return [cell(place, found, *column) for column in columns.values()]


def cell(place, found, left, right, in_blocks):
    """"exact", one digit of |left - right|/|right|, and in how many blocks it is exact; or "-"."""
    if left not in found or right not in found:
        return "-"
    if in_blocks:
        found = {name: blocks_of(found[name], place.net.layout) for name in (left, right)}
    relation = related(left, right, found, place)
    if relation.warnings:
        raise AssertionError(f"theorems and numbers disagree: {relation.warnings[0]}")
    if relation.equal:
        return "exact"
    gap = relation.whole
    if gap is None:
        gap = distance(list(zip(found[left], found[right])))
    exact = sum(relation.equal_blocks.values()) if in_blocks else 0
    return f"{float(f'{gap:.1g}'):g}" + (f" ({exact} of {len(relation.blocks)})" if exact else "")


def lines():
    """The generated part of the page, in Markdown."""
    text = []
    for columns in (WHOLE, PRODUCTS):
        text += [*_head("", *columns),
                 *(markdown_line(name, row(name, columns)) for name in CASES), ""]
    return text + [*_head("theorem", "where, for every weight matrix", "source", "test"), *(
        markdown_line(str(t), [_quoted(t.words), f"[{t.source}]" if t.source else "here",
                               f"`{t.proof}`"]) for t in THEOREMS)]


def _head(name, *cells):
    return [markdown_line(name, cells), "|---" * (len(cells) + 1) + "|"]


def _quoted(words):
    """Formulas in backticks: Markdown would read brackets and quote marks as its own."""
    return words.replace("E[g g^T]", "`E[g g^T]`").replace("f'' dL/dx", "`f'' dL/dx`")


# ---- for the picture ----

def distances(name):
    """(names, D) of a case: |a - b|/max(|a|, |b|), 0 where equal to rounding.

    Below the diagonal of D, of diagonal blocks; above, of whole matrices, nan where there is none.
    """
    place = Place(*case(name))
    layout, found = place.net.layout, matrices_of(place.objective, place.theta)
    names, D = list(found), np.full((len(found),) * 2, np.nan)
    for i, left in enumerate(names):
        for j, right in enumerate(names[:i]):
            relation = related(left, right, found, place)
            pairs = list(zip(blocks_of(found[left], layout), blocks_of(found[right], layout)))
            D[i, j] = 0 if all(relation.equal_blocks.values()) else _symmetric(pairs)
            if relation.whole is not None:
                D[j, i] = 0 if relation.equal else _symmetric([(found[left], found[right])])
    return names, D


def _symmetric(pairs):
    off, one, other = (np.sqrt(sum(np.sum(M * M) for M in each)) for each in (
        [a - b for a, b in pairs], [a for a, _ in pairs], [b for _, b in pairs]))
    return off / max(one, other)
