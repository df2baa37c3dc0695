"""The museum at the command line."""

import json
from dataclasses import asdict
from pathlib import Path

from ..named import named
from . import against
from .collection import EXHIBITS
from .correct import alarms
from .measure import measure, report_of
from .page import HEADER, alarms_line, block, counts, line
from .power import powers

PEERS, TRIALS = 200, 30000
EPILOG = """examples:
  python -m reference museum G07                      (what the judge says of one exhibit)
  python -m reference museum --checker mytests:accepts
      (accepts(theirs, quantity, objective, theta, *arguments) -> bool, True if it lets theirs pass)
  python -m reference museum --into docs/13-museum.md"""


def add_options(parser):
    """ID ..., --checker, --into, --json."""
    parser.add_argument("exhibits", nargs="*", metavar="ID",
                        help="whole reports on these exhibits, as G07, in place of the table")
    parser.add_argument("--checker", metavar="NAME",
                        help="package.module:function that is shown all exhibits instead")
    parser.add_argument("--into", type=Path, metavar="FILE",
                        help="put the table, and how often faults are missed, between the markers "
                             "of a page")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments, show, progress):
    """Show what was asked for; 1 if a fault is not detected, or a right answer refused, else 0.

    Raises
    ------
    ValueError
        For an exhibit or a checker that is none.
    """
    unknown = [id for id in arguments.exhibits if id not in EXHIBITS]
    if unknown:
        raise ValueError(f"there is no exhibit {unknown[0]}; choose from {', '.join(EXHIBITS)}.")
    if arguments.checker:
        return _checked(arguments, show)
    if arguments.exhibits and not arguments.json:
        return _reported(arguments.exhibits, show)
    rows = []
    if not arguments.json:
        show(HEADER)
    for row in measure(arguments.exhibits or None):
        rows.append(row)
        progress(f"{len(rows)}: {row.id}")
        if not arguments.json:
            show(line(row))
    if arguments.json:
        show(json.dumps([asdict(row) for row in rows], indent=1))
        return 0 if all(row.detected for row in rows) else 1
    wrong = alarms(PEERS)
    show(f"\n{counts(rows)}\n{alarms_line(wrong, PEERS)}")
    return 0 if all(row.detected for row in rows) and not wrong else 1


def lines_of_page(progress, trials=TRIALS):
    """All lines between the markers of a page: minutes."""
    progress("exhibits")
    rows = list(measure())
    progress("correct answers")
    wrong = alarms(PEERS)
    progress("power")
    return list(block(rows, wrong, PEERS, powers(trials)))


def _reported(ids, show):
    reports = [report_of(id) for id in ids]
    for id, report in zip(ids, reports):
        one = EXHIBITS[id]
        show(f"{id}, {one.source}: {one.wrong} ({one.kind})\n{report}\n")
    return 1 if any(report.passed for report in reports) else 0


def _checked(arguments, show):
    visits = list(against.visit(loaded(arguments.checker), arguments.exhibits or None))
    show(json.dumps([asdict(each) for each in visits], indent=1) if arguments.json
         else "\n".join(against.told(visits)))
    return 1 if any(each.missed or each.refused for each in visits) else 0


def loaded(name):
    """The function PACKAGE.MODULE:FUNCTION; ValueError if it is not there."""
    found = named(name, "checker")
    if not callable(found):
        raise ValueError(f"{name} is a {type(found).__name__}; name a function.")
    return found
