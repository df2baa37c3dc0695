"""The block-diagonal part of a curvature matrix, as an operator."""

import numpy as np

from ..network.layout import Layout
from ..network.names import read_only
from .memory import LIMIT
from .operator import SymmetricOperator, blocks, groups_of


class BlockDiagonal(SymmetricOperator):
    """diag(B_1, B_2, ...) at the places of each group: v[g] -> B_g v[g].

    blocks : the B_g (n_g, n_g), symmetric, read-only.
    partition : the index arrays g (n_g,), which have each place of theta once.
    """

    def __init__(self, blocks, partition, layout=None):
        self.blocks = tuple(read_only(block) for block in blocks)
        self.partition = tuple(read_only(np.array(group)) for group in partition)
        places = np.concatenate(self.partition)
        self._order = np.argsort(places)
        super().__init__(places.size, np.result_type(*self.blocks), self._product, self._matrix,
                         lambda: [block.copy() for block in self.blocks], layout, self._entries)

    def _product(self, V):
        parts = [V[:, group] @ block for group, block in zip(self.partition, self.blocks)]
        return np.concatenate(parts, axis=1)[:, self._order]

    def _matrix(self):
        matrix = np.zeros(self.shape, self.dtype)
        for group, block in zip(self.partition, self.blocks):
            matrix[np.ix_(group, group)] = block
        return matrix

    def _entries(self):
        return np.concatenate([np.diagonal(block) for block in self.blocks])[self._order]


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
    return BlockDiagonal(found, groups_of(operator, partition), layout)
