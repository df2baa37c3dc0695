"""The judgements of a peer as lines, summary, JSON, Markdown and JUnit."""

from collections import Counter

from .judge.report import AGREES


def line(judgement):
    """One line: quantity, way, verdict, distance, and the cause if there is one to tell."""
    report = judgement.report
    distance = f"{report.distance:.1e}" if report.distance == report.distance else "-"
    cause = f"  {report.explanation.text}" if told(report) else ""
    return f"{report.title:<32}{judgement.way:<14}{distance:>8}  {report.verdict}{cause}"


def told(report):
    """Whether an explanation says more than the verdict."""
    return report.explanation is not None and not report.explanation.plain


def full(judgement):
    """The lines below a line: the whole report of what differs."""
    return [] if judgement.passed else list(judgement.report.lines())[1:]


def summary(found):
    """Counts, and by name what does not agree, and what agrees in a stated convention."""
    count, offered = Counter(each.report.verdict for each in found), [
        each for each in found if each.offered]
    yield (f"\n{len(found)} answers: " + ", ".join(f"{n} {verdict}"
                                                   for verdict, n in count.most_common()) + ".")
    stated = Counter((each.report.title, each.way, each.report.explanation.text)
                     for each in offered
                     if each.report.verdict == AGREES and told(each.report))
    for (title, way, text), n in stated.items():
        yield f"stated: {title}{way and f' ({way})'}: {text}, on {n} problems"
    for each in found:
        if not each.passed:
            yield f"{each.report.verdict}: {where(each)}"


def where(judgement):
    """Its quantity, way and problem."""
    way = f"{judgement.way}, " * bool(judgement.way)
    return f"{judgement.report.quantity} ({way}on {judgement.problem})"


def record(peer, found):
    """For JSON."""
    return {"peer": peer, "passed": all(each.passed for each in found),
            "rows": [each.record() for each in found]}


def markdown(found):
    """A table of what is offered, problem by problem."""
    yield "| problem | way | quantity | verdict | distance | why |"
    yield "|---|---|---|---|---|---|"
    for each in found:
        if each.offered:
            yield f"| {each.problem} | {each.way} {each.report.markdown()}"


def junit(found):
    """A <testsuite> of JUnit's XML."""
    cases = [each.report.junit().replace('classname="reference"', (
        f'classname="reference.{each.problem}"'), 1).replace(
            f'name="{each.report.quantity}"',
            f'name="{each.report.quantity}{each.way and f" ({each.way})"}"', 1) for each in found]
    failed = sum(not each.passed for each in found)
    absent = sum(not each.offered for each in found)
    head = (f'<testsuite name="reference" tests="{len(found)}" failures="{failed}" '
            f'skipped="{absent}">')
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', head, *cases, "</testsuite>", ""])
