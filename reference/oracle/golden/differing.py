"""diff: what changed between two packs, and whether numbers moved more than they may."""

import numpy as np

from .digits import allowed
from .packs import load


def diff(first, second):
    """What changed from the pack in one folder to that in another, one line each.

    Numbers may move by the sum of their proven radii, or, where digits were agreed and nothing was
    proven, by ten times what these leave open.

    Raises
    ------
    ValueError
        If one is no pack, or damaged.
    """
    old, new = load(first), load(second)
    changed = _listed("case", old.cases, new.cases)
    a, b = old.manifest.get("conventions"), new.manifest.get("conventions")
    if isinstance(a, dict) and isinstance(b, dict):
        changed += _listed("convention", a, b)
        changed += [f"convention {name}: {a[name]} -> {b[name]}" for name in a
                    if name in b and a[name] != b[name]]
    for name in old.cases:
        if name in new.cases:
            changed += [f"{name}: {line}" for line in _case(old, new, name)]
    return changed


def _listed(what, old, new):
    return ([f"{what} {name} is gone" for name in old if name not in new]
            + [f"{what} {name} is added" for name in new if name not in old])


def _case(old, new, name):
    """Lines about one case of both."""
    entries = [pack.manifest["cases"][name] for pack in (old, new)]
    posed = [each for field in ("model", "loss", "reduction", "l2")
             if entries[0].get(field) != entries[1].get(field) for each in [field]]
    arrays = [pack.case(name).arrays for pack in (old, new)]
    inputs = [key for key in entries[0]["inputs"] if key in entries[1]["inputs"]
              and not np.array_equal(arrays[0][key], arrays[1][key])]
    yield from (f"its {field} differs" for field in posed)
    yield from (f"its input {key} differs" for key in inputs)
    quantities = [entry["quantities"] for entry in entries]
    yield from _listed("quantity", *quantities)
    if posed or inputs:
        yield "another problem: its numbers are not compared"
        return
    for quantity in quantities[0]:
        if quantity in quantities[1]:
            yield from _quantity(quantity, *(each[quantity] for each in quantities), *arrays)


def _quantity(name, old, new, a, b):
    """Lines about one quantity of both."""
    if any(old.get(field) != new.get(field) for field in ("options", "arguments")):
        yield f"{name}: other options"
        return
    yield from (f"{name}: {line}" for line in _listed("array", old["keys"], new["keys"]))
    common = [key for key in old["keys"] if key in new["keys"]]
    shapes = [(key, a[key].shape, b[key].shape) for key in common if a[key].shape != b[key].shape]
    yield from (f"{key}: shape {first} -> {second}" for key, first, second in shapes)
    alike = [key for key in common if a[key].shape == b[key].shape]
    scale = max((np.abs(a[key]).max(initial=0) for key in alike), default=0)
    bound = allowed(old, new, scale)
    for key in alike:
        moved = np.abs(a[key] - b[key]).max(initial=0)
        if not moved <= bound:
            yield f"{key}: numbers moved by {moved:.1e}, and may by {bound:.1e}"
