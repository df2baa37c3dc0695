r"""
4. Backpropagation as algebra
=============================

Backpropagation is the chain rule, and the chain rule is a product of matrices.  A product of
matrices may be computed in any order, with the same result but not with the same work.
Backpropagation is the order that is cheap when few numbers come out, such as one loss [RHW86].
This lesson counts the work, writes the backward pass of a network in a few lines of NumPy, and
shows the two facts on which most of the later lessons stand: the gradient of a weight matrix is
:math:`g p^\top`, and the backward pass is the transpose of the forward pass.

Before it: :ref:`sphx_glr_lessons_01_what_a_derivative_costs.py`.
"""

# %%
# The chain rule is a product
# ---------------------------
# Let :math:`x_l = f_l(x_{l-1})` for :math:`l = 1, 2, 3`.  The chain rule says
#
# .. math:: \frac{\partial x_3}{\partial x_0} = J_3 J_2 J_1, \qquad
#           J_l = \frac{\partial x_l}{\partial x_{l-1}}.
#
# *Forward order* begins at the right, at the input: :math:`J_3 (J_2 J_1)`.  *Reverse order* begins
# at the left, at the output: :math:`(J_3 J_2) J_1`.  An :math:`(a, b)` matrix times a
# :math:`(b, c)` matrix takes :math:`a b c` multiplications.  Count them for 64 inputs, two hidden
# layers of 64 units, and :math:`C` outputs.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)


def work(A, B):
    """Multiplications of A @ B."""
    return A.shape[0] * A.shape[1] * B.shape[1]


outputs, costs = (1, 4, 16, 64, 256, 1024), {}
for C in outputs:
    J1, J2, J3 = [rng.standard_normal(shape) for shape in ((64, 64), (64, 64), (C, 64))]
    right, left = J2 @ J1, J3 @ J2
    costs[C] = work(J2, J1) + work(J3, right), work(J3, J2) + work(left, J1)
    assert np.allclose(J3 @ right, left @ J1, rtol=0, atol=1e-10)
    print("64 inputs, {:4d} outputs: forward {:9,d}, reverse {:9,d}".format(C, *costs[C]))

# %%
# The reverse order carries a matrix with as many *rows* as there are outputs, the forward order one
# with as many *columns* as there are inputs.  They break even where both are equally many.  Of the
# loss of a network we want the derivative by the parameters: 1 output, :math:`P` inputs.  There the
# reverse order never does more than a row times a matrix, where the forward order carries :math:`P`
# columns.  (It does not matter that some parameters enter at a later layer: the same row passes
# by.)

figure, axes = plt.subplots(figsize=plotting.size(2))
for k, name in enumerate(("forward order", "reverse order")):
    axes.loglog(outputs, [cost[k] for cost in costs.values()], label=name)
axes.axvline(64, color="gray", ls=":", label="as many outputs as inputs")
axes.set(xlabel="number of outputs C, for 64 inputs", ylabel="multiplications")
axes.legend()
plotting.caption(figure, "What to see: the reverse order is cheap for few outputs, the forward "
                 "order for few inputs; they cross where C is the number of inputs.")
plt.show()
assert costs[64][0] == costs[64][1] and costs[1][0] > 30 * costs[1][1]

# %%
# Forward: keep the trace
# -----------------------
# Take a network of two weight matrices, 64-16-10 with :math:`\tanh`, on :math:`N = 200` images.
# :math:`W` holds its bias in the last column, :math:`W = (W_0\ b)`, so each layer first puts a 1
# behind its input, :math:`p = (x, 1)`, and then computes :math:`s = W p = W_0 x + b`.  Formulas are
# of one example, whose vectors are columns; in code each example is a *row*, so that :math:`W p`
# for all of them is ``p @ W.T``.  The outputs :math:`z = s_2` are called *logits*.
#
# What the forward pass leaves behind, ``p1``, ``x1`` and ``p2``, is called the *trace*: the
# backward pass will need it.  (``layout.unpack`` cuts ``theta`` into :math:`W_1` and :math:`W_2`,
# ``layout.pack`` puts matrices together again; ``y`` has a 1 at each label, else 0.)

objective, theta = ref.problems.ZOO["digits"](rng)
W1, W2 = objective.net.layout.unpack(theta)
x, y, N = objective.x, np.eye(10)[objective.y], objective.N


def with_one(x):
    """p = (x, 1)."""
    return np.hstack([x, np.ones((len(x), 1))])


p1 = with_one(x)
x1 = np.tanh(p1 @ W1.T)
p2 = with_one(x1)
z = p2 @ W2.T
assert np.allclose(z, objective.outputs(theta), rtol=0, atol=1e-13)

# %%
# Backward: one factor after the other
# ------------------------------------
# Start at the left end, with :math:`g_2 = \partial L/\partial z`, and take in one factor after the
# other.  Write :math:`g_l = \partial L/\partial s_l`, and :math:`W_{0,2}` for :math:`W_2` without
# its bias column, whose input is the constant 1.  With :math:`\odot` entry by entry,
#
# .. math::
#    g_1 &= (W_{0,2}^\top g_2) \odot \tanh'(s_1), \qquad \tanh'(s) = 1 - \tanh(s)^2
#    \\
#    \frac{\partial L}{\partial W_l} &= \sum_n g_{ln} \, p_{ln}^\top .
#
# The second line is the last factor: :math:`s = W p` is linear in :math:`W`, and :math:`\partial
# (g^\top W p)/\partial W = g p^\top`, since :math:`g^\top W p = \sum_{oi} g_o W_{oi} p_i`.
#
# The start is the derivative of the loss.  *Cross-entropy* reads
# :math:`\operatorname{softmax}(z)_c = e^{z_c}/\sum_k e^{z_k}` as probabilities, and is minus the
# logarithm of that of the label; :math:`L` is its mean over the examples:
#
# .. math:: \mathrm{loss}_n = \log \sum_k e^{z_k} - y^\top z, \qquad
#           \frac{\partial\, \mathrm{loss}_n}{\partial z} = \operatorname{softmax}(z) - y, \qquad
#           g_2 = \frac{\operatorname{softmax}(z) - y}{N} .


def backward(u):
    """g_1, g_2 and J^T u as one matrix for each of W_1, W_2, from u = dL/dz (N, 10)."""
    g2 = u
    dx1 = g2 @ W2[:, :-1]
    g1 = dx1 * (1 - x1 ** 2)
    return g1, g2, [g1.T @ p1, g2.T @ p2]


g1, g2, blocks = backward((softmax(z, axis=1) - y) / N)
gradient = objective.net.layout.pack(blocks)
for k, (g, p, W) in enumerate([(g1, p1, W1), (g2, p2, W2)], 1):
    print(f"W{k} {W.shape} = sum over n of g {g.shape[1:]} times p {p.shape[1:]}")
near = np.abs(gradient - ref.gradient(objective, theta)).max() < 1e-15
print(f"the same as ref.gradient to 1e-15: {near}")
assert near

# %%
# One example is a rank-one matrix
# --------------------------------
# Without the sum over :math:`n` there stands :math:`g_n p_n^\top`, a matrix of rank one: each row
# of a single example's gradient is its input, times one number.
# :func:`reference.per_example_gradients` makes these from the :math:`p` and :math:`g` of *one*
# backward pass.  They are also all that K-FAC keeps:
# :ref:`sphx_glr_lessons_07_kronecker_factors.py`.

n = 3
dW = np.outer(N * g1[n], p1[n])                        # of loss_n, without the 1/N of the mean
row = ref.per_example_gradients(objective, theta)[n]
assert np.allclose(row[:W1.size], dW.ravel(), rtol=0, atol=1e-14)
print(f"rank of one example's gradient: {np.linalg.matrix_rank(dW)}, of the mean over {N}: "
      f"{np.linalg.matrix_rank(blocks[0])}")

figure, axes = plt.subplots(1, 3, figsize=plotting.size(3), width_ratios=(1, 1, 2))
axes[0].imshow(p1[n, :64].reshape(8, 8), cmap="gray_r")
axes[0].set(title="p without its 1: the image", xlabel="column", ylabel="row")
axes[1].barh(range(16), N * g1[n])
for ax in axes[::2]:
    ax.grid(False)
axes[1].set(title="g", xlabel="dL/ds", ylabel="unit", ylim=(15.5, -0.5))
axes[2].imshow(dW, cmap="RdBu_r", vmin=-0.5, vmax=0.5, aspect="auto")
axes[2].set(title="gradient of W1: g p^T", xlabel="pixel, and the 1", ylabel="unit")
plotting.caption(figure, "What to see: every row of the gradient is the same image, unrolled, "
                 "times that unit's g: red where positive, blue where negative.")
plt.show()

# %%
# Forward with tangents
# ---------------------
# From here on :math:`J = \partial z/\partial\theta`.  The other order pushes a direction :math:`v`
# from the input on: :math:`J v`, the change of the outputs when :math:`\theta` moves along
# :math:`v`.  Differentiate the forward pass line by line; :math:`R\{\cdot\}`, ``R...`` in code,
# marks a tangent, the derivative along :math:`v` (lesson 3).  These lines may run beside those of
# the forward pass, so nothing need be kept; and it is one pass for one *input* direction.

u, v = rng.standard_normal(z.shape), rng.standard_normal(theta.size)
V1, V2 = objective.net.layout.unpack(v)
Rs1 = p1 @ V1.T
Rx1 = (1 - x1 ** 2) * Rs1
Jv = Rx1 @ W2[:, :-1].T + p2 @ V2.T
assert np.allclose(Jv, ref.jvp(objective, theta, v), rtol=0, atol=1e-13)

# %%
# Transposition
# -------------
# :math:`J^\top = J_1^\top J_2^\top J_3^\top`: transposing a product reverses its order.  So each
# line of the backward pass is the transpose of a line of the tangent pass: :math:`W` becomes
# :math:`W^\top`, a product by slopes stays what it is (as a matrix it is diagonal), and the 1 put
# behind :math:`x`, which no tangent moves, is dropped.  Therefore, for *every* :math:`u` and
# :math:`v`,
#
# .. math:: u^\top (J v) = (J^\top u)^\top v .
#
# The left side knows the tangent pass alone, the right side the backward pass alone: two random
# vectors check a whole backward pass.  Watch it find a forgotten slope, :math:`\tanh'` left out.

JTu = objective.net.layout.pack(backward(u)[2])
assert np.allclose(JTu, ref.vjp(objective, theta, u), rtol=0, atol=1e-12)
forgot = objective.net.layout.pack([(u @ W2[:, :-1]).T @ p1, u.T @ p2])
for name, found in {"J^T u": JTu, "without tanh'": forgot}.items():
    print(f"u^T (J v) = {(u * Jv).sum():.6f}, ({name})^T v = {found @ v:.6f}")
assert np.isclose((u * Jv).sum(), JTu @ v, rtol=1e-12)
assert not np.isclose((u * Jv).sum(), forgot @ v, rtol=1e-2)

# %%
# The price of the reverse order is memory: :math:`p` and :math:`x` of every layer must be kept
# until the backward pass comes by, :math:`N` times the sum of the widths.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. The identity holds for a wrong *pair*, too.  Which mistake, made in both passes, goes
#    unnoticed?  (A difference along :math:`v` finds it: lesson 1.)
# 2. With :math:`C = 10` outputs, how many backward passes make the whole :math:`J` of
#    :func:`reference.jacobian`?  How many tangent passes?
# 3. A network has the widths 1000, 100, 2, 100, 1000.  Which order of :math:`J_4 J_3 J_2 J_1` is
#    the cheapest?  It is neither of the two.
