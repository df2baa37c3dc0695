"""What came of a check: a row per quantity, as text, JSON, Markdown and JUnit's XML."""

from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

from ..judge.report import ABSENT, Report


@dataclass(frozen=True)
class Row:
    """The Report of one quantity of one case, and the file that it was read from."""

    case: str
    quantity: str
    file: str
    report: Report

    @property
    def offered(self):
        """Whether there was an answer."""
        return self.report.verdict != ABSENT


@dataclass(frozen=True)
class Checked:
    """All rows, and cases without a file of answers."""

    rows: list
    absent: list

    @property
    def offered(self):
        """The rows with an answer."""
        return [row for row in self.rows if row.offered]

    @property
    def passed(self):
        """Whether something was offered, and all that was agrees."""
        return bool(self.offered) and all(row.report.passed for row in self.offered)

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self):
        """A line for what agrees, the whole report for what does not, and a summary."""
        for row in self.offered:
            if row.report.passed:
                yield f"{row.case:<12} {row.quantity:<24} agrees  {row.report.distance:.1e}"
            else:
                head, *rest = row.report.lines()
                yield f"{row.case:<12} {row.quantity:<24} {row.report.verdict}"
                yield from rest
        yield self.summary

    @property
    def summary(self):
        """One line."""
        wrong = [row for row in self.offered if not row.report.passed]
        told = (f"{len(self.offered)} offered of {len(self.rows)}: "
                f"{len(self.offered) - len(wrong)} agree, {len(wrong)} do not")
        return told + (f"; no answers for {', '.join(self.absent)}" if self.absent else "")

    def record(self):
        """For JSON."""
        return {"passed": self.passed, "absent": self.absent, "rows": [
            {"case": row.case, "file": row.file, **row.report.record(), "quantity": row.quantity}
            for row in self.rows]}

    def markdown(self):
        """A table of what was offered."""
        head = ["| case | quantity | verdict | distance | diagnosis |", "|---|---|---|---|---|"]
        return "\n".join(head + [f"| {row.case} {_renamed(row).markdown()}"
                                 for row in self.offered] + ["", self.summary])

    def junit(self):
        """JUnit's XML, a suite of all quantities."""
        failures = sum(row.offered and not row.report.passed for row in self.rows)
        skipped = len(self.rows) - len(self.offered)
        cases = "\n".join(_renamed(row).junit().replace(
            'classname="reference"', f"classname={quoteattr('golden.' + row.case)}", 1)
            for row in self.rows)
        return (f'<?xml version="1.0" encoding="utf-8"?>\n<testsuite name="golden" '
                f'tests="{len(self.rows)}" failures="{failures}" skipped="{skipped}">\n'
                f"{cases}\n</testsuite>\n")


def _renamed(row):
    return replace(row.report, quantity=row.quantity, title=row.quantity)
