"""The rows of the self-check as text and as JSON."""

from collections import Counter

import numpy as np

HEADER = f"{'quantity':<32}{'route':<34}{'agreed':>8}{'proven':>8}{'wanted':>8}  verdict"


def line(row):
    """One row of the table."""
    numbers = "".join(f"{digits(d):>8}" for d in (row.agreed, row.proven, row.wanted))
    note = f": {row.note}" if row.note else ""
    return f"{row.title:<32}{row.route:<34}{numbers}  {row.verdict}{note}"


def digits(d):
    """Digits, rounded down: a dash where there is none to tell, `all` for no difference at all."""
    if d is None or np.isnan(d):
        return "-"
    return "all" if d == np.inf else "none" if d == -np.inf else f"{np.floor(10 * d) / 10:.1f}"


def summary(rows):
    """Counts, and what failed by name."""
    count = Counter(row.verdict for row in rows)
    failed = sorted({f"{row.quantity} ({row.route}, on {row.problem})" for row in rows
                     if row.verdict == "FAILED"})
    proven = sum(row.passed and row.proven is not None for row in rows)
    text = (f"\n{len(rows)} rows, {len({row.quantity for row in rows})} quantities: "
            f"{count['ok']} agree (digits proven by balls for {proven}), "
            f"{count['FAILED']} failed.")
    return text + "".join(f"\nFAILED: {name}" for name in failed)


def report(rows):
    """The same for machines."""
    return {"passed": all(row.passed for row in rows),
            "rows": [row.record() for row in rows]}
