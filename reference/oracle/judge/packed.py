"""Theirs brought into the form of ours: named arrays packed as theta, v in a stated order."""

from dataclasses import replace

import numpy as np

from ..conventions import convention as named
from .orders import order


def arranged(case):
    """The Case with arrays per parameter, by name or in the order of names, packed as theta.

    Arrays under other names, or in other shapes, follow each other: an order is then looked for.
    """
    answer, net = case.answer, case.objective.net
    named = net.entries()
    if len(case.pieces) != 1 or case.pieces[0].axes != (("theta", None),):
        return case
    if len(answer.arrays) == 1 and not answer.names:
        return case
    names = answer.names or (list(named) if len(answer.arrays) == len(named) > 1 else None)
    try:
        packed = net.from_named(dict(zip(names or (), answer.arrays)))
    except (ValueError, TypeError):
        packed = np.concatenate([a.reshape(-1) for a in answer.arrays])
    return replace_arrays(case, [packed])


def with_their_v(case, convention):
    """The Case at v read in the convention's order; as it is if there is none."""
    name = named(convention).parameters
    if name is None or "v" not in case.subject.arguments:
        return case
    p = order(name, case.objective.net, case.objective.x.shape[1:])
    i = 2 + case.subject.arguments.index("v")
    given = (*case.given[:i], case.given[i][..., np.argsort(p)], *case.given[i + 1:])
    return replace(case, given=given, pieces=case.subject.pieces(*given, **case.options))


def unknown_names(answer, case):
    """Yield a line if named arrays that stand for theta have names that its own have not."""
    own = list(case.objective.net.entries())
    if answer.names is None or case.pieces[0].axes != (("theta", None),) \
            or set(answer.names) == set(own):
        return
    unknown = [name for name in answer.names if name not in own]
    missing = [name for name in own if name not in answer.names]
    told = [f"{len(names)} {what}: {', '.join(names[:4])}{', ...' * (len(names) > 4)}"
            for what, names in (("unknown", unknown), ("missing", missing)) if names]
    yield f"names of its arrays are not the network's: {'; '.join(told)}"


def replace_arrays(case, arrays):
    """The Case with other arrays for theirs."""
    return replace(case, answer=replace(case.answer, arrays=arrays, names=None))
