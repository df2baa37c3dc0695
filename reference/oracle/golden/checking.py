"""check: another program's answers against a pack, a verdict and an explanation for each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..judge.report import ABSENT, UNUSABLE, Report
from ..judge.verdict import check as judge
from .asked import ASKED
from .names import answer, hint, unknown
from .packs import load
from .reading import Bad, arrays_of, files_in, read_json, read_npz
from .verdicts import Checked, Row

SAME = 1e-9                            # of the largest entry: a pack and the package that reads it


def check(folder, results, dtype=None, allow=(), progress: Callable | None = None):
    """Another program's answers, RESULTS/CASE.npz or CASE.json, against the pack in a folder.

    Parameters
    ----------
    folder, results : path-like
        A pack, and a folder of answers under the pack's names.  A pack answers itself.
    dtype : str, optional
        The precision in which theirs was computed, where the arrays do not tell: JSON never does.
    allow : sequence of str
        Conventions that theirs states, as `ref.check` takes them.
    progress : callable, optional
        Called with the case and the quantity before each judgement.

    Returns
    -------
    Checked
        A quantity without an answer is "not offered", and never a pass.

    Raises
    ------
    ValueError
        For a damaged pack, a file of answers that cannot be read safely, one of no case, and
        results without any answers.
    """
    pack, results = load(folder), Path(results)
    files = _files(results, pack.cases)
    rows = []
    for name, file in files.items():
        posed = pack.case(name)
        rows += judged(posed, file, read_answers(results / file), dtype, allow,
                       progress or (lambda *_: None))
    if not any(row.offered for row in rows):
        raise ValueError(f"{results} answers nothing that {folder} asks; name arrays as the pack "
                         "does, as gradient in dense.npz or dense.json.")
    return Checked(rows, [name for name in pack.cases if name not in files])


def _files(results, cases):
    """{case: file}; ValueError for a file of answers to no case."""
    names = [n for n in files_in(results) if n.endswith((".npz", ".json")) and n != "manifest.json"]
    for file in names:
        stem = file.rpartition(".")[0]
        if stem not in cases:
            raise ValueError(f"{results} holds {file[:60]!r}, and the pack no such case"
                             f"{hint(stem, cases)}; its cases are {', '.join(cases)}.")
    found = {case: [f"{case}{end}" for end in (".npz", ".json") if f"{case}{end}" in names]
             for case in cases}
    for case, files in found.items():
        if len(files) > 1 and not (results / "manifest.json").exists():
            raise ValueError(f"{results} holds {' and '.join(files)}; leave one of them.")
    return {case: files[0] for case, files in found.items() if files}


def read_answers(path):
    """{name: array, Bad, or {parameter: array}} of a file of answers."""
    if path.suffix == ".npz":
        return read_npz(path)
    try:
        return arrays_of(read_json(path))
    except ValueError as error:
        text = str(error)
        raise ValueError(text if str(path) in text else f"{path}: {text}") from None


# ---- one case ----

def judged(posed, file, found, dtype, allow, progress):
    """Rows of one case: every quantity of the pack, and what no quantity asks for."""
    parameters, rows = list(posed.objective.net.entries()), []
    known = dict.fromkeys(posed.arrays)
    for quantity, entry in posed.quantities.items():
        progress(posed.name, quantity)
        known |= dict.fromkeys((quantity, *(f"{quantity}.{p}" for p in parameters)))
        given = answer(found, quantity, list(entry["keys"]), parameters)
        rows.append(Row(posed.name, quantity, file,
                        _report(posed, quantity, given, dtype, allow)))
    for name, meant in unknown(found, known).items():
        shown = ascii(name[:60])
        fault = f"the pack asks for nothing of the name {shown}{meant}"
        rows.append(Row(posed.name, shown, file, Report(shown, shown, UNUSABLE, faults=(fault,))))
    return rows


def _report(posed, quantity, given, dtype, allow):
    title = posed.quantities[quantity].get("title", quantity)
    if given is None:
        return Report(quantity, title, ABSENT)
    theirs, fault = given
    fault = fault or _bad(theirs)
    if fault:
        return Report(quantity, title, UNUSABLE, faults=(fault,))
    asked = _asked(posed, quantity)
    arguments = [posed.arguments[name] for name in asked.subject.arguments]
    with np.errstate(over="ignore", invalid="ignore"):           # theirs may be anything
        return judge(theirs, asked.subject, posed.objective, posed.theta, *arguments, dtype=dtype,
                     allow=allow, **asked.options)


def _bad(theirs):
    each = theirs.values() if isinstance(theirs, dict) else (
        theirs if isinstance(theirs, list) else [theirs])
    return next((one.why for one in each if isinstance(one, Bad)), None)


def _asked(posed, quantity):
    """What this package computes under the name, if it is still what the pack says."""
    asked, keys = ASKED.get(quantity), posed.quantities[quantity]["keys"]
    if asked is None:
        raise ValueError(f"the pack asks for {quantity!r}, which this version does not know; use "
                         "the version that wrote it.")
    arguments = [posed.arguments[name] for name in asked.subject.arguments]
    ours = asked.arrays(posed.objective, posed.theta, *arguments)
    packed = [posed.arrays[key] for key in keys]
    if len(ours) != len(packed) or not all(map(_alike, ours, packed)):
        raise ValueError(f"case {posed.name}, {quantity}: the pack's numbers are not those of this "
                         "version; write the pack again, and see golden diff.")
    return asked


def _alike(a, b):
    if np.shape(a) != b.shape:
        return False
    return np.abs(a - b).max(initial=0) <= SAME * np.abs(b).max(initial=0)
