"""Records as cards: one of half a page, or two side by side with the rows in which they differ."""

from textwrap import wrap

from .record import DIVISORS

WIDTH = 46
UNKNOWN, NONE = "not known", "none of its own"


def rows(record):
    """[(label, text), ...] of one Convention."""
    return [
        ("loss", _losses(record.losses)),
        ("squared error", _squares(record.losses)),
        ("gradient of an example", _text(record.per_example)),
        ("parameters", _order(record)),
        ("weight", _text(record.weight)),
        ("kernel", _text(record.kernel)),
        ("bias", _text(record.bias)),
        ("vec", _text(record.vec)),
        ("Kronecker order", _text(record.kronecker, record.factors == {})),
        ("gates", UNKNOWN if record.gates is None else
         "; ".join(f"{cell} {order}" for cell, order in record.gates.items())),
        *_factors(record),
        ("Fisher", _text(record.fisher, record.factors == {})),
        ("damping", _text(record.damping and f"rule {record.damping!r}", record.factors == {})),
        ("notes", "; ".join(record.notes)),
        ("source", ", ".join(filter(None, (record.source, record.version)))),
        ("certainty", record.certainty),
    ]


def _text(value, absent=False):
    return value or (NONE if absent else UNKNOWN)


def _order(record):
    both = record.parameters and "; ".join(filter(None, (record.parameters, record.gru and
                                                         f"with a GRU {record.gru!r}")))
    return _text(both)


def _losses(losses):
    """Their divisors, by loss."""
    if not losses:
        return UNKNOWN if losses is None else "the user's, taken as ours"
    by = {}
    for name, (_, divisor) in losses.items():
        by.setdefault(DIVISORS[divisor], []).append(name)
    return "; ".join(f"{', '.join(names)}: sum over {divisor}"
                     if divisor == "nothing" else f"{', '.join(names)}: divided by {divisor}"
                     for divisor, names in by.items())


def _squares(losses):
    """The factor of |z - y|^2: ours is 1/2."""
    if not losses:
        return UNKNOWN if losses is None else "the user's"
    return {1: "1/2", 2: "1"}.get(losses.get("SquaredError", (None,))[0], UNKNOWN)


def _factors(record):
    """The rows of G and A, against ours."""
    if record.factors == {}:
        return [("factors", NONE)]
    if record.factors is None:
        return [("factors", UNKNOWN)]
    return [(f"G, A ({setting}, {kind})", UNKNOWN if pair is None else
             " and ".join(f"{name} of {factor}" for name, factor in zip("GA", pair)))
            for setting, kinds in record.factors.items() for kind, pair in kinds.items()]


# ---- as text ----

def card(record):
    """One card."""
    return "\n".join([f"{record.title} ({record.name})", *_lines(rows(record))])


def differing(one, two):
    """[(label, of one, of the other), ...] where two records differ; sources are kept."""
    first, second = dict(rows(one)), dict(rows(two))
    labels = list(dict.fromkeys([*first, *second]))
    pairs = [(label, first.get(label, NONE), second.get(label, NONE)) for label in labels]
    return [pair for pair in pairs if pair[1] != pair[2]]


def side_by_side(one, two):
    """Two cards, only the rows that differ."""
    return "\n".join(_lines([("", one.title, two.title), *differing(one, two)]))


def _lines(table):
    """Rows of a label and one or two cells, wrapped."""
    room = WIDTH if len(table[0]) == 3 else 2 * WIDTH
    for label, *cells in table:
        parts = [wrap(cell, room - 2) or [""] for cell in cells]
        head = wrap(label, 22) or [""]
        for i in range(max(map(len, [head, *parts]))):
            texts = [part[i] if i < len(part) else "" for part in parts]
            left = head[i] if i < len(head) else ""
            yield "".join([f"{left:<24}", *(f"{text:<{room}}" for text in texts)]).rstrip()


def markdown(*records):
    """A table of one record, or of the rows in which two differ."""
    table = rows(*records) if len(records) == 1 else differing(*records)
    head = ["", *(record.title for record in records)]
    lines = [head, ["---"] * len(head), *table]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                     for line in lines)
