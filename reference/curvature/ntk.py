"""The neural tangent kernel J J^T, layer by layer; of dense nets J is never formed [JGH18].

The gradient of output a of example n by a matrix that is used once per example is g_na p_n^T, so

    K[(n,a),(m,b)] = J_na . J_mb = sum_l (p_n . p_m) (g_na . g_mb),     g_na = dz_na/ds_l,

an (N, N) matrix times a (N M, N M) one, entry by entry.  A matrix used at several places has
sum_t g_nat p_nt^T instead, which is formed for some examples and one matrix at a time.

Rows are example-major: row n M + a is output a of example n, its M outputs (T C at T places) in
row-major order.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from ..arrays import functions as F
from ..arrays.checks import require_array, require_finite, require_theta
from ..arrays.linalg import grid
from ..arrays.transfer import follows
from ..derivatives.jacobian import require_single_examples, unit_cotangents
from ..network.objective import Objective
from ..network.uses import added
from .contractions import pair
from .memory import LIMIT, itemsize, require_room
from .operator import precision

ROOM = 2 ** 25                        # numbers in what is held of the gradients at a time
FEWER = "take fewer examples"


@follows
def ntk(objective, theta, other=None, limit=LIMIT):
    """K = J J^T (N M, N M), J = dz/dtheta: the empirical neural tangent kernel [JGH18].

    Parameters
    ----------
    objective : Objective
        Its network and inputs; neither loss, labels, weights nor weight decay enter.
    theta : array (P,)
    other : Objective or array (N', ...), optional
        A batch of other inputs, of the same network: K = J J'^T (N M, N' M').
    limit : int
        Bytes that it and what it is made of may take: an estimate from shapes.

    Returns
    -------
    array (N M, N' M')
        Row n M + a is output a of example n; outputs at T places count as M = T C, row-major.

    Raises
    ------
    TypeError
        If a layer with weights tells only the sum of its gradients.
    ValueError
        If a layer couples the examples, or `other` does not fit the network.
    MemoryError
        If it would take more than `limit`.
    """
    require_theta(objective, theta)
    rows = Rows(objective.net, theta, objective.x)
    columns = None if other is None else _others(objective, theta, other)
    require_kernel_room(objective, theta, rows, rows if columns is None else columns, limit)
    return kernel(rows, columns)


def require_kernel_room(objective, theta, rows, columns, limit):
    """MemoryError unless K, a copy of it, and one like it for each matrix are within `limit`."""
    N, M = rows.outputs, columns.outputs
    copies = 2 + len(objective.net.layout.shapes)
    require_room(f"the kernel of {N} by {M} outputs",
                 itemsize(precision(objective, theta)) * copies * N * M, limit, FEWER)


def _others(objective, theta, other):
    if not isinstance(other, Objective):
        require_array("other", other)
        objective.net.require_input(other)
        objective.net.output_shape(other.shape[1:])
        require_finite("other", other)
        if not other.size:
            raise ValueError(f"other is empty: it has shape {other.shape}.")
        return Rows(objective.net, theta, other)
    mine, theirs = (o.net.layout.shapes for o in (objective, other))
    if mine != theirs:
        raise ValueError(f"other has weight matrices {list(theirs)}, the network {list(mine)}; "
                         "pass other inputs of the same network.")
    return Rows(other.net, theta, other.x)


# ---- products of gradients, for any cotangents ----

@dataclass(frozen=True, eq=False)
class Rows:
    """D_na^T J_n (N M, P), as uses, for cotangents D (M, N, ...); D None: the unit cotangents."""

    net: Any
    theta: Any
    x: Any
    D: Any = None

    def uses(self):
        """How every weight matrix is used by the cotangents."""
        require_single_examples(self.net)
        xs = self.net.forward(self.theta, self.x)
        D = unit_cotangents(xs[-1]) if self.D is None else self.D
        return self.net.backward(self.theta, xs, D)[0]

    @property
    def outputs(self):
        """N M."""
        M = prod(self.net.output_shape(self.x.shape[1:])) if self.D is None else len(self.D)
        return len(self.x) * M

    def batch(self, index):
        """The rows of some examples."""
        D = None if self.D is None else self.D[:, index]
        return Rows(self.net.batch(index), self.theta, self.x[index], D)

    def pieces(self):
        """The rows of some examples at a time, as many as there is room for."""
        first = self.batch(slice(0, 1)).uses()
        size = max(1, ROOM // sum(map(_numbers, first)))
        return [self.batch(slice(n, n + size)) for n in range(0, len(self.x), size)]


def kernel(rows, columns=None):
    """The products of every row with every column (N M, N' M'); with themselves if None."""
    left, found = rows.pieces(), []
    right = left if columns is None else columns.pieces()
    for i, piece in enumerate(left):
        uses, done = piece.uses(), i if columns is None else 0
        above = [F.transpose(found[j][i]) for j in range(done)]
        found.append(above + [_block(uses, uses if other is piece else other.uses())
                              for other in right[done:]])
    return grid(found)


def _block(uses, others):
    return added([_products(*both) for both in zip(uses, others)])


def _products(use, other):
    """sum over one matrix's entries of dW dW' (N M, N' M')."""
    if not (_once(use) and _once(other)):
        X = _gradients(use)
        return X @ F.transpose(X if other is use else _gradients(other))
    (p, V), (q, U) = _factors(use), _factors(other)
    inputs = p @ F.transpose(p if other is use else q)
    outputs = V @ F.transpose(V if other is use else U)
    split = (len(p), len(V) // len(p), len(q), len(U) // len(q))
    return F.reshape(F.reshape(outputs, split) * inputs[:, None, :, None], outputs.shape)


def _once(use):
    """Whether the gradient of an example is one outer product."""
    both = pair(use)
    return both is not None and both[0].shape[-2] == 1


def _factors(use):
    """p (N, I) and g (N M, O) of a matrix that is used once."""
    p, g = pair(use)
    V = F.swapaxes(g[..., 0, :], -2, -3)
    return p[..., 0, :], F.reshape(V, (-1, V.shape[-1]))


def _gradients(use):
    """dW (N M, O I) of every example and cotangent."""
    dW = F.swapaxes(use.each(), -3, -4)
    return F.reshape(dW, (dW.shape[0] * dW.shape[1], prod(dW.shape[2:])))


def _numbers(use):
    """How many numbers one example takes."""
    return sum(a.size for a in (pair(use) if _once(use) else [use.each()]))
