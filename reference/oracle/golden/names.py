"""Names in a pack: of cases, which are files, and of arrays, by which results come back.

    one array               "hvp"
    one per matrix          "hessian_blocks.0", ...; with several per matrix "kfac.0.G", "kfac.0.A"
    by parameter            "gradient.0.weight": what stands for theta may come in PyTorch's arrays
"""

import re
from difflib import get_close_matches

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def keys_of(quantity, pieces):
    """A name for each Piece."""
    if len(pieces) == 1 and pieces[0].layer is None:
        return [quantity]
    slots = {piece.slot for piece in pieces}
    return [f"{quantity}.{piece.layer}" + (f".{piece.slot}" if len(slots) > 1 else "")
            for piece in pieces]


def answer(found, quantity, keys, parameters):
    """(answer, None) for the judge, (None, fault), or None if nothing is offered.

    found : {name: array, or {parameter: array}}
    """
    named = {name: found[f"{quantity}.{name}"] for name in parameters
             if f"{quantity}.{name}" in found}
    have = [key for key in keys if key in found]
    if not have:
        return (named, None) if named else None
    if len(have) < len(keys):
        missing = [key for key in keys if key not in found]
        return None, f"it is there in part: {', '.join(missing[:8])} missing"
    return (found[keys[0]] if len(keys) == 1 else [found[key] for key in keys]), None


def unknown(found, known):
    """{name: what may have been meant} of the names that nobody asks for."""
    known = list(known)
    return {name: hint(name, known) for name in found if name not in known}


def hint(name, known):
    """" (did you mean ...?)", or nothing."""
    near = get_close_matches(str(name), known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
