"""check: theirs against ours, a verdict, and why they differ."""

from dataclasses import replace

import numpy as np

from ...arrays.transfer import by_host
from ..conventions.answers import in_ours
from . import localise
from .answers import answer_of
from .points.audit import audit
from .case import Case
from .elsewhere import elsewhere
from .faults import why_later, why_not_finite
from .hypotheses import NOISE
from .packed import arranged, unknown_names, with_their_v
from .proof import proven
from .requirements import require_given, require_known, require_stated
from .report import ABSENT, AGREES, CONVENTION, DIFFERS, NOISY, UNUSABLE, Report
from .search import diagnose
from .subjects import subject_of
from .tolerance import tolerance


@by_host
def check(theirs, quantity, objective, theta, *arguments, dtype=None, allow=(),
          convention=None, prove=False, **options):
    """Does somebody else's answer agree with ours, and if not, why?

    Parameters
    ----------
    theirs : callable, array, or a list or dict of arrays
        Numbers of any framework's tensors; or a callable of (objective, theta, *arguments), which
        is called twice.  A list or dict of arrays per parameter, in the names and shapes of
        `net.named(theta)` (PyTorch's), stands for a vector like theta.
    quantity : str or function
        Of `SUBJECTS`: "hvp", or `ref.hvp`.
    objective : Objective
    theta : float array (P,)
    *arguments
        What follows theta, as v of `hvp`.
    dtype : str or dtype, optional
        The precision in which theirs was computed, if its arrays do not tell.
    allow : sequence of str
        Names of contents and arrangements that are conventions which theirs states; "noise", if
        theirs is an estimate from random labels or vectors.
    convention : str, optional
        One of `conventions` in which theirs is, which is converted to ours first; v may be in its
        order, too, or in ours.
    prove : bool
        Whether the report is to say how far ours is proven to be from the exact answer.
    **options
        Passed on to the quantity, as setting="reduce" of `kfac`.

    Returns
    -------
    Report

    Raises
    ------
    ValueError, TypeError
        For a quantity that cannot be checked, or arguments that do not fit; never for theirs.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))
    >>> g = objective.grad(theta)
    >>> ref.check(g, ref.gradient, objective, theta).verdict
    'agrees'
    >>> report = ref.check(g / objective.N, ref.gradient, objective, theta)
    >>> report.verdict, report.explanation.text
    ('agrees after a convention', 'ours x 1/N')
    """
    subject, given = subject_of(quantity), (objective, theta, *arguments)
    require_given(subject, given, options)
    require_stated(dtype, allow, convention)
    try:
        answer = answer_of(theirs, given)
    except NotImplementedError:
        return Report(subject.name, subject.title, ABSENT)
    if not answer.usable:
        why = why_not_finite(subject, given, options) if "finite" in answer.faults[0] else ()
        return Report(subject.name, subject.title, UNUSABLE, faults=(*answer.faults, *why))
    if convention is not None:
        answer = in_ours(answer, subject, objective, convention, options)
    with np.errstate(all="ignore"):                # their numbers may be of any size
        pieces = subject.pieces(*given, **options)
        precision = coarsest(answer.dtype if dtype is None else dtype,
                             *(piece.array.dtype for piece in pieces))
        allowed = tolerance(subject, given, options, pieces, precision)
        if prove:
            clause = proven(subject, given, options, pieces)
            allowed = replace(allowed, text=f"{allowed.text}; {clause}")
        case = arranged(Case(subject, given, options, pieces, answer, allowed))
        require_known(allow, case)
        if convention is not None and not within(case):
            moved = with_their_v(case, convention)
            case = moved if within(moved) else case
        report = replace(judged(case, tuple(allow)),
                         warnings=tuple(audit(*given, quantity=subject)))
    if report.passed or report.explanation is not None:
        return report
    return replace(report, faults=(*report.faults, *unknown_names(answer, case)))


def coarsest(*dtypes):
    """The one with the fewest bits: numbers agree to what both of them hold."""
    return min(map(np.dtype, dtypes), key=lambda dtype: np.finfo(dtype).nmant)


def judged(case, allow=()):
    """The Report of a Case."""
    subject, faults = case.subject, (*case.answer.faults, *why_later(case))
    same = [a.shape for a in case.theirs] == [a.shape for a in case.ours]
    numbers = compared(case) if same else {"shapes": (
        f"theirs {[a.shape for a in case.theirs]}, ours {[a.shape for a in case.ours]}")}
    told = {**numbers, "tolerance": case.tolerance.text, "faults": faults}
    if within(case) and not faults:
        return Report(subject.name, subject.title, AGREES, **told)
    diagnosis = diagnose(subject.diagnosed(case))
    if not same and diagnosis.best is None:
        told["shapes"] += elsewhere(case)
    return Report(subject.name, subject.title, verdict_of(diagnosis.best, faults, allow),
                  diagnosis=diagnosis, **told)


def verdict_of(best, faults, allow):
    """The word for an Explanation."""
    if best is not None and best.kind == NOISE and not faults:
        return AGREES if NOISE in allow else NOISY
    if faults or best is None or best.kind != "convention" or best.plain:
        return DIFFERS
    stated = {"ours", "as it is", *allow}
    plain = all(factor.text == "" or factor.text in allow for factor in best.factors.values())
    return AGREES if plain and {best.content, best.arrangement} <= stated else CONVENTION


def within(case):
    """Whether every entry is ours, or as near as its tolerance; one that overflowed is none."""
    if [a.shape for a in case.theirs] != [a.shape for a in case.ours]:
        return False
    return all(((t == a) | (np.abs(t - a) <= b) & np.isfinite(b)).all()
               for t, a, b in zip(case.theirs, case.ours, case.tolerance.bounds))


def compared(case):
    """Distance, cosine, ratio, worst entry and first wrong matrix."""
    t, a = (np.concatenate([x.reshape(-1) for x in arrays]).astype(float)
            for arrays in (case.theirs, case.ours))
    sizes = np.linalg.norm(t), np.linalg.norm(a)
    return {"distance": float(np.linalg.norm(t - a) / (sizes[1] or 1)),
            "cosine": float(t @ a / (sizes[0] * sizes[1] or 1)),
            "ratio": float(sizes[0] / (sizes[1] or 1)),
            "worst": localise.worst_entry(case),
            "first_wrong": (case.subject.first_wrong or localise.first_wrong)(case)}
