"""The nearest Kronecker product to a block, by the singular vectors of the rearranged block."""

import numpy as np

from ...curvature import nearest
from ...curvature.gauss_newton import output_fisher
from . import passes
from .kronecker import blocks_of, dense_of, factors, middle, middle_step
from .matrices import jacobian_step
from .numbers import number, relative
from .step import step


def nearest_kron(board, kind="type-2", rng=None, samples=1):
    """Of every diagonal block of the Fisher matrix, by singular vectors of the rearranged block."""
    S = middle(board, kind, rng, samples)
    blocks = blocks_of(board, S)
    found = [closest(B, shape) for B, shape in zip(blocks, board.net.layout.shapes)]
    B, (O, I), (G, A, s) = blocks[0], board.net.layout.shapes[0], found[0]
    R = rearranged(B, (O, I))
    rest = relative(s[1:], s)
    return [passes.forward(board), *passes.preactivation(board), middle_step(board, S, kind),
            jacobian_step(board),
            step(r"F_{11} = \sum_n J_{n,1}^T S_n J_{n,1}", "The exact diagonal block of W_1.", B,
                 output_fisher),
            step(r"R_{(o,o'),(i,i')} = F_{(o,i),(o',i')}", "The same numbers in another order, "
                 "outputs to the left and inputs to the right: vec(G) vec(A)^T for G (x) A.", R,
                 nearest.nearest_kron),
            step(r"R = \sum_k s_k u_k v_k^T", "Singular values: as many as there are products to "
                 f"add up. Leaving out all but the first costs sqrt(sum of their squares) = "
                 f"{number(rest)} of |F_11|.", s, nearest.kron_singular_values),
            step(r"G = \sqrt{s_1}\, u_1, \quad A = \sqrt{s_1}\, v_1",
                 "The leading vectors as matrices, scaled so that tr G/O = tr A/I. A:", A,
                 nearest.nearest_kron),
            step(r"G \otimes A", _against_kfac(board, S, B, np.kron(G, A)), np.kron(G, A),
                 nearest.nearest_kron)], [np.kron(G, A) for G, A, _ in found]


def _against_kfac(board, S, B, K):
    far = number(relative(K - B, B))
    if board.parts[0] is None or board.parts[0][0].J is None:
        return f"It is {far} of the block's length away; no product is nearer."
    M = dense_of([factors(board, part, S, "expand") for part in board.parts[0]])
    return (f"It is {far} of the block's length away, and no product is nearer; K-FAC is "
            f"{number(relative(M - B, B))} away.")


def rearranged(B, shape):
    """(O^2, I^2)."""
    O, I = shape
    return B.reshape(O, I, O, I).swapaxes(1, 2).reshape(O * O, I * I)


def closest(B, shape):
    """(G, A, singular values)."""
    (O, I), (u, s, v) = shape, np.linalg.svd(rearranged(B, shape), full_matrices=False)
    G, A = u[:, 0].reshape(O, O), v[0].reshape(I, I)
    split = s[0] * np.sign(np.trace(A) or 1)
    G, A = split * G, A * np.sign(np.trace(A) or 1)
    scale = np.sqrt(abs(np.trace(A) / I / (np.trace(G) / O or 1)) or 1)
    return G * scale, A / scale, s
