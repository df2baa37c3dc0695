"""The parameters in groups: which blocks a block-diagonal form keeps.

A partition is a tuple of index arrays, the places in theta of each group in ascending order, which
together are 0, ..., P - 1, each once.
"""

import numpy as np

from ..arrays.checks import is_whole
from ..network.compose import Sequential, leaves

GROUPS = ("matrices", "layers", "weights and biases", "whole")


def partition(net, groups="matrices"):
    """The places in theta of each group of parameters: (n_1,), (n_2,), ..., P of them in all.

    Parameters
    ----------
    net : Sequential
    groups : str or list of lists
        "matrices", a group for each W_l, bias included, as net.layout.slices; "layers", one for
        each innermost layer with weights, so that both matrices of a recurrent layer's direction
        are together; "weights and biases", one for each array of net.named, as PyTorch's programs
        cut; "whole"; or lists of what is together, each item a name of net.named or the number of
        a matrix in net.layout.

    Returns
    -------
    tuple of int arrays
        Layers that share a matrix are one group; a shared array under two names is one.

    Raises
    ------
    TypeError, ValueError
        For other groups, unknown names or numbers, and entries of theta that are in no group or in
        two, naming them.
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"net is a {type(net).__name__}; pass the network, a Sequential.")
    if isinstance(groups, str):
        if groups not in GROUPS:
            raise ValueError(f"groups must be one of {', '.join(GROUPS)}, or a list of lists of "
                             f"names or of numbers of matrices; got {groups!r}.")
        return _BY_NAME[groups](net)
    return _explicit(net, groups)


def require_partition(groups, size):
    """The groups as int arrays; error unless they are index arrays that have each place once."""
    if not isinstance(groups, (tuple, list)):
        raise TypeError(f"partition is a {type(groups).__name__}; pass net.layout, or what "
                        "partition(net, groups) gives.")
    groups = tuple(np.asarray(group) for group in groups)
    for k, group in enumerate(groups):
        if group.ndim != 1 or group.dtype.kind not in "iu" or not group.size:
            raise ValueError(f"group {k} of the partition is no array of places but {group!r}; "
                             "pass what partition(net, groups) gives.")
    every = np.concatenate([[], *groups]).astype(int)
    counts = np.bincount(every[(every >= 0) & (every < size)], minlength=size)
    if every.size != size or (counts != 1).any():
        wrong = np.flatnonzero(counts != 1)
        first = f"place {wrong[0]} is in {counts[wrong[0]]} groups" if wrong.size else \
            f"there are {every.size} places"
        raise ValueError(f"the partition must have each of the {size} places once, but {first}; "
                         "pass what partition(net, groups) gives for the operator's own network.")
    return groups


# ---- by name ----

def _matrices(net):
    return tuple(np.arange(s.start, s.stop) for s in net.layout.slices)


def _layers(net):
    """One group for each leaf with weights; leaves that share a matrix become one."""
    rest, groups = iter(net.owners), []
    for leaf in leaves(net):
        own = {next(rest) for _ in leaf.shapes}
        if own:
            own = own.union(*(group for group in groups if group & own))
            groups = [group for group in groups if not group & own] + [own]
    matrices = _matrices(net)
    return tuple(np.concatenate([matrices[a] for a in sorted(group)])
                 for group in sorted(groups, key=min))


def _arrays(net):
    """One group for each named array; two names of a shared one are one group."""
    groups = {}
    for name, index in net.entries().items():
        places = np.sort(index, axis=None)
        groups.setdefault(places.tobytes(), (name, places))
    _require_each_once(net, [[name] for name, _ in groups.values()])
    return tuple(sorted((places for _, places in groups.values()), key=lambda group: group[0]))


_BY_NAME = {"matrices": _matrices, "layers": _layers, "weights and biases": _arrays,
            "whole": lambda net: (np.arange(net.layout.size),)}


# ---- by lists ----

def _explicit(net, groups):
    if not isinstance(groups, (list, tuple)):
        raise TypeError(f"groups is a {type(groups).__name__}; pass one of {', '.join(GROUPS)}, or "
                        "a list of lists of names or of numbers of matrices.")
    for k, group in enumerate(groups):
        if not isinstance(group, (list, tuple)) or not group:
            raise TypeError(f"group {k} is {group!r}; pass a list of names of net.named, or of "
                            "numbers of matrices, for each group.")
    places = _require_each_once(net, groups)
    return tuple(np.unique(np.concatenate([places[item] for item in group])) for group in groups)


def _require_each_once(net, groups):
    """{item: its places}; ValueError unless the groups have each place of theta once."""
    items, known = [item for group in groups for item in group], dict(enumerate(_matrices(net)))
    named = any(isinstance(item, str) for item in items)
    if named:
        known |= {name: index.reshape(-1) for name, index in net.entries().items()}
    for item in items:
        if not (isinstance(item, str) or is_whole(item, 0)) or item not in known:
            raise ValueError(f"{item!r} is neither a name of net.named nor the number of a matrix; "
                             f"choose from {', '.join(map(str, known))}.")
    counts = np.zeros(net.layout.size, int)
    for group in groups:
        counts[np.unique(np.concatenate([known[item] for item in group]))] += 1
    told = {item: index for item, index in known.items() if isinstance(item, str) == named}
    missing = [item for item, index in told.items() if (counts[index] == 0).any()]
    double = [item for item, index in told.items() if (counts[index] > 1).any()]
    if missing or double:
        raise ValueError(f"every entry of theta must be in one group: {missing} are in none, "
                         f"{double} in two or more; mend the lists.")
    return known
