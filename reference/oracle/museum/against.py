"""The exhibits before somebody else's checker: which of them would it let pass?

A checker is accepts(theirs, quantity, objective, theta, *arguments) -> bool, `theirs` a callable of
(objective, theta, *arguments); True says that theirs is right.  It is shown every exhibit, and in
the same places the right answer, of which it must let pass all.
"""

from dataclasses import dataclass

from .collection import EXHIBITS
from .exhibit import CONVENTION


@dataclass(frozen=True)
class Visit:
    """What a checker said: of the fault, and of the right answer in its place.

    missed : whether the fault passed.
    refused : whether the right answer did not.
    failed : str
        What the checker raised, in a line, or "".
    """

    id: str
    missed: bool
    refused: bool
    failed: str = ""


def visit(accepts, exhibits=None):
    """Yield a Visit for every exhibit, or for those of the ids given.

    Parameters
    ----------
    accepts : callable
        (theirs, quantity, objective, theta, *arguments) -> bool.
    exhibits : sequence of str, optional

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> def forward_only(theirs, quantity, objective, theta, *arguments):
    ...     return np.isfinite(objective.value(theta))
    >>> sum(each.missed for each in ref.museum.visit(forward_only, ["G03", "G07"]))
    2
    """
    for id in EXHIBITS if exhibits is None else exhibits:
        one = EXHIBITS[id]
        try:
            missed, right = _asked(accepts, one, one.theirs()), _asked(accepts, one, _ours(one))
        except Exception as failure:               # whatever a foreign checker does
            yield Visit(id, True, True, f"{type(failure).__name__}: {failure}")
            continue
        yield Visit(id, missed, not right)


def _asked(accepts, one, theirs):
    return bool(accepts(theirs, one.subject.name, *one.given()))


def _ours(one):
    """The right answer, in the form in which faults come: an array, or a list."""
    def answer(*given):
        arrays = [piece.array for piece in one.subject.pieces(*given, **one.options)]
        return arrays[0] if len(arrays) == 1 else arrays
    return answer


def told(visits):
    """Lines: what passed, and what was refused though right."""
    missed = [each for each in visits if each.missed]
    refused = [each for each in visits if each.refused]
    yield f"{len(missed)} of {len(visits)} faults pass"
    for each in missed:
        one = EXHIBITS[each.id]
        word = "convention" if one.kind == CONVENTION else "error"
        yield f"  {each.id:<6} {one.subject.name:<22} {word:<11} {one.wrong}" + (
            f" ({each.failed})" if each.failed else "")
    yield f"{len(refused)} of {len(visits)} right answers are refused" + "".join(
        f"\n  {each.id}" for each in refused)
