"""What the judge makes of the exhibits: detected, named, told as what it is."""

from dataclasses import dataclass
from time import perf_counter

from ..judge.report import AGREES, CONVENTION
from ..judge.verdict import check
from .collection import EXHIBITS


@dataclass(frozen=True)
class Row:
    """One exhibit before the judge.

    Attributes
    ----------
    id, verdict, told : str
        `told` is the best explanation in words, or the faults.
    detected : bool
        Whether it is not "agrees".
    named : bool
        Whether the first explanation, or a fault, is one of the right ones.
    kind : bool
        Whether a convention is told as a convention and an error as none.
    residual : float
        Of the explanation; nan without.
    seconds : float
    """

    id: str
    verdict: str
    detected: bool
    named: bool
    kind: bool
    told: str
    residual: float
    seconds: float


def measure(exhibits=None, executor=None):
    """Yield a Row for every exhibit, or for those of the ids given, as they come."""
    run = map if executor is None else executor.map
    yield from run(row_of, list(EXHIBITS if exhibits is None else exhibits))


def row_of(id):
    """The Row of one exhibit."""
    one, start = EXHIBITS[id], perf_counter()
    report = report_of(id)
    seconds, best = perf_counter() - start, report.explanation
    convention = report.verdict == CONVENTION
    return Row(id, report.verdict, report.verdict != AGREES, named(one, report),
               convention == (one.kind == "convention"),
               "; ".join(report.faults) or (best.text if best else "none of the known causes"),
               best.residual if best else float("nan"), seconds)


def report_of(id):
    """What the judge says of one exhibit."""
    one = EXHIBITS[id]
    return check(one.theirs(), one.subject, *one.given(), **one.options)


def named(one, report):
    """Whether one of the right names was told first."""
    best = report.explanation
    told = {best.content, best.arrangement, *(f.text for f in best.factors.values())} \
        if best else set()
    words = " ".join(report.faults) + (best.text if best else "")
    return any(name in told or " " in name and name in words for name in one.named)


def summary(rows):
    """Counts of a list of rows: exhibits, detected, named, kinds told rightly."""
    return {"exhibits": len(rows), "detected": sum(row.detected for row in rows),
            "named": sum(row.named for row in rows), "kind": sum(row.kind for row in rows)}
