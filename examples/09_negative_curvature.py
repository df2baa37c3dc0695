r"""
9. Negative curvature
=====================

Newton's method looks for a point where the gradient is zero, and does not ask of which kind.  A
network has many saddles, and the start of training is often near one.  This lesson shows a saddle
in two weights, and what each family of methods does there: Newton's step goes into it, conjugate
gradients notice it, Gauss-Newton matrices cannot have it, positive-curvature Hessians flip it.
Then a real net starts near a saddle, and we count the steps until it is left.
"""

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)

# %%
# The smallest saddle
# -------------------
# Two layers of one weight each, :math:`z = w_2 w_1 x`, and one example :math:`x = y = 1`:
# :math:`L = \frac12 (w_2 w_1 - 1)^2`.  At :math:`\theta = 0` the gradient is zero.  The Hessian has
# the eigenvalues 1 and -1: a saddle.  The Gauss-Newton matrix :math:`J^T S J` is 0, since
# :math:`J = (w_2, w_1)` is.  The diagonal of the Hessian is 0, too: the negative curvature is
# *between* the layers, because two matrices multiply each other.

two = ref.Sequential(ref.Dense(1, 1, bias=False), ref.Dense(1, 1, bias=False))
tiny = ref.Objective(two, ref.SquaredError(), np.ones((1, 1)), np.ones((1, 1)))
H, G = (ref.dense(make(tiny, np.zeros(2))) for make in (ref.hessian, ref.gauss_newton))
assert np.array_equal(H, [[0, -1], [-1, 0]]) and not G.any() and not tiny.grad(np.zeros(2)).any()

# %%
# Newton's step :math:`d = -H^{-1} g` solves :math:`g + H d = 0`: it jumps to where the quadratic
# model is *stationary*.  With a negative eigenvalue that is no minimum, and near a saddle it is
# the saddle.  It converges as fast as to a minimum, to the wrong point.
#
# :class:`reference.HessianFree` (Martens 2010) takes :math:`(G + \lambda I)\, d = -g`, with
# :math:`G` of :ref:`sphx_glr_lessons_06_gauss_newton_and_fisher.py`.  Since :math:`G \ge 0`,
# :math:`g \cdot d < 0`: its direction always descends.
# :class:`reference.NewtonKrylov` (Shen and others 2020) solves :math:`H d = -g` by conjugate
# gradients, which take one direction :math:`p` after the other.  They measure :math:`p \cdot H p`
# on the way, and stop where it is not positive.

newton, start = [np.array([-0.3, 0.5])], np.array([-0.3, 0.5])
for _ in range(6):
    theta = newton[-1]
    newton.append(theta - np.linalg.solve(ref.dense(ref.hessian(tiny, theta)), tiny.grad(theta)))
paths = {"Newton": newton, "HessianFree": [start], "NewtonKrylov": [start]}
for rule in ref.HessianFree(damping=0.5), ref.NewtonKrylov():
    path = paths[type(rule).__name__]
    ref.run(rule, tiny, start, 12, watch=lambda k, theta, info: path.append(theta))
ends = {name: tiny.value(path[-1]) for name, path in paths.items()}
print("the tiny net ends at L =", ", ".join(f"{end:.2f} {name}" for name, end in ends.items()))
assert ends["Newton"] == 0.5 and max(ends["HessianFree"], ends["NewtonKrylov"]) < 1e-9

# %%
# A net near a saddle
# -------------------
# With small weights each layer of a net does next to nothing, and nor does a change of one of them.
# So a saddle is near.  Where is its curvature negative?
#
# The positive-curvature Hessian (Chen, Chou and Chang 2018; :func:`reference.positive_curvature`)
# is the Gauss-Newton matrix plus what each unit bends,
# :math:`b = f''(s)\, \partial L/\partial x`.  With the bends as they are, its diagonal blocks are
# the Hessian's.  With :math:`|b|` in place of :math:`b` a negative bend is flipped; the matrix is
# semidefinite, and no smaller than the Gauss-Newton matrix along any direction.

x, labels = ref.problems.digits(300)
x = x.reshape(300, 4, 2, 4, 2).mean((2, 4)).reshape(300, 16)           # 4 x 4 pixels
net = ref.Sequential(ref.Dense(16, 8), ref.Tanh(), ref.Dense(8, 8), ref.Tanh(), ref.Dense(8, 10))
objective = ref.Objective(net, ref.CrossEntropy(), x, labels)
theta = 0.1 * net.initial(np.random.default_rng(0))
H, G = ref.hessian(objective, theta), ref.gauss_newton(objective, theta)
bent, flipped = (ref.positive_curvature(objective, theta, phi) for phi in ("identity", "abs"))
least = {name: ref.eigenvalues(B)[0] for name, B in {
    "the Hessian": H, "its blocks": ref.block_diagonal(H, net.layout), "Gauss-Newton": G,
    "bends flipped": flipped, "bends flipped less Gauss-Newton": flipped - G}.items()}
print("least eigenvalues: {:.4f} of the Hessian, {:.4f} of its blocks".format(*least.values()))
assert min(least[name] for name in list(least)[2:]) > -1e-15 > least["its blocks"]
for of_bends, of_hessian in zip(ref.blocks(bent, net.layout), ref.blocks(H, net.layout)):
    assert np.allclose(of_bends, of_hessian, rtol=0, atol=1e-15)

# %%
# As in the tiny net, the blocks have almost none of it.  What works layer by layer cannot know.
#
# :func:`reference.negative_curvature` gives the unit :math:`v` along which it is worst.  Only the
# Hessian's model sees what the loss does there.

v = ref.negative_curvature(H, gradient=objective.grad(theta)).direction
ts = np.linspace(-2, 4, 61)
models = {name: ts * (objective.grad(theta) @ v) + ts**2 / 2 * (v @ (B @ v))
          for name, B in {"Hessian": H, "Gauss-Newton": G, "bends flipped": flipped}.items()}
along = [objective.value(theta + t * v) - objective.value(theta) for t in ts]

figure, (left, right) = plt.subplots(1, 2, figsize=plotting.size(2))
w = np.linspace(-1, 1.6, 60)
left.contourf(w, w, np.log10((np.outer(w, w) - 1)**2 / 2 + 0.01), 20, cmap="Greys", alpha=0.6)
for name, path in paths.items():
    left.plot(*np.array(path).T, label=name)
left.set(xlabel="$w_1$", ylabel="$w_2$", title="two weights", xlim=(-1, 1.6), ylim=(-1, 1.6))
right.plot(ts, along, color="black", lw=2.5, marker="", label="the loss")
for name, model in models.items():
    right.plot(ts, model, markevery=10, label=name)
right.set(xlabel="t, along v", ylabel="change of the loss", title="a net of 298 weights")
left.legend(fontsize=8), right.legend(fontsize=8)
plotting.caption(figure, "What to see: Newton goes to the saddle (light: a small loss); only the "
                 "Hessian's model sees the way out. The other two are one line, nearly flat.")
plt.show()

# %%
# Who finds it?  Thirty steps of each.  :class:`reference.Newton` with eigenvalues clipped to at
# least 1 % of the largest divides by little where the curvature is negative: it leaps there, and
# has left in a step.  NewtonKrylov *notices*, but noticing is not following: from
# its second step on the first direction, :math:`p = -g`, has negative curvature already.  So it
# takes :math:`-g` with a length of at most 1, and creeps.  (Its ``info["look"]`` tells the last
# direction ``p`` and :math:`c = p \cdot H p`.)  HessianFree sees no negative
# curvature at all; it waits until :math:`\lambda` has fallen to where its steps are long.

krylov, looks = ref.NewtonKrylov(), []
ref.run(krylov, objective, theta, 5, watch=lambda k, theta, info: looks.append(info["look"]))
assert all(look.c < 0 and np.array_equal(look.p, -look.g) for look in looks[1:])
assert 0 > looks[0].c and np.isclose(looks[0].c, looks[0].p @ (H @ looks[0].p), rtol=1e-10)

rules = {"Newton, clipped": ref.Newton("clip", floor=0.01), "NewtonKrylov": krylov,
         "HessianFree": ref.HessianFree(damping=1.0)}
for joint in "search", "model":
    rules[f"blocks, {joint}"] = ref.BlockHessianFree(joint=joint, damping=1.0, curvature_batch=None)
losses = {name: ref.run(rule, objective, theta, 30)[1]["loss"] for name, rule in rules.items()}
for name, loss in losses.items():
    print(f"{name:<15} left after {(loss > 2.2).sum():>2} steps, loss after 29: {loss[-1]:.3f}")
assert losses["NewtonKrylov"][-1] > 2.29 and losses["Newton, clipped"][1] < 2.2

figure, ax = plt.subplots(figsize=plotting.size(1.5))
for name, loss in losses.items():
    ax.plot(loss, markevery=3, label=name)
ax.set(xlabel="step", ylabel="training loss")
ax.legend(fontsize=8)
plotting.caption(figure, "What to see: a plateau that is left at once, late, or not at all.")
plt.show()

# %%
# Blocks against the whole
# ------------------------
# :class:`reference.BlockHessianFree` (Zhang and others 2017) solves for each layer apart,
# :math:`(G_b + \lambda I)\, d_b = -g_b`, and leaves the couplings out.  How wrong can that be?  For
# :math:`G \ge 0` and k blocks, :math:`d \cdot G d \le k \sum_b d_b \cdot G_b d_b`, as the square of
# a sum of k terms is at most k times the sum of their squares.  So all blocks
# together may go too far, but at most k times.  Two that do the same attain the bound: the two
# weights where they are equal.  Each alone corrects the whole error, together they correct it
# twice, and the least of the model is at :math:`t = 1/2`.

couplings = 3 * ref.block_diagonal(G, net.layout) - G
assert ref.eigenvalues(couplings)[0] > -1e-15
both = np.array([2.0, 2.0])
g, B = tiny.grad(both), ref.dense(ref.gauss_newton(tiny, both))
d = -g / B.diagonal()
t = -(g @ d) / (d @ B @ d)
print("two blocks that do the same: t =", t)
assert t == 0.5

# %%
# ``joint="search"`` searches along the joint step for a smaller loss; ``joint="model"`` shortens
# it first to the least of the whole model along it, at the price of a product for each iterate.  In
# the picture that makes up for nearly all that the blocks leave out: its curve is almost that of
# HessianFree.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Start at 0.05 and at 1 times the initial weights (some asserts are about 0.1 alone).  Who
#    leaves first?
# 2. Add a step along :math:`v` to NewtonKrylov where its look says :math:`c < 0`: how long does the
#    plateau last?
