"""The verdict on one answer: as text, JSON, Markdown, and a case of JUnit."""

from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

AGREES, CONVENTION = "agrees", "agrees after a convention"
NOISY = "agrees within its noise"
DIFFERS, UNUSABLE, ABSENT = "differs", "unusable", "not offered"


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes
    ----------
    quantity, title : str
    verdict : str
        "agrees"; "agrees after a convention", which is no error but must be known; "agrees within
        its noise", as an estimate from random labels or vectors; "differs"; "unusable", where there
        was nothing to compare; or "not offered".
    distance : float
        |theirs - ours|/|ours| in the 2-norm, over all pieces.
    cosine, ratio : float
        Of theirs with ours, and |theirs|/|ours|; these three are nan if shapes differ.
    worst : Entry or None
    first_wrong : str or None
        The first wrong matrix that backpropagation meets.
    tolerance : str
        And what justifies it.
    diagnosis : Diagnosis or None
    faults : tuple of str
        What is wrong with the callable or the form of the answer.
    warnings : tuple of Weakness
        Faults that this point would hide, as `audit` tells them.
    """

    quantity: str
    title: str
    verdict: str
    distance: float = np.nan
    cosine: float = np.nan
    ratio: float = np.nan
    worst: Any = None
    first_wrong: str | None = None
    tolerance: str = ""
    diagnosis: Any = None
    faults: tuple = ()
    shapes: str = field(default="", repr=False)
    warnings: tuple = ()

    @property
    def passed(self):
        """Whether theirs agrees, in the conventions that were stated."""
        return self.verdict == AGREES

    @property
    def explanation(self):
        """The best Explanation, or None."""
        return self.diagnosis.best if self.diagnosis else None

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self):
        """The text, line by line."""
        yield f"{self.title}: {self.verdict}"
        for fault in self.faults:
            yield f"  fault      {fault}"
        if self.shapes:
            yield f"  shapes     {self.shapes}"
        if self.distance == self.distance:
            yield (f"  distance   {self.distance:.3e} relative, cosine {self.cosine:.12f}, "
                   f"ratio {self.ratio:.9g}")
        if self.worst is not None and not self.passed:
            e = self.worst
            yield (f"  worst      {e.name}: theirs {e.theirs:.9g}, ours {e.ours:.9g}, "
                   f"allowed {e.bound:.1e}")
        if self.first_wrong and not self.passed:
            order = "" if "step" in self.first_wrong else ", in the order of backpropagation"
            yield f"  first      {self.first_wrong}{order}"
        if self.tolerance:
            yield f"  tolerance  {self.tolerance}"
        if self.diagnosis is not None and not self.passed:
            best = self.explanation
            yield f"  {best.kind if best else 'diagnosis':<10} {self.diagnosis.text}"
            if best and best.advice:
                yield f"  do         {best.advice}"

        for weakness in self.warnings:
            yield f"  weak       {weakness}"

    def record(self):
        """For JSON: plain numbers and strings, None for what is not finite."""
        def number(x):
            return float(x) if np.isfinite(x) else None
        best, worst = self.explanation, self.worst
        return {
            "quantity": self.quantity, "verdict": self.verdict, "passed": self.passed,
            "distance": number(self.distance), "cosine": number(self.cosine),
            "ratio": number(self.ratio), "first_wrong": self.first_wrong,
            "worst": worst and {"name": worst.name, "theirs": number(worst.theirs),
                                "ours": number(worst.ours), "allowed": number(worst.bound)},
            "tolerance": self.tolerance, "faults": list(self.faults),
            "diagnosis": self.diagnosis.text if self.diagnosis else None,
            "kind": best.kind if best else None, "cause": _cause(best),
            "advice": best.advice if best else None,
            "warnings": {each.name: each.text for each in self.warnings}}

    def markdown(self):
        """A row of a Markdown table: quantity, verdict, distance, diagnosis."""
        distance = f"{self.distance:.1e}" if self.distance == self.distance else ""
        told = "; ".join([*self.faults, *([self.diagnosis.text] if self.diagnosis else [])])
        return f"| {self.title} | {self.verdict} | {distance} | {told.replace('|', '/')} |"

    def junit(self):
        """A <testcase> of JUnit's XML."""
        head = f"<testcase classname=\"reference\" name={quoteattr(self.quantity)}"
        if self.passed:
            return head + "/>"
        kind = "skipped" if self.verdict == ABSENT else "failure"
        return (f"{head}><{kind} message={quoteattr(self.verdict)}>{escape(str(self))}"
                f"</{kind}></testcase>")


def _cause(best):
    """Names of what an Explanation is made of, for machines."""
    return best and {"content": best.content, "arrangement": best.arrangement,
                     "factors": {key: f.text if f.named else f.value
                                 for key, f in best.factors.items()}}
