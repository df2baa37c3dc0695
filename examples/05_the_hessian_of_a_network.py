r"""
5. The Hessian of a network
===========================

The gradient says which way is down.  The Hessian :math:`H_{ij} = \partial^2 L/\partial\theta_i
\partial\theta_j` says for how long.  For a network it is a matrix with a structure: blocks, one for
each pair of weight matrices, zeros that one can predict, and a spectrum that training changes in
the same way for nearly every network.

The network here is small enough to look at every entry: 4 x 4 pixels, layers of 6 and 4 tanh
units, 10 classes, :math:`P = 180` parameters.

Before it: :ref:`sphx_glr_lessons_03_four_number_systems.py` (products :math:`Hv`) and
:ref:`sphx_glr_lessons_04_backpropagation_as_algebra.py`.
"""

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
pixels, labels = ref.problems.digits(500)
x = pixels.reshape(500, 4, 2, 4, 2).mean((2, 4)).reshape(500, 16)
net = ref.Sequential(ref.Dense(16, 6), ref.Tanh(), ref.Dense(6, 4), ref.Tanh(), ref.Dense(4, 10))
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)
theta = net.initial(np.random.default_rng(0))

# %%
# One column at a time, or all at once
# ------------------------------------
# A column of :math:`H` is the product :math:`H e_j` with a unit vector, and a product costs about
# as much as three gradients (Pearlmutter 1994, :func:`reference.hvp`).  All :math:`P` columns are
# :math:`P` products.  The layers share so much work that the whole matrix can be had for less:
# :func:`reference.dense` assembles it block by block.  Two ways to one matrix are a test of both.
H = ref.dense(ref.hessian(objective, theta))
assert np.abs(H - ref.hvp(objective, theta, np.eye(180))).max() < 1e-13
assert (H == H.T).all()                         # second derivatives do not mind the order
print(f"H {H.shape}: the assembly, 180 products and the transpose agree")

# %%
# What it looks like
# ------------------
# Let :math:`\theta` hold :math:`W_1, W_2, W_3` one after the other, each row by row, its bias as
# the last column.  So each of the nine blocks :math:`H_{lm}` is itself made of small rectangles:
# row :math:`i` of :math:`W_l` meets row :math:`k` of :math:`W_m`.  In the block of :math:`W_1`
# there are 6 x 6 of them, and all show the same fine grid, for all units see the same pixels.  The
# last block is tidier than all others, for a reason that comes below.
figure, axes = plt.subplots(figsize=(6.6, 6.2))
plotting.heat_maps({"the Hessian H": H}, net.layout, [axes], small=0.001)
axes.set(xlabel="entry of theta, by weight matrix", ylabel="entry of theta, by weight matrix")
plotting.caption(figure, "What to see: squares, one for two units each, and in each a grid, the "
                 "inputs.  The blocks between two matrices are as large as the others.")
plt.show()

# %%
# The size of a block is its root mean square entry.  Nothing makes the blocks between two matrices
# small: who keeps the diagonal blocks alone, as block-diagonal methods do, leaves out a good part.
rms = [[1e3 * np.sqrt((H[l, m] ** 2).mean()) for m in net.layout.slices] for l in net.layout.slices]
print(f"root mean square of each block, in 1e-3\n{np.round(rms, 1)}")
inside = sum((H[l, l] ** 2).sum() for l in net.layout.slices)
print(f"part of |H|^2 on the diagonal blocks: {inside / (H ** 2).sum():.2f}")

# %%
# The last block has a formula
# ----------------------------
# The logits are :math:`z_n = W_3 p_n`, where :math:`p_n = (x_n, 1)` is what the last matrix is
# applied to.  They are linear in :math:`W_3`, so the chain rule has one term only:
#
# .. math:: H_{33} = \frac 1N \sum_n S_n \otimes p_n p_n^T,
#           \qquad S_n = \frac{\partial^2 \mathrm{loss}_n}{\partial z_n^2}
#           = \mathrm{diag}(\pi_n) - \pi_n \pi_n^T
#
# with :math:`\pi_n` the softmax of :math:`z_n`: the gradient of the loss is :math:`\pi_n - y_n`
# (lesson 4), and :math:`\partial \pi_c/\partial z_d = \pi_c ([c = d] - \pi_d)`.  The Kronecker
# product :math:`S_n \otimes p_n p_n^T` has the matrix :math:`p_n p_n^T` once for each entry of
# :math:`S_n`, times that entry (lesson 3): it says how row :math:`i` of :math:`W_3` meets row
# :math:`k`.  Each :math:`S_n` is positive semidefinite, hence
# :math:`H_{33}` is, whatever the weights are.  The other blocks have no such luck.
xs = net.forward(theta, x)                      # the trace: what every layer was given, and z
p, softmax = np.c_[xs[-2], np.ones(len(x))], np.exp(xs[-1])
softmax /= softmax.sum(1, keepdims=True)
S = softmax[:, :, None] * (np.eye(10) - softmax[:, None, :])
block = np.einsum("nik,nj,nq->ijkq", S, p, p).reshape(50, 50) / len(x)
W3 = net.layout.slices[2]
assert np.abs(block - H[W3, W3]).max() < 1e-14
least = [np.linalg.eigvalsh(H[l, l])[0] for l in net.layout.slices]
print(f"least eigenvalues of the blocks of W1, W2, W3: {np.round(least, 3) + 0.0}")
assert least[2] > -1e-14 and least[0] < -0.1

# %%
# With squared error :math:`S_n = I`: two outputs do not meet, and most of the last block is zero,
# exactly.  What is left is the same matrix :math:`A = \frac 1N \sum_n p_n p_n^T` ten times,
# :math:`H_{33} = I \otimes A`, the curvature of ten separate linear regressions.
squared = ref.Objective(net, ref.SquaredError(), x, np.eye(10)[labels])
of_squared = ref.dense(ref.hessian(squared, theta))[W3, W3]
assert np.allclose(of_squared, np.kron(np.eye(10), p.T @ p / len(x)), rtol=0, atol=1e-14)
print(f"zeros in the block of W3: {(H[W3, W3] == 0).mean():.0%} with cross-entropy, "
      f"{(of_squared == 0).mean():.0%} with squared error")

# %%
# Zero eigenvalues are symmetries
# -------------------------------
# If :math:`L(\theta + t d) = L(\theta)` for all :math:`t` *and all* :math:`\theta`, then
# :math:`d^T \nabla L = 0` everywhere, and the derivative of that is :math:`H d = 0`.  Softmax does
# not see a number that is added to all logits.  So for each of the 5 columns of :math:`W_3`, adding
# the same to all its 10 entries is such a :math:`d`.  Five directions, five zero eigenvalues, and
# not one more: everything else in this network matters to second order.
d = np.r_[np.zeros(130), np.tile([3.0, -1, 4, 1, -5], 10)]
signs = ref.inertia(H)
print(f"eigenvalues: {signs.negative} negative, {signs.zero} zero, {signs.positive} positive")
assert signs.zero == 5 and np.abs(H @ d).max() < 1e-14
assert abs(objective.value(theta + 0.1 * d) - objective.value(theta)) < 1e-14

# %%
# The spectrum during training
# ----------------------------
# More room, to see what is typical: all 64 pixels, 16 hidden units, :math:`P = 1210`, trained by
# plain gradient descent.  After 0, 10, 30 and 100 steps, all eigenvalues.
#
# - *The bulk* is near zero, from the first step on: exactly zero for the 16 weights of each of the
#   8 pixels that are black in every image and for 17 symmetries of softmax, and nearly zero for
#   many directions that hardly matter.
# - *Negative eigenvalues* hold more than a third of the curvature (the sum of all sizes) at the
#   start, almost none at the end.  They come from the residuals, which training removes:
#   :ref:`the next lesson <sphx_glr_lessons_06_gauss_newton_and_fisher.py>` splits them off.
# - *Outliers* part from the bulk, about as many as classes.  Ghorbani, Krishnan and Xiao (2019)
#   measured them on networks with millions of parameters, where :func:`reference.spectral_density`
#   takes the place of all eigenvalues.


def spectra(classes, width=16, steps=(0, 10, 30, 100)):
    """Eigenvalues of H, descending, after so many steps of gradient descent."""
    chosen = labels < classes
    net = ref.Sequential(ref.Dense(64, width), ref.Tanh(), ref.Dense(width, classes))
    objective = ref.Objective(net, ref.CrossEntropy(), pixels[chosen], labels[chosen])
    theta, found = net.initial(np.random.default_rng(0)), {}
    for step in range(steps[-1] + 1):
        if step in steps:
            found[step] = ref.eigenvalues(ref.hessian(objective, theta))[::-1]
        theta = theta - 0.5 * objective.grad(theta)
    return found


trained = spectra(10)
assert (np.abs(trained[0]) < 1e-12).sum() == 16 * (pixels == 0).all(0).sum() + 17
share = {step: -values[values < 0].sum() / np.abs(values).sum() for step, values in trained.items()}
for step, values in trained.items():
    print(f"step {step:3}: negative part {share[step]:.2f}, extremes {values[-1]:6.3f} and "
          f"{values[0]:.2f}, {np.mean(np.abs(values) < 0.01 * values[0]):.0%} within 1 % of zero")
assert list(share.values()) == sorted(share.values(), reverse=True) and share[100] < 0.04

# %%
figure, axes = plt.subplots(1, 2, figsize=plotting.size(2))
for (step, values), style in zip(trained.items(), (":", "-.", "--", "-")):
    axes[0].plot(values, style, label=f"step {step}", marker="")
axes[0].set_yscale("symlog", linthresh=0.01)
axes[0].set(xlabel="rank", ylabel="eigenvalue (linear within 0.01)", title="all 1210")
axes[0].legend()
for step in (0, 100):
    axes[1].semilogy(range(1, 21), trained[step][:20], label=f"step {step}", lw=0)
axes[1].axvline(9.5, color="gray", lw=1, ls="--")
axes[1].set(xlabel="rank", ylabel="eigenvalue", title="the 20 largest", xticks=range(1, 21, 2))
axes[1].legend()
plotting.caption(figure, "Left: the negative end moves to the bulk at zero.  Right: at the start "
                 "no gap is special; after 100 steps one opens behind eigenvalue 9 (dashed).")
plt.show()

# %%
# Is it the classes?  Take the first 6 digits only, and look for the widest gap again.
for classes, found in {10: trained, 6: spectra(6)}.items():
    ratios = found[100][:19] / found[100][1:20]
    print(f"{classes} classes: the widest gap is behind eigenvalue {ratios.argmax() + 1}, "
          f"a factor of {ratios.max():.1f}")
    assert ratios.argmax() + 1 == classes - 1

# %%
# It is a rule of thumb and no theorem.  Train on for 400 steps, and the largest eigenvalues spread
# until the gap is no longer the widest.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. ``spectra(10, width=8)``: how many outliers, and why not 9?
# 2. A ReLU unit may have its incoming weights doubled and its outgoing ones halved, and nothing
#    changes.  Why does that give no zero eigenvalue, except where the gradient is zero?
# 3. Set ``theta`` to zero in the small network.  Which blocks of :math:`H` are left, and why do all
#    eigenvalues but those of the last bias come in pairs :math:`\pm\lambda` or vanish?
