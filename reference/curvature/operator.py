"""Curvature matrices as SciPy LinearOperators, and functions of any operator.

`dense`, `block` and `blocks` are functions, since methods of a subclass vanish in H + lam I.
"""

from functools import cache
from importlib import import_module

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..arrays.checks import require_theta
from ..arrays.namespace import library
from ..arrays.transfer import alongside
from ..derivatives.directions import AT_ONCE, along
from ..network.layout import Layout
from .groups import gathered, inside_matrices
from .memory import LIMIT, itemsize, require_room
from .partition import require_partition


class Symmetric:
    """A symmetric (P, P) matrix given by its products with K directions at once.

    Parameters
    ----------
    size : int
        P.
    dtype : numpy dtype
    product : callable
        V (K, P) -> V B (K, P); B is symmetric.
    matrix, diagonal : callable, optional
        () -> the dense matrix, and () -> its diagonal blocks for `layout`, where a faster way is
        known.
    layout : Layout, optional
        Whose blocks `diagonal` gives.
    entries : callable, optional
        () -> the diagonal (P,).
    parts : callable, optional
        pairs -> an iterator over ((l, m), block) for these pairs l <= m of matrices of `layout`,
        in any order; for all pairs if there is no argument.
    work : callable, optional
        whole -> bytes that making the dense matrix (True) or its diagonal blocks (False) takes
        besides these.
    passing : callable, optional
        K -> bytes that `product` takes besides K directions and what it makes of them.
    """

    def __init__(self, size, dtype, product, matrix=None, diagonal=None, layout=None, entries=None,
                 parts=None, work=None, passing=None):
        super().__init__(np.dtype(dtype), (size, size))
        self.product, self.matrix, self.diagonal = product, matrix, diagonal
        self.layout, self.entries, self.parts, self.work = layout, entries, parts, work
        self.passing = passing

    def _matmat(self, V):
        return along(self.product, V.T).T

    def _matvec(self, v):
        return self.product(v.reshape(1, -1))[0]                # SciPy passes (n,) or (n, 1)

    def _adjoint(self):
        return self

    def _transpose(self):
        return self


class SymmetricOperator(Symmetric, LinearOperator):
    """A Symmetric as SciPy's LinearOperator: of NumPy arrays."""


@cache
def on_device(kind):
    """A kind of Symmetric as CuPy's LinearOperator, which SciPy's does not serve: on a GPU."""
    base = import_module("cupyx.scipy.sparse.linalg").LinearOperator
    return type(kind.__name__ + "OnDevice", (kind, base), {})


def symmetric_operator(theta, product, *ways, **named):
    """The operator (P, P) of the precision and the library of theta (P,)."""
    kind = SymmetricOperator if library(theta) is np else on_device(Symmetric)
    return kind(theta.size, theta.dtype, product, *ways, **named)


def point(objective, theta):
    """theta (P,), checked, and copied: an operator stays at its point when theta moves on.

    As wide as the data, so that its dtype is that of the products.
    """
    require_theta(objective, theta)
    return theta.astype(precision(objective, theta))


def precision(objective, theta):
    """The dtype of what is computed from theta and the data: the widest of theirs."""
    data = (a for a in (objective.x, objective.y, objective.weights) if a is not None)
    floats = [a.dtype for a in data if a.dtype.kind == "f"]
    return np.result_type(theta.dtype, *floats)


def require_operator(operator):
    """TypeError unless operator is a LinearOperator or behaves as one; ValueError if not square."""
    if not all(hasattr(operator, name) for name in ("shape", "dtype", "__matmul__")):
        instead = ("the array that its .dense() gives" if hasattr(operator, "dense") else
                   "a LinearOperator, as hessian(objective, theta)")
        raise TypeError(f"operator is a {type(operator).__name__}; pass {instead}.")
    if len(operator.shape) != 2 or operator.shape[0] != operator.shape[1] or not operator.shape[0]:
        raise ValueError(f"operator has shape {tuple(operator.shape)}; curvature matrices are "
                         "square, (P, P), and not empty.")


def on_units(operator, index):
    """Yields (slice k, operator @ E (P, k)), E the unit vectors of index[k], some at a time."""
    index, places = alongside(index, operator), library(operator).arange(operator.shape[0])
    for k in range(0, index.size, AT_ONCE):
        some = index[k:k + AT_ONCE]
        E = (some == places[:, None]).astype(operator.dtype)
        yield slice(k, k + some.size), operator @ E


def entries_at(operator, rows, index):
    """operator[rows, index] for index arrays, by products with the unit vectors of `index`."""
    matrix = library(operator).zeros((rows.size, index.size), operator.dtype)
    for k, found in on_units(operator, index):
        matrix = matrix.astype(found.dtype, copy=False)       # it may say less than it gives
        matrix[:, k] = found[alongside(rows, operator)]
    return matrix


# ---- the whole matrix ----

def room(operator):
    """Bytes that `dense(operator)` takes: those of the matrix, and what making it needs besides.

    Parameters
    ----------
    operator : LinearOperator

    Returns
    -------
    int
        An estimate from shapes, of which the measured peak is within a factor of 3: for a matrix
        of this package, of a Hessian by the route "dual".  What products of another operator take
        is not known, and left out: of H + lam I, too.
    """
    require_operator(operator)
    if _is_fast(operator) and operator.matrix is not None:
        return _bytes(operator, operator.shape[0] ** 2) + _work(operator, True)
    return _room_for_columns(operator)


def _room_for_columns(operator):
    P = operator.shape[0]
    return _bytes(operator, P * P) + _room_for_products(operator, P)


def _room_for_products(operator, count):
    """Of products with `count` directions, some at a time: units, what passes, and what comes."""
    K = min(AT_ONCE, count)
    passing = getattr(operator, "passing", None)
    return _bytes(operator, 4 * K * operator.shape[0]) + (passing(K) if passing else 0)


def _bytes(operator, numbers):
    return itemsize(operator.dtype) * numbers


def _work(operator, whole):
    return operator.work(whole) if operator.work is not None else 0


def _is_fast(operator):
    return isinstance(operator, Symmetric) and operator.layout is not None


def columns(operator, limit=LIMIT):
    """The dense matrix (P, P), by products with the unit vectors.

    Parameters
    ----------
    operator : LinearOperator
    limit : int
        Bytes it may take.

    Raises
    ------
    MemoryError
        If it would take more.
    """
    require_operator(operator)
    require_room(f"the matrix of P = {operator.shape[0]}", _room_for_columns(operator), limit)
    places = library(operator).arange(operator.shape[0])
    return entries_at(operator, places, places)


def dense(operator, limit=LIMIT):
    """The dense matrix (P, P) of any operator: the fast exact assembly where it applies.

    Parameters
    ----------
    operator : LinearOperator
        `hessian(...)`, `gauss_newton(...)`, or anything SciPy makes of them.
    limit : int
        Bytes it may take, as `room(operator)` estimates them before any is taken.

    Raises
    ------
    MemoryError
        If it would take more.
    """
    require_operator(operator)
    if not isinstance(operator, Symmetric) or operator.matrix is None:
        return columns(operator, limit)
    require_room(f"the matrix of P = {operator.shape[0]}", room(operator), limit)
    return operator.matrix()


# ---- diagonal blocks ----

def block(operator, index):
    """The dense diagonal block operator[index, index], by products with its unit vectors.

    Parameters
    ----------
    operator : LinearOperator
    index : slice
        For instance net.layout.slices[l]; or whole numbers in an array or a list.
    """
    require_operator(operator)
    rows = _rows(operator, index)
    return entries_at(operator, rows, rows)


def _rows(operator, index):
    try:
        rows = np.arange(operator.shape[0])[index]
    except (IndexError, TypeError, ValueError):
        rows = None
    if rows is None or rows.ndim != 1:
        raise ValueError(f"index {index!r} picks no rows of {operator.shape}: pass a slice, as "
                         "net.layout.slices[l], or whole numbers in an array or a list.")
    return rows


def blocks(operator, partition, limit=LIMIT):
    """[operator[g, g], ...]: the diagonal block of every group of parameters.

    Parameters
    ----------
    operator : LinearOperator
    partition : Layout or tuple of index arrays
        net.layout, for the block of every weight matrix, or what `partition(net, groups)` gives;
        of a network of the same size if not of the operator's own.
    limit : int
        Bytes the blocks may take, and what making them needs besides.

    Raises
    ------
    TypeError, ValueError
        If the partition is none, or of another size than the operator.
    MemoryError
        If the blocks would take more.
    """
    require_operator(operator)
    groups = groups_of(operator, partition)
    require_room(f"{len(groups)} blocks of up to {max(g.size for g in groups)} rows",
                 _room_for_blocks(operator, groups), limit)
    if not _is_fast(operator):
        return [block(operator, group) for group in groups]
    if partition == operator.layout:
        return operator.diagonal()
    return gathered(operator, groups)


def groups_of(operator, partition):
    """The index arrays of a Layout or a partition; error unless they fit the operator."""
    if not isinstance(partition, Layout):
        return require_partition(partition, operator.shape[0])
    if partition.size != operator.shape[0]:
        raise ValueError(f"layout has {partition.size} parameters but the operator has shape "
                         f"{operator.shape}; pass net.layout of the operator's own network.")
    return tuple(np.arange(s.start, s.stop) for s in partition.slices)


def _room_for_blocks(operator, groups):
    numbers = sum(g.size ** 2 for g in groups)
    if not _is_fast(operator):
        return _bytes(operator, numbers) + _room_for_products(operator, max(g.size for g in groups))
    layout, P = operator.layout, operator.shape[0]
    if inside_matrices(layout, groups) and len(groups) > len(layout.slices):     # cut out of these
        numbers += sum((s.stop - s.start) ** 2 for s in layout.slices)
    elif operator.parts is None and not inside_matrices(layout, groups):
        numbers += P ** 2
    return _bytes(operator, numbers) + _work(operator, len(groups) == 1)
