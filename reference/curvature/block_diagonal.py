"""The block-diagonal part of a curvature matrix, as an operator."""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..arrays.namespace import library
from ..arrays.transfer import alongside, to_host
from ..network.layout import Layout
from ..network.names import read_only
from .memory import LIMIT
from .operator import Symmetric, blocks, groups_of, on_device


class Blockwise(Symmetric):
    """diag(B_1, B_2, ...) at the places of each group: v[g] -> B_g v[g].

    blocks : the B_g (n_g, n_g), symmetric, read-only.
    partition : the index arrays g (n_g,), which have each place of theta once; `groups` are these
        beside the blocks, and `order` what sorts them.
    """

    def __init__(self, blocks, partition, layout=None):
        self.blocks = tuple(read_only(block) for block in blocks)
        self.partition = tuple(read_only(np.array(to_host(group))) for group in partition)
        self.groups = [alongside(group, blocks[0]) for group in self.partition]
        self.order = np.argsort(np.concatenate(self.groups))
        super().__init__(self.order.size, np.result_type(*self.blocks), self._product, self._matrix,
                         lambda: [block.copy() for block in self.blocks], layout, self._entries)

    def _product(self, V):
        parts = [V[:, group] @ block for group, block in zip(self.groups, self.blocks)]
        return np.concatenate(parts, axis=1)[:, self.order]

    def _matrix(self):
        matrix = library(self.blocks[0]).zeros(self.shape, self.dtype)
        for group, block in zip(self.groups, self.blocks):
            matrix[group[:, None], group] = block
        return matrix

    def _entries(self):
        return np.concatenate([np.diagonal(block) for block in self.blocks])[self.order]


class BlockDiagonal(Blockwise, LinearOperator):
    """A Blockwise as SciPy's LinearOperator: of NumPy arrays."""


def block_diagonal(operator, partition, limit=LIMIT):
    """The blocks operator[g, g] of every group g of parameters, and 0 between groups (P, P).

    Parameters
    ----------
    operator : LinearOperator
    partition, limit
        As `blocks` takes them.

    Returns
    -------
    BlockDiagonal
        A SymmetricOperator with its `blocks` and its `partition`.
    """
    found = blocks(operator, partition, limit)
    layout = partition if isinstance(partition, Layout) else None
    kind = BlockDiagonal if library(operator) is np else on_device(Blockwise)
    return kind(found, groups_of(operator, partition), layout)
