"""Golden packs on the command line: write, check, diff, verify."""

import json
from pathlib import Path

from ...problems.files import replacing
from .cases import CASES
from .checking import check
from .differing import diff
from .packs import verify
from .writing import write

EPILOG = f"""examples:
  python -m reference golden write pack
  python -m reference golden check pack my_results --junit report.xml
  python -m reference golden diff pack_of_last_year pack

Answers come as my_results/CASE.npz or CASE.json under the names of the pack; what is missing is
"not offered". Exit status: 0 if all that is offered agrees, 1 if something does not, 2 if
something is refused.

cases: {', '.join(CASES)}"""


def add_options(command):
    """The subcommands and their options, on an argparse parser."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("write", help="write a pack of test vectors")
    one.add_argument("folder", type=Path, metavar="DIR", help="absent or empty")
    one.add_argument("--certify", action="store_true",
                     help="prove a radius for every number that can be: minutes")
    one.add_argument("--cases", type=_names, metavar="A,B", help="default all, see golden --help")
    two = actions.add_parser("check", help="another program's answers against a pack")
    two.add_argument("folder", type=Path, metavar="DIR")
    two.add_argument("results", type=Path, metavar="RESULTS")
    two.add_argument("--dtype", choices=("float16", "float32", "float64"),
                     help="precision of the program, where the files do not tell, as JSON")
    two.add_argument("--allow", type=_names, default=(), metavar="A,B",
                     help="conventions that the program states, by the names in the diagnosis, "
                     "as 1/N")
    shown = two.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print one JSON object instead")
    shown.add_argument("--markdown", action="store_true", help="print a table in Markdown instead")
    two.add_argument("--junit", type=Path, metavar="FILE", help="also write JUnit's XML")
    three = actions.add_parser("diff", help="what changed between two packs")
    three.add_argument("folder", type=Path, metavar="DIR1")
    three.add_argument("other", type=Path, metavar="DIR2")
    four = actions.add_parser("verify", help="whether a pack is whole")
    four.add_argument("folder", type=Path, metavar="DIR")
    for each in (one, three, four):
        each.add_argument("--json", action="store_true", help="print one JSON object instead")


def _names(text):
    return [name for name in text.split(",") if name]


def done(arguments, show, say):
    """Do what was asked, and return the exit status; `say` shows progress.

    Raises
    ------
    ValueError, TypeError
        With one sentence on what is refused.
    """
    return {"write": _write, "check": _check, "diff": _diff, "verify": _verify}[arguments.action](
        arguments, show, lambda *words: say(" ".join(words)))


def _write(arguments, show, say):
    manifest = write(arguments.folder, arguments.cases, arguments.certify, say)
    asked = [q for case in manifest["cases"].values() for q in case["quantities"].values()]
    proven = [q["digits"] for q in asked if "radius" in q]
    told = {"folder": str(arguments.folder), "cases": len(manifest["cases"]),
            "quantities": len(asked), "proven": len(proven)}
    show(json.dumps(told, indent=1) if arguments.json else
         f"{told['folder']}: {told['cases']} cases, {told['quantities']} quantities, "
         f"{told['proven']} with a proven radius")
    return 0


def _check(arguments, show, say):
    if arguments.junit is not None and not arguments.junit.absolute().parent.is_dir():
        raise ValueError(f"--junit: there is no folder {arguments.junit.parent}.")
    checked = check(arguments.folder, arguments.results, arguments.dtype, arguments.allow, say)
    say("")
    if arguments.junit is not None:
        with replacing(arguments.junit) as stream:
            stream.write(checked.junit().encode())
    show(json.dumps(checked.record(), indent=1, allow_nan=False) if arguments.json else
         checked.markdown() if arguments.markdown else str(checked))
    return 0 if checked.passed else 1


def _diff(arguments, show, say):
    return _told(diff(arguments.folder, arguments.other), "changes", "nothing changed",
                 arguments, show)


def _verify(arguments, show, say):
    return _told(verify(arguments.folder), "damages", "the pack is whole", arguments, show)


def _told(lines, what, nothing, arguments, show):
    show(json.dumps({what: lines}, indent=1) if arguments.json else
         "\n".join(lines) or nothing)
    return 1 if lines else 0
