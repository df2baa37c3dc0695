"""identify as a command: an array in an npz file, and the problem it belongs to."""

import json
from pathlib import Path

import numpy as np

from ..problems.zoo import ZOO
from .golden.packs import load
from .golden.reading import read_npz
from .judge.identify import identify

EPILOG = """\
examples:
  python -m reference identify G.npz --pack PACK --case "dense tanh" --dtype float32
  python -m reference identify G.npz --problem "pooled digits"

Exit status 0 if a quantity is found, 1 if none of the known ones fits, 2 if something is refused.
"""


def add_options(command):
    """The options, on an argparse parser."""
    command.add_argument("file", type=Path, metavar="MATRIX.npz",
                         help="an array, or arrays of one answer in their order")
    place = command.add_mutually_exclusive_group(required=True)
    place.add_argument("--pack", type=Path, metavar="PACK", help="a pack of `golden write`")
    place.add_argument("--problem", choices=sorted(ZOO), metavar="NAME",
                       help="a problem of ref.problems.ZOO, drawn with --seed")
    command.add_argument("--case", metavar="NAME", help="of the pack")
    command.add_argument("--seed", type=int, default=0, metavar="K")
    command.add_argument("--array", metavar="NAME", help="one array of the file alone")
    command.add_argument("--dtype", choices=("float16", "float32", "float64"),
                         help="precision of the program, where the file does not tell")
    command.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(arguments, show):
    """Shows what the array is, and returns the exit status.

    Raises
    ------
    ValueError
        With one sentence on what is refused.
    """
    objective, theta, given = posed(arguments)
    arrays = read_npz(arguments.file)
    if arguments.array is not None:
        if arguments.array not in arrays:
            raise ValueError(f"{arguments.file} has no array {arguments.array!r}; it has "
                             f"{', '.join(arrays)}.")
        arrays = {arguments.array: arrays[arguments.array]}
    found = identify(list(arrays.values()), objective, theta, arguments=given,
                     dtype=arguments.dtype)
    show(json.dumps(record(found), indent=2) if arguments.json else str(found))
    return 0 if found.ranked else 1


def posed(arguments):
    """(objective, theta, {argument: value}) of the case or the problem that is named."""
    if arguments.pack is None:
        return (*ZOO[arguments.problem](np.random.default_rng(arguments.seed)), {})
    pack = load(arguments.pack)
    if arguments.case not in pack.cases:
        raise ValueError(f"the pack has no case {arguments.case!r}; write --case with one of "
                         f"{', '.join(pack.cases)}.")
    case = pack.case(arguments.case)
    return case.objective, case.theta, case.arguments


def record(found):
    """For JSON."""
    return {"found": [{"quantity": one.quantity, "text": one.text, "residual": one.residual,
                       "also": list(one.also)} for one in found.ranked],
            "nearest": found.nearest and {"text": found.nearest.text,
                                          "residual": found.nearest.residual}}
