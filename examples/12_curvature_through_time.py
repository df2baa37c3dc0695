r"""
12. Curvature through time
==========================

A recurrent net uses one matrix at every step, so its curvature is a sum over *pairs* of steps.
This lesson unrolls a small net by hand, draws the table of the pairs, and asks what the two
Kronecker products of Eschenhagen and others (2023) keep of it: *expand* the diagonal of the table,
*reduce* its mean.  How the table looks is decided by how gradients vanish or explode.
"""

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
norm, N, T, O = np.linalg.norm, 200, 8, 6
pixels, labels = ref.problems.digits(N)
x, one = pixels.reshape(N, T, 8), np.ones((N, 1))            # a row of the image at a step
net = ref.Sequential(ref.RNN(8, O, last=True), ref.Dense(O, 10))
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)

# %%
# Unrolled by hand
# ----------------
# .. math::
#    s_t = W_{ih} (x_t, 1) + W_{hh} (h_{t-1}, 1), \qquad h_t = \tanh s_t, \qquad z = W (h_T, 1).
#
# What :math:`W_{hh}` multiplies at step t is :math:`p_t = (h_{t-1}, 1)`.  What a change of
# :math:`s_t` does to the outputs, :math:`J_t = \partial z/\partial s_t`, comes backwards:
#
# .. math::
#    J_T = W \operatorname{diag}(1 - h_T^2), \qquad
#    J_t = J_{t+1} W_{hh} \operatorname{diag}(1 - h_t^2).


def unrolled(theta, x):
    """p (N, T, I), J (N, T, C, O) and z (N, C), with I = O + 1 and W_hh (O, I)."""
    W_ih, W_hh, W = net.layout.unpack(theta)
    h = [np.zeros((N, O))]
    for t in range(T):
        h.append(np.tanh(np.hstack([x[:, t], one]) @ W_ih.T + np.hstack([h[-1], one]) @ W_hh.T))
    J = [W[:, :-1] * (1 - h[-1]**2)[:, None]]
    for t in range(T - 1, 0, -1):
        J.insert(0, J[0] @ W_hh[:, :-1] * (1 - h[t]**2)[:, None])
    h = [np.hstack([a, one]) for a in h]
    return np.stack(h[:-1], 1), np.stack(J, 1), h[-1] @ W.T


def recurrent(rho, turn):
    """theta whose W_hh is rho times an orthogonal matrix: a rotation, or the identity."""
    rng = np.random.default_rng(0)
    W_ih, W_hh, W = net.layout.unpack(net.initial(rng))
    Q = np.linalg.qr(rng.standard_normal((O, O)))[0] if turn else np.eye(O)
    return net.layout.pack([W_ih, np.hstack([rho * Q, np.zeros((O, 1))]), W])


# %%
# The table of pairs
# ------------------
# The gradient is a sum over steps, with :math:`g_t = J_t^T\, \partial \ell/\partial z` for a loss
# :math:`\ell` of one example.  The block of :func:`reference.gauss_newton` is a sum over *pairs*:
#
# .. math::
#    \frac{\partial L}{\partial W_{hh}} = \frac1N \sum_n \sum_t g_t p_t^T, \qquad
#    B = \sum_{tu} B_{tu}, \quad B_{tu} = \frac1N \sum_n J_t^T S J_u \otimes p_t p_u^T.
#
# :math:`S` is the Hessian of the loss by z, for cross-entropy
# :math:`\operatorname{diag}(q) - q q^T` with the probabilities q.


def pairs(theta):
    """B_tu (T, T, O I, O I) of W_hh, its gradient (O, I), and the mean |J_t| (T,)."""
    p, J, z = unrolled(theta, x)
    q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    S = q[:, :, None] * np.eye(10) - q[:, :, None] * q[:, None]
    g = np.einsum("ntco,nc->nto", J, q - np.eye(10)[labels])
    M = np.einsum("ntca,ncd,nudb->tunab", J, S, J, optimize=True)
    B = np.einsum("tunab,nti,nuj->tuaibj", M, p, p, optimize=True) / N
    gradient = np.einsum("nto,nti->oi", g, p) / N
    return B.reshape(T, T, O * (O + 1), -1), gradient, norm(J, axis=(2, 3)).mean(0)


def errors(net, loss, theta, x, y, k):
    """The block of matrix k, and |K-FAC - block|/|block| by "expand" and by "reduce"."""
    at = ref.Objective(net, loss, x, y)
    B = ref.blocks(ref.gauss_newton(at, theta), net.layout)[k]
    return B, [norm(ref.kfac(at, theta, setting=how)[k].dense() - B) / norm(B)
               for how in ("expand", "reduce")]


rhos, steps, tables, lengths = (0.5, 1.0, 2.0), range(1, T + 1), {}, {}
for rho in rhos:
    theta = recurrent(rho, turn=False)
    table, gradient, lengths[rho] = pairs(theta)
    B, _ = errors(net, ref.CrossEntropy(), theta, x, labels, 1)
    assert np.allclose(table.sum((0, 1)), B, rtol=0, atol=1e-12 * np.abs(B).max())
    assert np.allclose(gradient, net.layout.unpack(objective.grad(theta))[1], rtol=0, atol=1e-13)
    tables[rho] = norm(table, axis=(2, 3)) / norm(B)

# %%
# :math:`W_{hh}` is :math:`\rho` times the identity here: a memory that fades for :math:`\rho < 1`.
# Going one step back multiplies by :math:`W_{hh}` and by slopes of at most 1, so
# :math:`|J_t| \le \rho\, |J_{t+1}|`, a product of :math:`T - t` such factors in the end.  For
# :math:`\rho < 1` gradients *must* vanish.  For :math:`\rho > 1` they may explode.  Both factors
# of a pair shrink or grow, so the table does so in two directions.

figure, axes = plt.subplots(2, 2, figsize=plotting.size(2, 2))
*maps, curves = axes.flat
for ax, rho in zip(maps, rhos):
    image = ax.imshow(tables[rho], norm="log", clim=(3e-3, 0.4), extent=(0.5, 8.5, 8.5, 0.5))
    ax.set(title=rf"$\rho$ = {rho:g}", xlabel="step u", ylabel="step t", xticks=steps, yticks=steps)
    ax.grid(False)
    curves.semilogy(steps, lengths[rho], label=rf"$\rho$ = {rho:g}")
    assert (lengths[rho][:-1] <= rho * lengths[rho][1:]).all()
    print(f"rho = {rho:g}: mean |J_1| {lengths[rho][0]:.3f}, |J_T| {lengths[rho][-1]:.2f}, "
          f"the pair (T, T) {tables[rho][-1, -1]:.3f} of |B|")
figure.colorbar(image, ax=maps, shrink=0.5, label="$|B_{tu}|/|B|$, logarithmic")
curves.set(xlabel="step t", ylabel="mean of $|J_t|$", xticks=steps)
curves.legend(fontsize=8)
plotting.caption(figure, "What to see: 0.5, curvature from late steps; 1, from all; 2, from early.")
plt.show()

# %%
# So the curvature of a fading memory is that of its last steps, and that of an exploding one is of
# its first.  In between all steps take part, and neighbours off the diagonal are about as large as
# the diagonal.
#
# What the two products keep
# --------------------------
# Expand takes the T places of N examples for N T examples: of the table it keeps the diagonal.
# Reduce takes the mean of p and the sum of g: it keeps all pairs, but each as the mean one.
# (Both then put a product of means for a mean of products, which
# :ref:`sphx_glr_lessons_07_kronecker_factors.py` is about.)  Which is nearer to the block?

print(f"{'':<24}expand off by  reduce off by")
for kind, turn in ("identity", False), ("rotation", True):
    for rho in rhos:
        _, off = errors(net, ref.CrossEntropy(), recurrent(rho, turn), x, labels, 1)
        print(f"rho = {rho:<3g} times {kind:<10}{off[0]:13.2f}{off[1]:15.2f}")

# %%
# Reduce is, where the memory does not explode: all steps lead to one label, and with the identity
# their gradients agree in direction.  A rotation turns them against each other, and an average
# pair says less.  At :math:`\rho = 2` neither can be relied on: one of the two is off by more than
# 1, as much as the zero matrix and more, and which one depends on the matrix.
#
# When are they exact?
# --------------------
# 1. Reduce, where p is the same at all steps of all examples:
#    :math:`\sum_t g_t p^T = (\sum_t g_t)\, p^T`.  That is a net at rest.  With
#    :math:`W_{hh} = 2 I` and no input, :math:`h = \tanh 2 h` has the solution 0.9575; we start
#    there.
# 2. Expand, for the matrix behind the recurrent layer, if every step has a label and the loss is
#    the squared error: step t then knows nothing of step u.
# 3. Reduce, for that matrix, if the *mean* over the steps is what has the label.

rest = np.full((1, 1, O), 0.9575040240772687)
still = ref.Sequential(ref.RNN(8, O, last=True, initial=rest), ref.Dense(O, 10))
theta = recurrent(2.0, turn=False)
theta[:O * 9] = 0                                                      # W_ih
each = ref.Sequential(ref.RNN(8, O), ref.Dense(O, 8))
mean = ref.Sequential(*each.layers, ref.Transpose(), ref.AdaptiveAvgPool1d(1), ref.Flatten(-2))
start, squared = each.initial(np.random.default_rng(0)), ref.SquaredError()
for name, (expand, reduce) in {
        "a net at rest": errors(still, ref.CrossEntropy(), theta, x, labels, 1)[1],
        "a label at every step": errors(each, squared, start, x[:, :-1], x[:, 1:], 2)[1],
        "a label of the mean": errors(mean, squared, start, x, x[:, 0], 2)[1]}.items():
    assert min(expand, reduce) < 1e-13 < 0.003 < max(expand, reduce)
    print(f"{name:<24}{expand:13.0e}{reduce:15.0e}")

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Truncated backpropagation through time lets g go k steps back only.  Which part of the table
#    is left, and for which :math:`\rho` does it not matter?
# 2. Put an LSTM in place of the RNN (its :math:`W_{hh}` is matrix 1, too), both with initial
#    weights as they come: how do their errors compare?
