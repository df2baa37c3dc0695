"""What check is asked with: errors of one sentence for what does not fit, before theirs is met."""

import re
from difflib import get_close_matches

import numpy as np

from ...arrays.checks import require_finite, require_float, require_theta
from ...network.objective import Objective
from ..conventions import convention as named
from .hypotheses import ARRANGEMENTS, CONTENTS, NOISE
from .kronecker import VIEWS
from .orders import BASES, ORDERS

SEEDED = ('kind="mc" draws labels; pass seed=, a whole number, so that ours is one draw, or '
          'kind="type-2", of which theirs is then an estimate.')
UNSEEDED = ('{} is not checked with kind="mc", as no two programs draw the same labels; leave it '
            "out.")
FAMILY = ("v in order ", "v and answer in order ", "theta in order ", "theta and answer in order ")
MOVES = ("", "reshaped", "transposed", "no biases")
SYMBOLS = {"1", "2", "N", "C", "T", "P", "R", "S", "O", "I", "N - 1", "sum w/N", "|u|", "|v|",
           "damping", "length", "momentum", "1 - momentum"}


def require_given(subject, given, options):
    objective, theta, *arguments = given
    if not isinstance(objective, Objective):
        raise TypeError(f"objective is a {type(objective).__name__}; pass a ref.Objective.")
    require_theta(objective, theta)
    require_float("theta", theta, "f")
    for name, a in zip(subject.arguments, arguments):
        if isinstance(a, np.ndarray) and a.dtype.kind in "fc":
            require_float(name, a, "f")
            require_finite(name, a)
    if len(arguments) != len(subject.arguments):
        wanted = ", ".join(("objective", "theta", *subject.arguments))
        raise TypeError(f"{subject.name} is of ({wanted}); {len(arguments)} arguments follow "
                        f"theta, {len(subject.arguments)} are wanted.")
    for name in subject.required:
        if name not in options:
            raise TypeError(f"{subject.name} needs {name}=; pass it by name.")
    if options.get("kind") == "mc" and not {"seed", "rng"} & options.keys():
        raise TypeError(SEEDED if subject.name in VIEWS else UNSEEDED.format(subject.name))


def require_stated(dtype, allow, stated):
    """Error unless dtype is a precision, allow a sequence of names, and the convention known."""
    if isinstance(allow, str):
        raise TypeError(f"allow is the string {allow!r}; pass a tuple of names, ({allow!r},).")
    try:
        known = dtype is None or np.dtype(dtype).kind == "f"
    except TypeError:
        known = False
    if not known:
        raise ValueError(f"dtype={dtype!r} is no precision; pass float16, float32, float64 or "
                         "longdouble.")
    if stated is not None:
        named(stated)


def require_known(allow, case):
    """ValueError unless every name is of a content, an arrangement, or a product of constants."""
    known = {one.name for one in case.contents} | CONTENTS.keys() | {NOISE, *ARRANGEMENTS}
    arranged = {one.name for one in case.arrangements}
    for name in allow:
        if name in known | arranged or _is_order(name) or _is_factor(name, case):
            continue
        near = get_close_matches(str(name), sorted(known | arranged | {*BASES}), 3, 0.5)
        raise ValueError(f"allow has {name!r}, which is no content, arrangement or factor"
                         + (f"; did you mean {' or '.join(map(repr, near))}?" if near else
                            "; pass names as a report tells them, or products as \"1/N\"."))


def _is_order(name):
    """Whether it is an arrangement, or a content, by orders of theta, of this net or another."""
    parts = str(name).split("; ")
    family = next((name.removeprefix(each) for each in FAMILY if str(name).startswith(each)), None)
    return family in ORDERS or all(part in ORDERS or part in MOVES or part.startswith("axes ")
                                   for part in parts)


def _is_factor(name, case):
    """Whether it is a product of constants: "1/N", "-C^2/(N T)"."""
    text = str(name).removeprefix("-")
    symbols = SYMBOLS | {symbol.strip("()") for symbol in case.constants}
    for symbol in sorted(symbols, key=len, reverse=True):
        if not symbol.isalnum():
            text = text.replace(symbol, "N")
    return all(re.sub(r"\^\d+$", "", part) in symbols
               for part in re.sub(r"[()]", "", text).replace("/", " ").split()) and bool(text)
