"""Shared matrices: a network that uses one twice is, at theta, another at E theta that does not.

E copies every matrix of theta to each place where it is used.  It is linear, so that

    H = E^T H_apart E,      H_ab = sum over the uses i of a and j of b of (H_apart)_ij,

and the same for J^T S J.  Networks without shared matrices have E = I.
"""

from collections import Counter


def folded(parts, owners):
    """Yields ((a, b), H_ab), a <= b, each as soon as the last of its summands has come.

    parts : ((i, j), (H_apart)_ij), i <= j, at least all that belong to the same (a, b).
    owners : a of each i.
    """
    n = len(owners)
    missing = Counter(_pair(owners, i, j) for i in range(n) for j in range(i, n))
    sums = {}
    for (i, j), block in parts:
        key = _pair(owners, i, j)
        if owners[i] > owners[j]:
            block = block.T
        elif owners[i] == owners[j] and i != j:
            block = block + block.T
        sums[key] = sums[key] + block if key in sums else block
        missing[key] -= 1
        if not missing[key]:
            yield key, sums.pop(key)


def apart(pairs, owners):
    """All (i, j), i <= j, that are summands of the wanted `pairs` (a, b), a <= b."""
    n = len(owners)
    return {(i, j) for i in range(n) for j in range(i, n) if _pair(owners, i, j) in pairs}


def _pair(owners, i, j):
    return tuple(sorted((owners[i], owners[j])))
