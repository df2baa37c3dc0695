"""The museum as text: a line for each exhibit, and the block of a page."""

from .collection import EXHIBITS, OUTSIDE
from .measure import summary
from .power import ALARM

HEADER = f"{'exhibit':<8}{'quantity':<23}{'is':<12}{'detected':<10}{'named':<7}told as"
COLUMNS = "exhibit", "report", "what was wrong", "quantity", "is", "told as", "right"
POWERS = "fault in a gradient", "entries", "precision", "missed", "at most", "nearest"


def line(row):
    """One exhibit, for eyes."""
    one = EXHIBITS[row.id]
    return (f"{row.id:<8}{one.subject.name:<23}{one.kind:<12}{_word(row.detected):<10}"
            f"{_word(row.named):<7}{row.told}")


def counts(rows):
    """One sentence."""
    n = summary(rows)
    return (f"{n['exhibits']} exhibits: {n['detected']} detected, {n['named']} named rightly, "
            f"{n['kind']} told rightly as convention or error.")


def alarms_line(alarms, count):
    """One sentence."""
    told = "".join(f" {k}: {peer.way}, {peer.subject}: {verdict}." for k, peer, verdict in alarms)
    return f"{len(alarms)} false alarms on {count} random correct answers.{told}"


def table(rows):
    """Lines of Markdown: what was wrong, and what the judge says of it."""
    yield _row(COLUMNS)
    yield "|---" * len(COLUMNS) + "|"
    for row in rows:
        one = EXHIBITS[row.id]
        right = _word(row.detected and row.named and row.kind)
        yield _row((row.id, one.source + (" (read)" if one.seen else ""), one.wrong,
                    one.subject.name, one.kind, _escaped(row.told), right))


def power_table(powers):
    """Lines of Markdown: how often a fault is missed."""
    yield _row(POWERS)
    yield "|---" * len(POWERS) + "|"
    for one in powers:
        at_most = f"{one.most:.1e}"
        yield _row((one.fault, str(one.size), one.dtype, f"{one.missed} of {one.trials}", at_most,
                    f"{one.nearest:.2g}" + (" at most" if one.fault == ALARM else "")))


def block(rows, alarms, count, powers):
    """All lines between the markers of the page."""
    yield counts(rows)
    yield alarms_line(alarms, count)
    yield ""
    yield from table(rows)
    yield ""
    yield "Not planted:"
    yield ""
    yield from (f"- {id}: {why}." for id, why in OUTSIDE.items())
    yield ""
    yield from power_table(powers)


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def _escaped(text):
    return text.replace("|", "\\|")


def _word(flag):
    return "yes" if flag else "no"
