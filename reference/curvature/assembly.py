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

from math import prod

import numpy as np

PIECE = 2**17  # numbers in the products of patches that are made at a time: to stay in the L2 cache
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
    return _over_batches(_matrix, Ws, ps, slopes, bends, gs, S, bias)[0]


def assemble_blocks(Ws, ps, slopes, bends, S, bias):
    """The L diagonal blocks (O_l I_l, O_l I_l) of `assemble`, whose g they do not need."""
    return _over_batches(_blocks, Ws, ps, slopes, bends, None, S, bias)


def pre_activation_curvature(Ws, slopes, bends, S, bias):
    """[S_11, ..., S_LL], each (N, O_l, O_l), samples last in memory; symmetric up to rounding."""
    Vs, slopes, bends = _without_bias(Ws, bias), _samples_last(slopes), _samples_last(bends)
    Ss = _samples_last([S])
    for l in reversed(range(len(slopes))):
        S = slopes[l] * (Vs[l + 1].T @ _pull(Vs[l + 1], slopes[l], Ss[0]))
        if bends is not None:
            np.einsum("iin->in", S)[...] += bends[l]
        Ss.insert(0, S)
    return [np.moveaxis(S, -1, 0) for S in Ss]


# ---- one batch of samples ----


def _matrix(Ws, ps, slopes, bends, gs, S, bias):
    Vs, Ss = _without_bias(Ws, bias), pre_activation_curvature(Ws, slopes, bends, S, bias)
    Ss, ps, slopes, gs = map(_samples_last, (Ss, ps, slopes, gs))
    H, block = _empty_matrix([W.shape for W in Ws], S.dtype)
    work = _workspace([W.shape for W in Ws], len(S), S.dtype)
    for m, S in enumerate(Ss):
        _write_symmetric(block(m, m), S, ps[m], work)
        for l in reversed(range(m)):
            S = _pull(Vs[l + 1], slopes[l], S)
            B = _contract(S, ps[l], ps[m], work)  # [i,k,j,q]
            if gs is not None and l == m - 1:  # D is diagonal: only q = i
                D = np.eye(len(slopes[l]), dtype=S.dtype)[..., None] * slopes[l]
                same = np.einsum("ikji->ijk", B[..., :len(D)])
                same += _contract(slopes[l], ps[l], gs[m])
            elif gs is not None:
                D = _pull(Vs[l + 1], slopes[l], D)
                _add_second_order(B, D, ps[l], gs[m], work[B.size:])
            block(l, m)[...] = B.transpose(0, 2, 1, 3)
            block(m, l)[...] = B.transpose(1, 3, 0, 2)
    return [H]


def _blocks(Ws, ps, slopes, bends, gs, S, bias):
    Ss = _samples_last(pre_activation_curvature(Ws, slopes, bends, S, bias))
    blocks = [np.empty(W.shape + W.shape, S.dtype) for W, S in zip(Ws, Ss)]
    work = _workspace([W.shape for W in Ws], len(S), S.dtype)
    for B, S, p in zip(blocks, Ss, _samples_last(ps)):
        _write_symmetric(B, S, p, work)
    return [B.reshape(W.size, W.size) for B, W in zip(blocks, Ws)]


def _over_batches(matrices, Ws, ps, slopes, bends, gs, S, bias):
    """The list of matrices, summed over batches of samples, all in the widest dtype given."""
    def batch(arrays):
        return None if arrays is None else [a[n].astype(dtype, copy=False) for a in arrays]

    dtype = np.result_type(*Ws, *ps, *slopes, *(bends or ()), *(gs or ()), S)
    N, total = len(S), None
    size = max(1, BATCH // sum(len(W) for W in Ws) ** 2)
    for start in range(0, N, size):
        n = slice(start, start + size)
        part = matrices(Ws, *map(batch, (ps, slopes, bends, gs)), *batch([S]), bias)
        total = part if total is None else [np.add(a, b, out=a) for a, b in zip(total, part)]
    return total


# ---- contractions, samples last ----


def _pull(V, slope, X):
    """diag(f') Vᵀ X, (O, K, N), from X (O', K, N): the chain rule from layer l + 1 down to l."""
    X = (V.T @ X.reshape(len(X), -1)).reshape(-1, *X.shape[1:])
    return np.multiply(slope[:, None], X, out=X)


def _contract(X, a, b, work=None):
    """Σ_n X[...,n] a[j,n] b[q,n], (..., J, Q)."""
    j, q = np.indices((len(a), len(b))).reshape(2, -1)
    rows = X.reshape(-1, X.shape[-1])
    size = len(rows) * len(j)
    out = (np.empty(size, X.dtype) if work is None else work[:size]).reshape(len(rows), len(j))
    _contract_pairs(rows, a, b, j, q, out)
    return out.reshape(*X.shape[:-1], len(a), len(b))


def _contract_pairs(X, a, b, j, q, out):
    """out[r,:] = Σ_n X[r,n] a[j,n] b[q,n], for index arrays j and q, piece by piece."""
    size = max(64, PIECE // X.shape[1])
    for start in range(0, len(j), size):
        s = slice(start, start + size)
        products = a[j[s]]
        products *= b[q[s]]
        np.matmul(X, products.T, out=out[:, s])


def _add_second_order(B, D, a, g, work):
    """B[i,k,j,q] += Σ_n D[i,q] a[j] g[k]; D knows no constant 1, B may end in its row q."""
    i, q, n = D.shape
    second, ga = _carve(work, (len(g) * len(a), i * q), (len(g), len(a), n))
    np.multiply(g[:, None], a, out=ga)
    np.matmul(ga.reshape(-1, n), D.reshape(-1, n).T, out=second)
    B[..., :q] += second.reshape(len(g), len(a), i, q).transpose(2, 0, 1, 3)


def _write_symmetric(H, S, p, work):
    """H[i,j,k,q] = Σ_n S[i,k] p[j] p[q], from the pairs i <= k and j <= q alone."""
    (i, k), (j, q) = np.triu_indices(len(S)), np.triu_indices(len(p))
    pair = np.empty((len(p), len(p)), int)
    pair[j, q] = pair[q, j] = np.arange(len(j))
    packed, B = _carve(work, (len(i), len(j)), (len(i), *pair.shape))
    _contract_pairs(S[i, k], p, p, j, q, packed)
    packed.take(pair, axis=1, out=B, mode="clip")
    H[i, :, k, :] = B
    H[k, :, i, :] = B


# ---- arrangement ----


def _samples_last(arrays):
    """(N, ...) -> (..., N), contiguous; None stays None."""
    return None if arrays is None else [np.ascontiguousarray(np.moveaxis(a, 0, -1)) for a in arrays]


def _without_bias(Ws, bias):
    return [W[:, :-1] if b else W for W, b in zip(Ws, bias)]


def _workspace(shapes, N, dtype):
    """Room for the products of any block, taken once: taking it anew costs as much as filling."""
    sizes = [(O * (O + 1) // 2) * (I * (I + 1) // 2 + I * I) for O, I in shapes]
    sizes += [O * I * P * Q for m, (P, Q) in enumerate(shapes) for O, I in shapes[:m]]
    sizes += [O * I * P * (Q + Q) + I * P * N
              for m, (P, Q) in enumerate(shapes) for O, I in shapes[:max(m - 1, 0)]]
    return np.empty(max(sizes), dtype)


def _carve(work, *shapes):
    """Consecutive pieces of `work` in these shapes."""
    ends = np.cumsum([0] + [prod(shape) for shape in shapes])
    return [work[a:b].reshape(shape) for a, b, shape in zip(ends, ends[1:], shapes)]


def _empty_matrix(shapes, dtype):
    """H (P, P) and block(l, m), its part H_lm seen as [i,j,k,q]."""
    ends = np.cumsum([0] + [O * I for O, I in shapes])
    H = np.empty((ends[-1], ends[-1]), dtype)

    def block(l, m):
        return H[ends[l]:ends[l + 1], ends[m]:ends[m + 1]].reshape(*shapes[l], *shapes[m])

    return H, block
