r"""
8. BFGS and K-BFGS
==================

Newton's step needs the inverse of a curvature matrix.  A quasi-Newton method never forms the
matrix: it *learns* the inverse from how the gradient changes along the steps.  This lesson derives
the update that does so, breaks it, mends it as K-BFGS does, and then looks at what K-BFGS has
learned of one layer while a small net is trained.

Inside this lesson, :math:`s` and :math:`y` are the pair of an update: the change of the variables,
and the change of the gradient.
"""

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %%
# The secant condition
# --------------------
# On a quadratic with the matrix :math:`B`, a step :math:`s` changes the gradient by
# :math:`y = B s`.  So :math:`B^{-1}` takes :math:`y` back to :math:`s`, and what claims to be
# :math:`B^{-1}` should do so as well: :math:`H_+ y = s`.  That is the *secant condition*:
# five equations for the fifteen unknowns of a symmetric matrix of five rows.  BFGS
# (Nocedal and Wright 2006, section 6.1) takes the rest from the old :math:`H`:
#
# .. math:: H_+ = V^T H V + \rho\, s s^T, \qquad V = I - \rho\, y s^T, \qquad \rho = 1/(s \cdot y).
#
# The condition holds since :math:`V y = 0`.


def bfgs(H, s, y):
    rho = 1 / (s @ y)
    V = np.eye(len(s)) - rho * np.outer(y, s)
    return V.T @ H @ V + rho * np.outer(s, s)


root, s, H = rng.standard_normal((5, 5)), rng.standard_normal(5), np.eye(5)
B = root @ root.T + H
y = B @ s
after = bfgs(H, s, y)
assert np.allclose(after @ y, s) and not np.allclose(H @ y, s)

# %%
# Why this matrix, of all that fulfil the condition?  Because it is the nearest to :math:`H` in the
# norm :math:`|W^{1/2} X W^{1/2}|_F`, with any :math:`W > 0` such that :math:`W s = y`; here
# :math:`W = B`.  The matrices that fulfil it differ by a symmetric :math:`E` with :math:`E y = 0`,
# that is :math:`E = N C N^T` with the columns of :math:`N` orthogonal to :math:`y`.  The nearest is
# where the change is orthogonal to all of those: :math:`N^T W (H_+ - H) W N = 0`.

N = np.linalg.svd(y[None])[2][1:].T                      # (5, 4), orthogonal to y
assert np.abs(N.T @ B @ (after - H) @ B @ N).max() < 1e-11

# %%
# What goes wrong, and two dampings
# ---------------------------------
# :math:`y^T H_+ y = s \cdot y`.  So :math:`H_+` can be positive definite only if
# :math:`s \cdot y > 0`; and then it is, if :math:`H` was.  A strictly convex function has it
# along every step.  A network has not: where its curvature along the step is negative, the update
# makes an indefinite matrix, whose "descent" direction may ascend.  And an :math:`s \cdot y`
# that is positive but tiny makes it enormous.  K-BFGS (Goldfarb, Ren and Bahamou 2020) changes
# the pair before using it, twice:
#
# 1. Powell's damping, on the side of the inverse, mixes :math:`H y` into :math:`s` until
#    :math:`s \cdot y \ge 0.2\; y \cdot H y`;
# 2. Levenberg and Marquardt's mixes :math:`s` into :math:`y` until
#    :math:`s \cdot y \ge \sqrt\lambda\; s \cdot s`.  Then no pair claims a curvature below
#    :math:`\sqrt\lambda`.
#
# The picture turns :math:`y` away from :math:`s`, both of length 1, with :math:`H = I`.


def mixed(a, b, now, wanted, full):
    """The mean of a and b that has the product wanted, where a has now and b has full."""
    t = (full - wanted) / (full - min(now, wanted))                    # 1 where a has enough
    return t * a + (1 - t) * b


def double_damping(H, s, y, lam):
    Hy, mu = H @ y, np.sqrt(lam)
    s = mixed(s, Hy, s @ y, 0.2 * (y @ Hy), y @ Hy)
    return s, mixed(y, s, s @ y, mu * (s @ s), s @ s)


lam, I, s, degrees = 0.1, np.eye(2), np.array([1.0, 0.0]), np.arange(1, 180, 2)
ys = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]).T
plain = np.array([np.linalg.eigvalsh(bfgs(I, s, y)) for y in ys])
damped = np.array([np.linalg.eigvalsh(bfgs(I, *double_damping(I, s, y, lam))) for y in ys])
assert ((plain[:, 0] > 0) == (degrees < 90)).all() and (damped > 0).all() and damped.max() < 20

figure, ax = plt.subplots(figsize=plotting.size(1.5))
ax.plot(degrees, plain, "--", marker="", label=["plain: least", "plain: largest"])
ax.plot(degrees, damped, marker="", label=["damped: least", "damped: largest"])
ax.set(xlabel="angle of s and y [degrees]", ylabel="eigenvalue of $H_+$", ylim=(-3, 22))
ax.legend(loc="upper left")
plotting.caption(figure, "What to see: a pole, and then an indefinite matrix, unless damped.")
plt.show()

# %%
# At 90 degrees the plain update has a pole, and beyond it a negative eigenvalue.  Damped, both
# eigenvalues are positive at every angle, and bounded.  The kinks are where a damping sets in or
# ends: the second one sets in at 72 degrees, where the cosine is :math:`\sqrt\lambda`, the
# first at 78, where it is 0.2, and the second ends at 92.
#
# K-BFGS: a pair for each layer
# -----------------------------
# A layer's block of the curvature is taken as a Kronecker product :math:`G \otimes A`
# (:ref:`sphx_glr_lessons_07_kronecker_factors.py`), so its inverse as :math:`H_g \otimes H_a`: two
# small matrices instead of one of P rows.  :math:`A = E[p p^T]` is at hand.  :math:`G` is not, but
# BFGS can learn :math:`H_g` from means over the batch: :math:`s` is how the step changes the mean
# pre-activation, :math:`y` how it changes the mean gradient by the pre-activations.  That is right
# if :math:`y = G s`.  It is exact in a deep linear net with squared error while the layers above
# stand still:

x, labels = ref.problems.digits(300)
x = x.reshape(300, 4, 2, 4, 2).mean((2, 4)).reshape(300, 16)           # 4 x 4 pixels
linear = ref.Sequential(ref.Dense(16, 8), ref.Dense(8, 10))
objective = ref.Objective(linear, ref.SquaredError(), x, np.eye(10)[labels])
theta, moved = linear.initial(rng), 0.1 * (np.arange(226) < 8 * 17)     # W_1 alone moves
new = ref.kbfgs_update(objective, theta, theta + moved,
                       ref.kbfgs_factors(objective, theta, lam), lam, decay=0.0)[0]
assert np.allclose(new.y, ref.kfac(objective, theta)[0].G @ new.s, rtol=1e-12)

# %%
# The net below is not linear, all its layers move, and every step sees another batch.  We take
# :class:`reference.KBFGS`'s steps one by one.  The optimiser tells its pairs, and its dampings are
# the ones above: after them the secant condition holds to rounding, for the damped pair.

net = ref.Sequential(ref.Dense(16, 8), ref.Tanh(), ref.Dense(8, 10))
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)
theta, optimizer = net.initial(np.random.default_rng(0)), ref.KBFGS(length=0.3, damping=lam)
state, norm, floor, seen, pairs = optimizer.init(objective, theta), np.linalg.norm, lam**0.5, [], []


def against_exact(theta, Hg, Ha):
    """Of the first layer: angles to the exact direction, and extreme eigenvalues of Hg and G.

    Angles of the gradient as a matrix M, of K-BFGS's Hg M Ha, of M Ha, and of K-FAC's; here A and G
    are the damped *inverses* of the true factors.
    """
    block = ref.blocks(ref.gauss_newton(objective, theta), net.layout)[0] + lam * np.eye(8 * 17)
    M, K = net.layout.unpack(objective.grad(theta))[0], ref.kfac(objective, theta)[0]
    exact = np.linalg.solve(block, M.ravel()).reshape(M.shape)
    A, G = (np.linalg.inv(F + floor * np.eye(len(F))) for F in (K.A, K.G))
    directions = M, Hg @ M @ Ha, M @ Ha, G @ M @ A
    cosines = [(D * exact).sum() / norm(D) / norm(exact) for D in directions]
    return [*np.degrees(np.arccos(cosines)), *np.linalg.eigvalsh(Hg)[[0, -1]],
            *np.linalg.eigvalsh(G)[[0, -1]]]


for batch, _ in zip(ref.problems.batches(objective, 100, np.random.default_rng(1)), range(100)):
    seen.append(against_exact(theta, state.factors[0].Hg, state.factors[0].Ha))
    theta, state, info = optimizer.step(batch, theta, state)
    for pair, old, new in zip(info["pairs"], info["factors"], info["factors_after"]):
        s, y, *damped = (pair[name] for name in ("s", "y", "s_damped", "y_damped"))
        assert np.allclose(new.Hg @ damped[1], damped[0], rtol=0, atol=1e-12 * norm(s))
        assert np.allclose(new.Hg, bfgs(old.Hg, *double_damping(old.Hg, s, y, lam)))
        pairs.append([s @ y / (s @ s), norm(new.Hg @ y - s) / norm(s)])

seen, (claimed, residual) = np.array(seen), np.array(pairs).T
print(f"s.y/s.s of a pair, median: {np.median(claimed):.2f}, the floor: {floor:.2f}; damped: "
      f"{(residual > 1e-9).sum()} of 200 pairs; |Hg y - s|/|s| undamped: {np.median(residual):.1f}")

# %%
# Almost every pair claims less curvature than :math:`\sqrt\lambda`, and the second damping speaks
# louder than the data.  What is :math:`H_g` worth, then?  We compare it with the true factor's
# damped inverse, :math:`G` that of :func:`reference.kfac`; and directions, :math:`M` the
# gradient as a matrix, with :math:`(B_{11} + \lambda I)^{-1}` times the gradient: the *exact*
# damped block of the Gauss-Newton matrix.

mean = seen[:, :4].mean(0)
assert mean[2:].max() < mean[1] and seen[:, 4:].min() > 0 and objective.value(theta) < 1
print("angle, mean: M {:.0f}, Hg M Ha {:.0f}, M Ha {:.0f}, K-FAC {:.0f} degrees".format(*mean))

figure, (left, right) = plt.subplots(1, 2, figsize=plotting.size(2))
left.fill_between(range(100), *seen[:, 6:].T, alpha=0.2, label=r"$(G + \sqrt{\lambda}I)^{-1}$")
left.semilogy(seen[:, 4:6], markevery=20, label=["$H_g$: least", "$H_g$: largest"])
right.plot(seen[:, :4], markevery=20, label=["$M$", "$H_g M H_a$", "$M H_a$", "K-FAC"])
left.set(xlabel="step", ylabel="eigenvalue, first layer")
right.set(xlabel="step", ylabel="angle to the exact direction [degrees]", ylim=(0, 80))
left.legend(fontsize=8), right.legend(fontsize=8, ncols=2)
plotting.caption(figure, "What to see: Ha brings M near to the exact direction, Hg away again.")
plt.show()

# %%
# Left: :math:`H_g` is positive definite at every step.  Its largest eigenvalue is about
# :math:`1/\sqrt\lambda = 3.2`, as the second damping allows; its least is well below that of the
# true inverse (shaded).  Right: :math:`H_a` brings the gradient near to the exact direction, as
# near as K-FAC does, and :math:`H_g` takes it away again.  The reason: :math:`A` is seen whole in
# every batch, while of :math:`G` one averaged and damped pair is seen at a step.
#
# Read this with care.  An angle is not the speed of training, and a small net with a mean loss is
# not the deep autoencoder with a loss summed over pixels for which the method was made.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. How many updates with :math:`s` the eigenvectors of :math:`B`, and :math:`y = B s`, make the
#    5 x 5 matrix :math:`H` above exact?
# 2. Is the second layer any better off?
# 3. And K-BFGS with ``full_batch=True``, which averages no pairs, on the whole data at every step?
