"""Exact dense Hessian and Gauss-Newton matrices of a chain of dense layers: a few large products.

The chain, per sample n (dropped where it is clear), with the loss ℓ(s_L) and L = Σ_n ℓ_n:

    s_l = W_l p_l,   x_l = f_l(s_l),   p_{l+1} = (x_l, 1);   V_l = W_l without its bias column
    g_l = dℓ/ds_l,   S_lm = d²ℓ/ds_l ds_m, (O_l, O_m), the pre-activation curvature

The gradient is dℓ/dW_m[k,q] = g_m[k] p_m[q]. Its derivative by W_l[i,j], l <= m, goes through
s_l[i] alone, and ds_l[i]/dW_l[i,j] = p_l[j]. With D_lm[i,q] = dp_m[q]/ds_l[i], 0 if l = m, hence

    H_lm[(i,j),(k,q)] = Σ_n p_l[j] (S_lm[i,k] p_m[q] + D_lm[i,q] g_m[k]).

All else is the chain rule through ds_{l+1}/ds_l = V_{l+1} diag(f'_l), starting at S_LL, the loss
Hessian, and at D_{m-1,m} = diag(f'_{m-1}):

    S_lm = diag(f'_l) V_{l+1}ᵀ S_{l+1,m}   and the same for D_lm
    S_ll = diag(f'_l) V_{l+1}ᵀ S_{l+1,l+1} V_{l+1} diag(f'_l) + diag(bend_l)
    bend_l = f''_l(s_l) dℓ/dx_l.

A Gauss-Newton or Fisher matrix is what remains when the second derivatives of the network are left
out: bend = 0 and no D term. Weights of samples and the factor 1/R are inside S_LL, bend and g.

Why it is fast. A block is one product of S_lm, as a matrix (O_l O_m, N), with the products of
patches (N, I_l I_m). On the diagonal both are symmetric, and pairs i <= k times pairs j <= q are a
quarter of the work. Blocks below the diagonal are transposes of those above, so the result is
symmetric bit by bit. Only blocks m > l + 1 pay for a second product, the D term. Inside, samples
come last: scaling by f' runs along contiguous memory, and the chain rule is one product per layer.
"""

import numpy as np

from ..arrays.namespace import library
from .sums import summed

TILE = 33**2  # products of patches per sample that are made at a time
PIECE = 2**18  # numbers in the sums of both terms that are made at a time: to stay in the L2 cache
BATCH = 2**24  # numbers in all S_lm that are held at a time: the other samples wait for their turn


def assemble(Ws, ps, slopes, bends, gs, S, bias):
    """H (P, P) of L by theta = (vec W_1, ..., vec W_L); Gauss-Newton if bends and gs are None.

    Parameters
    ----------
    Ws : L arrays (O_l, I_l), the bias as last column where `bias[l]`.
    ps : L arrays (N, I_l), the inputs of the layers, ending in the constant 1 where `bias[l]`.
    slopes, bends : L - 1 arrays (N, O_l), f'_l(s_l) and f''_l(s_l) dℓ/dx_l.
    gs : L arrays (N, O_l), dℓ/ds_l.
    S : (N, C, C), d²ℓ/ds_L², symmetric.
    bias : L booleans.
    """
    return summed(_matrix(*batch, bias) for batch in in_batches(Ws, ps, slopes, bends, gs, S))[0]


def assemble_blocks(Ws, ps, slopes, bends, S, bias):
    """The L diagonal blocks (O_l I_l, O_l I_l) of `assemble`, whose g they do not need."""
    return summed(_blocks(*batch, bias) for batch in in_batches(Ws, ps, slopes, bends, None, S))


def pre_activation_curvature(Ws, slopes, bends, S, bias):
    """[S_11, ..., S_LL], each (N, O_l, O_l), samples last in memory; symmetric up to rounding."""
    Vs, slopes, bends = _without_bias(Ws, bias), _samples_last(slopes), _samples_last(bends)
    Ss = _samples_last([S])
    for l in reversed(range(len(slopes))):
        S = slopes[l] * (Vs[l + 1].T @ _pull(Vs[l + 1], slopes[l], Ss[0]))
        if bends is not None:
            i = library(S).arange(len(S))
            S[i, i] += bends[l]
        Ss.insert(0, S)
    return [np.moveaxis(S, -1, 0) for S in Ss]


# ---- one batch of samples ----


def _matrix(Ws, ps, slopes, bends, gs, S, bias):
    Vs, Ss = _without_bias(Ws, bias), pre_activation_curvature(Ws, slopes, bends, S, bias)
    Ss, ps, slopes, gs = map(_samples_last, (Ss, ps, slopes, gs))
    H, block = _empty_matrix([W.shape for W in Ws], S)
    for m, S in enumerate(Ss):
        _write_symmetric(block(m, m), S, ps[m])
        D = None
        for l in reversed(range(m)):
            S = _pull(Vs[l + 1], slopes[l], S)
            if gs is not None:
                D = slopes[l] if D is None else _pull(Vs[l + 1], slopes[l], _full(D))
            _write_pair(block(l, m), block(m, l), S, ps[l], ps[m], D, gs and gs[m])
    return [H]


def _blocks(Ws, ps, slopes, bends, gs, S, bias):
    Ss = _samples_last(pre_activation_curvature(Ws, slopes, bends, S, bias))
    blocks = [library(S).empty(W.shape + W.shape, S.dtype) for W, S in zip(Ws, Ss)]
    for B, S, p in zip(blocks, Ss, _samples_last(ps)):
        _write_symmetric(B, S, p)
    return [B.reshape(W.size, W.size) for B, W in zip(blocks, Ws)]


def in_batches(Ws, ps, slopes, bends, gs, S):
    """(Ws, ps, slopes, bends, gs, S) for some samples after others, all in the widest dtype."""
    def batch(arrays):
        return None if arrays is None else [a[n].astype(dtype, copy=False) for a in arrays]

    dtype = np.result_type(*Ws, *ps, *slopes, *(bends or ()), *(gs or ()), S)
    size = at_a_time(S, [len(W) for W in Ws])
    for start in range(0, len(S), size):
        n = slice(start, start + size)
        yield Ws, *map(batch, (ps, slopes, bends, gs)), *batch([S])


# ---- contractions, samples last ----


def _pull(V, slope, X):
    """diag(f') Vᵀ X, (O, K, N), from X (O', K, N): the chain rule from layer l + 1 down to l."""
    X = (V.T @ X.reshape(len(X), -1)).reshape(-1, *X.shape[1:])
    return np.multiply(slope[:, None], X, out=X)


def _write_pair(upper, lower, S, a, b, D, g):
    """upper[i,j,k,q] = Σ_n a[j] (S[i,k] b[q] + D[i,q] g[k]) and lower, its transpose.

    D is None, or its diagonal (O, N), q = i, or all of it; b may end in a constant that D lacks.
    """
    if D is not None and D.ndim == 3:
        return _write_bent(upper, lower, S, a, b, D, g)
    (O, K, N), Q = S.shape, len(b)
    i = library(S).arange(O)
    for j in _tiles(len(a), at_once(S, TILE) // Q):
        B = (S.reshape(-1, N) @ _products(a[j], b).T).reshape(O, K, -1, Q)
        if D is not None:
            B[i, :, :, i] += (D @ _products(g, a[j]).T).reshape(O, K, -1)
        upper[:, j] = B.transpose(0, 2, 1, 3)
        lower[..., j] = B.transpose(1, 3, 0, 2)


def _write_bent(upper, lower, S, a, b, D, g):
    """The same with all of D: the sum over both terms comes first, and then one product with a."""
    (O, K, N), J, Q = S.shape, len(a), len(b)
    piece = at_once(S, PIECE) // (Q * N)
    for k in _tiles(K, piece):
        for i in _tiles(O, piece // K):
            T = S[i, k, None] * b
            T[:, :, :D.shape[1]] += g[k, None] * D[i, None]
            B = (a @ T.reshape(-1, N).T).reshape(J, *T.shape[:3])
            upper[i, :, k], lower[k, :, i] = B.swapaxes(0, 1), B.transpose(2, 3, 1, 0)


def _write_symmetric(H, S, p):
    """H[i,j,k,q] = Σ_n S[i,k] p[j] p[q], from the pairs i <= k and j <= q alone, tile by tile."""
    i, k = library(S).triu_indices(len(S))
    S, tiles = S[i, k], _tiles(len(p), int(at_once(S, TILE)**0.5))
    for n, a in enumerate(tiles):
        for b in tiles[n:]:
            B = _symmetric_tile(S, p[a]) if a == b else _tile(S, p[a], p[b])
            H[i, a, k, b], H[k, a, i, b] = B, B
            if a != b:
                H[i, b, k, a] = H[k, b, i, a] = B.swapaxes(1, 2)


def _tile(S, a, b):
    """Σ_n S[r] a[j] b[q], (r, j, q)."""
    return (S @ _products(a, b).T).reshape(len(S), len(a), len(b))


def _symmetric_tile(S, a):
    """The same for b = a, from the pairs j <= q."""
    j, q = library(a).triu_indices(len(a))
    pair = library(a).empty((len(a), len(a)), int)
    pair[j, q] = pair[q, j] = library(a).arange(len(j))
    products = a[j]
    products *= a[q]
    return (S @ products.T).take(pair, axis=1)


def _products(a, b):
    """a[j] b[q], (j q, N)."""
    return (a[:, None] * b).reshape(-1, a.shape[-1])


def _tiles(n, size):
    """Slices of at most `size` that cover n, about equal in size."""
    count = -(-n // max(size, 1))
    return [slice(n * k // count, n * (k + 1) // count) for k in range(count)]


# ---- arrangement ----


def at_once(like, numbers):
    """How many numbers to make at a time: so many in a processor's cache, more to keep a GPU busy.
    """
    return numbers if library(like) is np else 32 * numbers


def at_a_time(like, widths):
    """How many samples' S_lm to hold: a GPU has room for more, and adds up no second matrix."""
    return max(1, BATCH * (1 if library(like) is np else 8) // sum(widths)**2)


def _full(D):
    """D (O, O, N) of a D that is given by its diagonal (O, N)."""
    return D if D.ndim == 3 else library(D).eye(len(D), dtype=D.dtype)[..., None] * D


def _samples_last(arrays):
    """(N, ...) -> (..., N), contiguous; None stays None."""
    if arrays is None:
        return None
    return [library(a).ascontiguousarray(np.moveaxis(a, 0, -1)) for a in arrays]


def _without_bias(Ws, bias):
    return [W[:, :-1] if b else W for W, b in zip(Ws, bias)]


def _empty_matrix(shapes, like):
    """H (P, P) and block(l, m), its part H_lm seen as [i,j,k,q]."""
    ends = np.cumsum([0] + [O * I for O, I in shapes]).tolist()
    H = library(like).empty((ends[-1], ends[-1]), like.dtype)

    def block(l, m):
        return H[ends[l]:ends[l + 1], ends[m]:ends[m + 1]].reshape(*shapes[l], *shapes[m])

    return H, block
