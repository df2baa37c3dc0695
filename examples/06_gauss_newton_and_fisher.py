r"""
6. Gauss-Newton and Fisher
==========================

The Hessian of a network is the sum of two matrices.  One, the Gauss-Newton matrix, sees the network
as if it were linear in its weights; the other is what the network itself bends.  The first is never
negative, and most second-order methods take it for the whole.  It has a twin from statistics: the
Fisher matrix.  This lesson takes the Hessian apart, and asks of every equality where it ends.

Before it: :ref:`sphx_glr_lessons_05_the_hessian_of_a_network.py`.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
pixels, labels = ref.problems.digits(200)
x = pixels.reshape(200, 4, 2, 4, 2).mean((2, 4)).reshape(200, 16)


def layers(f):
    """16 pixels, 6 and 4 units with the activation f, 10 classes."""
    return ref.Sequential(ref.Dense(16, 6), f, ref.Dense(6, 4), f, ref.Dense(4, 10))


def far(A, B):
    """|A - B| / |B| in Frobenius norm, rounding cut off."""
    return np.round(np.linalg.norm(A - B) / np.linalg.norm(B), 12)


net = layers(ref.Tanh())
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)
theta = net.initial(np.random.default_rng(0))
H, G = (ref.dense(B(objective, theta)) for B in (ref.hessian, ref.gauss_newton))

# %%
# The chain rule, twice
# ---------------------
# The loss of an example is a function of its logits, :math:`\mathrm{loss}_n(z_n(\theta))`.  With
# :math:`J_n = \partial z_n/\partial\theta` its gradient is :math:`J_n^T r_n`, where :math:`r_n =
# \partial\,\mathrm{loss}_n/\partial z_n` is called the *residual*.  Take the derivative again, and
# either factor may vary:
#
# .. math:: H = \underbrace{\frac 1N \sum_n J_n^T S_n J_n}_{G} +
#           \underbrace{\frac 1N \sum_n \sum_c r_{nc} \frac{\partial^2 z_{nc}}
#           {\partial\theta^2}}_{R}, \qquad S_n = \frac{\partial^2 \mathrm{loss}_n}{\partial z_n^2}.
#
# :math:`G` is the generalised Gauss-Newton matrix (Schraudolph 2002), that of
# :func:`reference.gauss_newton`.  Four lines form it.
z, J = objective.outputs(theta), ref.jacobian(objective, theta)
pi = np.exp(z) / np.exp(z).sum(1, keepdims=True)
S = pi[:, :, None] * (np.eye(10) - pi[:, None, :])
assert far(np.einsum("nca,ncd,ndb->ab", J, S, J, optimize=True) / len(x), G) == 0

# %%
# The rest :math:`R` knows the loss through :math:`r_n` alone.  So *any* loss with the same
# :math:`r_n` at this :math:`\theta` has the same :math:`R`.  Squared error, :math:`\frac12 |z_n -
# y_n|^2`, has :math:`r_n = z_n - y_n`: choose targets :math:`y_n` that make it what cross-entropy
# has, the softmax :math:`\pi_n` less the one-hot label.
squared = ref.Objective(net, ref.SquaredError(), x, z - pi + np.eye(10)[labels])
R = ref.dense(ref.hessian(squared, theta) - ref.gauss_newton(squared, theta))
assert far(G + R, H) == 0
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.7))
plotting.heat_maps({"Hessian H": H, "Gauss-Newton G": G, "H - G": R}, net.layout, axes, small=1e-3)
plotting.caption(figure, "White is zero: H - G has no W3 block, and of W2's only small squares.")
if len(sys.argv) > 1:                                # a file name, where one is given
    figure.savefig(sys.argv[1])
plt.show()

# %%
# The zeros of :math:`R` tell where it comes from.  Logits are linear in :math:`W_3`: no block.  A
# unit between :math:`W_2` and the logits bends by itself, so in the block of :math:`W_2` only
# weights of one unit meet.  And where :math:`W_2` meets :math:`W_3`, each row of one multiplies one
# column of the other.
#
# What Gauss-Newton gains
# -----------------------
# :math:`v^T G v = \frac 1N \sum_n (J_n v)^T S_n (J_n v)`.  A loss that is convex in :math:`z` has
# :math:`S_n \ge 0`, and then :math:`G` has no negative eigenvalue at any weights: a direction
# :math:`-(G + \lambda I)^{-1} \nabla L` always goes down.  Its rank is at most :math:`N (C - 1)`,
# since :math:`S_n` has rank :math:`C - 1`: it is zero along :math:`(1, \dots, 1)`, which softmax
# does not see.
few = ref.gauss_newton(objective.batch(slice(0, 5)), theta)
for name, B in {"H": H, "G": G, "G of 5 examples": few}.items():
    print(f"{name:<16}{ref.inertia(B)}")
assert ref.inertia(G).negative == 0 and ref.inertia(few).positive == 5 * 9

# %%
# Where the Hessian is Gauss-Newton
# ---------------------------------
# :math:`R` vanishes where :math:`r_n = 0`, and where :math:`z` is linear in the weights.  Its
# *diagonal blocks* vanish wherever :math:`z` is linear in each matrix, the others held: off the
# kinks of a piecewise linear network, and in a deep linear one.  A product :math:`W_3 W_2 W_1` is
# not linear in all three.
cases = {"tanh": (net, ref.CrossEntropy(), labels),
         "relu": (layers(ref.ReLU()), ref.CrossEntropy(), labels),
         "deep linear": (layers(ref.Identity()), ref.CrossEntropy(), labels),
         "linear": (ref.Sequential(ref.Dense(16, 10)), ref.CrossEntropy(), labels),
         "tanh, residuals 0": (net, ref.SquaredError(), z)}
print("\n|G - H| / |H|       whole, W1, W2, W3")
gaps = {}
for name, (network, loss, y) in cases.items():
    case, at = ref.Objective(network, loss, x, y), theta[:network.layout.size]
    pair = ref.gauss_newton(case, at), ref.hessian(case, at)
    gaps[name] = [far(*map(ref.dense, pair)),
                  *map(far, *(ref.blocks(B, network.layout) for B in pair))]
    print(f"{name:<20}{np.round(gaps[name], 2)}")
assert not any(gaps["linear"] + gaps["tanh, residuals 0"])                     # H = G,
assert not any(gaps["relu"][1:] + gaps["deep linear"][1:] + gaps["tanh"][3:])  # in these blocks,
assert min(gaps["relu"][0], gaps["deep linear"][0], *gaps["tanh"][:3]) > 0.3   # and nowhere else

# %%
# The Fisher matrix
# -----------------
# Read :math:`\mathrm{loss}_n` as :math:`-\log p(y_n|z_n)`.  The Fisher matrix is the second moment
# of the gradient *under labels that the model itself draws* (:func:`reference.fisher`):
#
# .. math:: F = \frac 1N \sum_n \mathrm{E}_{y \sim p(y|z_n)}
#           \left[\nabla \mathrm{loss}_n(y)\, \nabla \mathrm{loss}_n(y)^T\right].
#
# Ten labels are few enough to go through them all: the gradients of all examples if all of them
# were a 0, a 1, ..., each weighted by the probability that the model gives that label.
F = np.zeros(H.shape)
for c in range(10):
    g = ref.per_example_gradients(ref.Objective(net, ref.CrossEntropy(), x, np.full(200, c)), theta)
    F += (g * pi[:, [c]]).T @ g / len(x)
assert far(F, G) == 0 and far(F, ref.dense(ref.fisher(objective, theta))) == 0

# %%
# :math:`F = G`, though one was made of first derivatives and the other of second ones (Martens
# 2020).  Why?  The gradient of an example is :math:`J_n^T r_n`, so :math:`F = \frac 1N \sum_n J_n^T
# \mathrm{E}[r_n r_n^T] J_n`.  For softmax :math:`r_n = \pi_n - e_y`, with :math:`e_y` the one-hot
# label; under the model :math:`\mathrm{E}[e_y] = \pi_n`, and :math:`\mathrm{E}[r_n r_n^T]`, the
# covariance of :math:`e_y`, is :math:`\mathrm{diag}(\pi_n) - \pi_n \pi_n^T = S_n`.
#
# It holds where :math:`z` are the natural parameters of an exponential family: softmax, Bernoulli
# logits, log rates, the mean of a Gaussian.  Then :math:`S_n` does not depend on the label.  A
# Gaussian that learns its variance as well, from the same
# :math:`z`, is the counterexample.
gaussian = ref.Objective(net, ref.Gaussian(), x, x[:, :5])       # 5 means, 5 log variances
gap = far(ref.dense(ref.fisher(gaussian, theta)), ref.dense(ref.gauss_newton(gaussian, theta)))
print(f"\n|F - G| / |G|: softmax {far(F, G):.2f}, learned variance {gap:.2f}")
assert gap > 0.1

# %%
# Drawn labels, and the wrong labels
# ----------------------------------
# With many classes one draws labels from the model instead, :math:`M` of them for each example.
# That *Monte Carlo* Fisher matrix has the mean :math:`F` and an error that falls like
# :math:`1/\sqrt M`, as that of any mean.  Tempting is to put in the labels of the data, which are
# there already.  This *empirical* Fisher matrix is another one, and no number of samples helps
# (Kunstner, Balles and Hennig 2019).
trained, rng = theta, np.random.default_rng(1)
for _ in range(100):
    trained = trained - 0.5 * objective.grad(trained)
F, samples = ref.dense(ref.fisher(objective, trained)), 4 ** np.arange(5)
errors = [np.mean([far(ref.dense(ref.fisher(objective, trained, "mc", rng, int(M))), F)
                   for _ in range(5)]) for M in samples]
empirical = far(ref.dense(ref.fisher(objective, trained, "empirical")), F)
slope = np.polyfit(np.log(samples), np.log(errors), 1)[0]
print(f"\nMonte Carlo: error ~ M^{slope:.1f};  empirical: {empirical:.2f}")
assert abs(slope + 0.5) < 0.05 and empirical > 0.4

# %%
figure, axes = plt.subplots(figsize=plotting.size())
axes.loglog(samples, errors, label="labels of the model")
axes.loglog(samples, errors[0] / np.sqrt(samples), "k:", marker="", label=r"$1/\sqrt{M}$")
axes.axhline(empirical, color=plotting.COLORS["vermilion"], ls="--", label="labels of the data")
axes.set(xlabel="samples M per example", ylabel="relative distance from F", ylim=(0.01, 1))
axes.legend()
plotting.caption(figure, "More draws of the model bring F; the labels of the data never do.")
plt.show()

# %%
# The sharpest case is a perfect fit.  All gradients vanish, and with them the empirical Fisher
# matrix; :math:`F = G = H` does not.  Who divides by the empirical one divides by zero, just where
# the minimum is.
perfect = ref.Objective(net, ref.SquaredError(), x, z)
E, F = (np.trace(ref.dense(ref.fisher(perfect, theta, kind))) for kind in ("empirical", "type-2"))
print(f"at a perfect fit, trace of the empirical matrix: {E:.1f}, of F: {F:.1f}")
assert E == 0 < 1 < F

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. In the table, why does the block of W3 agree for tanh as well?
# 2. ``ref.Huber()`` is convex in :math:`z`.  Is :math:`G` semidefinite?  Has it a Fisher matrix?
# 3. Take the 5 draws of :math:`M = 256` as one of 1280.  How far from :math:`F` should it be?
