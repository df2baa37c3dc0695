r"""
7. Kronecker factors
====================

A layer of 1000 inputs and 1000 outputs has a million weights, and its block of the curvature
matrix a trillion entries.  K-FAC (Martens and Grosse 2015) replaces the block by a Kronecker
product of two matrices of a million entries each, which can be inverted.  When is that exact, how
far is it otherwise, and what do its relatives do better?

Before it: :ref:`sphx_glr_lessons_06_gauss_newton_and_fisher.py`.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
pixels, labels = ref.problems.digits(200)
one_hot, rng = np.eye(10)[labels], np.random.default_rng(0)
x = pixels.reshape(200, 4, 2, 4, 2).mean((2, 4)).reshape(200, 16)


def far(M, B):
    """|M - B| / |B| in Frobenius norm, rounding cut off."""
    return np.round(np.linalg.norm(M - B) / np.linalg.norm(B), 12)


# %%
# The product that acts on matrices
# ---------------------------------
# :math:`G \otimes A` has the entries :math:`G_{ik} A_{jq}`, a matrix of matrices: :math:`A` once
# for each entry of :math:`G`.  (From here on :math:`G` is such a factor, no longer Gauss-Newton.)
# With :math:`\mathrm{vec}(V)` the entries of a matrix in one vector, the product need never be
# formed, because
#
# .. math:: (G \otimes A)\, \mathrm{vec}(V) = \mathrm{vec}(G V A^T),
#
# and its inverse is :math:`G^{-1} \otimes A^{-1}`.  The order depends on :math:`\mathrm{vec}`.
# NumPy and this project read matrices row by row; papers that stack columns write
# :math:`A \otimes G` for the same thing.  To mix the two is a classic mistake.
G, A, V = rng.standard_normal((3, 3)), rng.standard_normal((4, 4)), rng.standard_normal((3, 4))
assert np.allclose(np.kron(G, A) @ V.ravel(), (G @ V @ A.T).ravel(), rtol=1e-12)
assert not np.allclose(np.kron(A, G) @ V.ravel(), (G @ V @ A.T).ravel())

# %%
# A mean of products
# ------------------
# A layer computes :math:`s = W p`, with :math:`p = (x, 1)`.  The gradient of one example by
# :math:`W` is :math:`g p^T`, with :math:`g = \partial\,\mathrm{loss}/\partial s`.  As a vector that
# is :math:`g \otimes p`, so the layer's block of the Fisher matrix is a mean of Kronecker products,
# and K-FAC puts the product of the means in its place:
#
# .. math:: \frac 1N \sum_n \mathrm{E}[g_n g_n^T] \otimes p_n p_n^T \;\approx\; G \otimes A, \qquad
#           G = \frac 1N \sum_n \mathrm{E}[g_n g_n^T], \quad A = \frac 1N \sum_n p_n p_n^T.
#
# A mean of products is the product of the means and a covariance, which is what is left out:
# :math:`\frac 1N \sum_n (\mathrm{E}[g_n g_n^T] - G) \otimes
# (p_n p_n^T - A)`.  Here it is for the last layer, where :math:`\mathrm{E}[g_n g_n^T]` is the loss
# Hessian :math:`S_n`, as :doc:`the lesson before </lessons/06_gauss_newton_and_fisher>` shows.


def layers(f):
    """16 pixels, 6 and 4 units with the activation f, 10 classes."""
    return ref.Sequential(ref.Dense(16, 6), f, ref.Dense(6, 4), f, ref.Dense(4, 10))


net, linear = layers(ref.Tanh()), layers(ref.Identity())
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)
theta = start = net.initial(rng)
for _ in range(100):
    theta = theta - 0.5 * objective.grad(theta)
xs = net.forward(theta, x)
p, S = np.c_[xs[-2], np.ones(200)], 200 * objective.output_hessian(xs[-1])     # without its 1/N
G, A = S.mean(0), p.T @ p / 200
lost = np.einsum("nik,njq->ijkq", S - G, p[:, :, None] * p[:, None, :] - A).reshape(50, 50) / 200
K, B = ref.kfac(objective, theta)[2], ref.blocks(ref.gauss_newton(objective, theta), net.layout)[2]
assert far(K.dense(), np.kron(G, A)) == far(K.dense() + lost, B) == 0

# %%
# The family
# ----------
# - :func:`reference.kfac` is K-FAC, for any layer and kind of Fisher matrix.
# - *KFRA* (:func:`reference.kfra`; Botev, Ritter and Barber 2017) propagates the mean of :math:`S`
#   backwards instead of the gradients: cheaper with many classes, and one approximation more.
# - *EKFAC* (:func:`reference.ekfac`; George and others 2018) keeps K-FAC's eigenvectors and takes
#   for eigenvalues what the exact block has along them: the closest matrix in that basis, so never
#   farther than K-FAC.
# - *The nearest Kronecker product* (:func:`reference.nearest_kron`; Van Loan and Pitsianis 1993) is
#   the best that any product can do.  It needs the exact block, and serves as a yardstick.


def residuals(objective, theta):
    """Name -> |approximation - block| / |block| for each weight matrix."""
    blocks = ref.blocks(ref.gauss_newton(objective, theta), net.layout)
    nearest = [ref.nearest_kron(*pair)[0] for pair in zip(blocks, net.layout.shapes)]
    family = {"KFRA": ref.kfra(objective, theta), "K-FAC": ref.kfac(objective, theta),
              "EKFAC": ref.ekfac(objective, theta), "nearest products": nearest}
    return {name: [far(K.dense(), B) for K, B in zip(Ks, blocks)] for name, Ks in family.items()}


# %%
# The covariance vanishes if one of its factors does.  :math:`p p^T` is the same for all if there is
# but one example.  :math:`\mathrm{E}[g g^T]` is the same for all in a deep *linear* network with
# squared error: :math:`g` is the residual times weights, and the residual's covariance under the
# model is :math:`I`.  Linear without squared error is not enough, nor the other way round.  The
# largest residual of the three matrices:
cases = {"tanh, cross-entropy, start": (objective, start),
         "  the same after 100 steps": (objective, theta),
         "tanh, one example": (objective.batch([0]), theta),
         "linear, squared error": (ref.Objective(linear, ref.SquaredError(), x, one_hot), theta),
         "linear, cross-entropy": (ref.Objective(linear, ref.CrossEntropy(), x, labels), theta),
         "tanh, squared error": (ref.Objective(net, ref.SquaredError(), x, one_hot), theta)}
found = {name: residuals(*case) for name, case in cases.items()}
print(f"{'largest residual':<29}KFRA K-FAC EKFAC nearest")
for name, family in found.items():
    worst = np.max(list(family.values()), 1)
    print(f"{name:<28}", "  ".join(f"{value:.2f}" for value in worst))
    assert (worst == 0).all() == (name in ("tanh, one example", "linear, squared error"))
    assert (np.max([family["EKFAC"], family["nearest products"]], 0) <= family["K-FAC"]).all()

# %%
# Training takes K-FAC away from the last blocks.  At the start the model says much the same of all
# images, and :math:`S_n` hardly varies.  Later some are learned and others not: :math:`S_n` is near
# zero for the former, and depends on :math:`p_n`.  Here is the block of :math:`W_3`, a square for
# each pair of classes: in a product all squares are multiples of :math:`A`, in the exact block they
# are not.  The bars tell the distance for each weight matrix: at the start by K-FAC, and after
# training by the whole family.
begun, ended = found["tanh, cross-entropy, start"], found["  the same after 100 steps"]
assert begun["K-FAC"][2] < 0.05 < 0.5 < ended["K-FAC"][2]
shown = {"exact": B, "K-FAC": K.dense(), "nearest product": ref.nearest_kron(B, (10, 5))[0].dense()}
trained, axes = plt.subplots(2, 2, figsize=plotting.size(2, 2))
for ax, (name, M) in zip(axes.flat, shown.items()):
    plotting.heat_map(M / np.abs(B).max(), "0123456789", ax).set(title=name, xlabel="class")
plotting.kron_residuals({"K-FAC at the start": begun["K-FAC"], **ended}, axes[1, 1])
plotting.caption(trained, "Red +, blue -, logarithmic.  A product has one pattern in all squares.")
plt.show()

# %%
# Damping
# -------
# A step needs :math:`(G \otimes A + \lambda I)^{-1}`, which is no Kronecker product.  K-FAC inverts
# :math:`(G + \tfrac{\sqrt\lambda}{\pi} I) \otimes (A + \pi\sqrt\lambda\, I)` instead, which adds
# :math:`\sqrt\lambda\, (\pi\, G \otimes I + \tfrac 1\pi\, I \otimes A)` too much.  (:math:`\pi` is
# a number here.)  With :math:`m_G` and :math:`m_A` the mean eigenvalues, the trace of that is
# proportional to :math:`\pi\, m_G + m_A/\pi`, which is least at :math:`\pi^2 = m_A/m_G`.
pi, one = (np.linalg.inv(K.inv(0.01, rule).dense()) - K.dense() for rule in ("pi", "factored"))
print(f"\npi = {K.pi():.2f}: trace of the damping {np.trace(pi):.2f}; pi = 1: {np.trace(one):.2f}")
assert 0.01 * len(pi) < np.trace(pi) < np.trace(one)

# %%
# A matrix used in many places
# ----------------------------
# A convolution multiplies :math:`T` patches of an image by one matrix.  The gradient of an example
# is :math:`\sum_t g_t p_t^T`, and the block a sum over *pairs* of places.  There are two ways to
# one product (Eschenhagen and others 2023).  *Expand* drops the pairs :math:`t \ne u`: places count
# as examples.  *Reduce* takes all places for one, with the mean of :math:`p_t` and the sum of
# :math:`g_t`.  Which is right depends on the labels:
#
# - a linear layer that has a label at each place: expand is exact;
# - a linear convolution of which the mean over places has a label: reduce is exact;
# - a convolution with a classifier behind it: neither.
rows, images = pixels.reshape(200, 8, 8), pixels.reshape(200, 1, 8, 8)
places = {"each row predicts the next": (rows[:, :-1], rows[:, 1:], ref.Dense(8, 8)),
          "mean over places": (images, one_hot, ref.Conv2d(1, 10, 3), ref.AdaptiveAvgPool2d(1),
                               ref.Flatten()),
          "classifier": (images, one_hot, ref.Conv2d(1, 2, 3), ref.Tanh(), ref.AvgPool2d(3),
                         ref.Flatten(), ref.Dense(8, 10))}
for name, (given, y, *parts) in places.items():
    case = ref.Objective(ref.Sequential(*parts), ref.SquaredError(), given, y)
    at = case.net.initial(rng)
    exact = ref.blocks(ref.gauss_newton(case, at), case.net.layout)[0]
    expand, reduce = (ref.kfac(case, at, setting=s)[0].dense() for s in ("expand", "reduce"))
    off = far(expand, exact), far(reduce, exact)
    print(f"{name:<27} expand {off[0]:.2f}, reduce {off[1]:.2f} from the block")
    assert (off[0] == 0, off[1] == 0) == ("row" in name, "mean" in name)

# %%
# Thirty-six places lead to one answer here, and their gradients agree.  Expand loses the products
# of different places, and with them most of the size; reduce keeps the size, but of the patches no
# more than their mean.  The input of a bias is 1 at all places: there reduce is exact.
assert far(reduce[9::10, 9::10], exact[9::10, 9::10]) == 0
convolved, axes = plt.subplots(1, 3, figsize=(9.6, 3.9))
for ax, (name, M) in zip(axes, {"exact": exact, "expand": expand, "reduce": reduce}.items()):
    plotting.heat_map(M / np.abs(exact).max(), "12", ax).set(title=name, xlabel="kernel")
plotting.caption(convolved, "Two kernels: expand is pale, that is small; reduce has no pattern.")
plt.show()
# file names, where they are given
for path, figure in zip(sys.argv[1:], (trained, convolved)):
    figure.savefig(path)

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Why are KFRA and K-FAC the same for the last matrix, whatever the network is?
# 2. After training EKFAC is closer to the block than the nearest product.  How can that be?
# 3. ``ref.relate("kfac", "gauss-newton", objective, theta)`` measures any two matrices of the
#    family and names the theorems that make them equal.  Ask it about ``objective.batch([0])``.
