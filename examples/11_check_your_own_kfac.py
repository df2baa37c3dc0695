r"""
11. Check your own K-FAC
========================

You wrote K-FAC, it trains somehow, and something is wrong.  Here is such a program, with six
faults.  Nobody reads it beside a correct one: its *numbers* are handed over, the diagnosis is
read, one fault is mended, and so on until the verdict is "agrees".

The program uses the operations that PyTorch and NumPy share, under the name ``T``.  It runs in
PyTorch where that is installed, and in NumPy elsewhere, line for line the same.  (The output below
says which it was here.)

Before it: :ref:`sphx_glr_lessons_07_kronecker_factors.py`.
"""

import numpy as np

import reference as ref

try:
    import torch as T
except ModuleNotFoundError:
    import numpy as T

# %%
# Where to check
# --------------
# On a point that hides nothing: 11 examples, 4 inputs, 2 hidden units, 7 classes.  With the
# constant 1 of the biases the matrices are (2, 5) and (7, 3): no two of 11, 2, 5, 7, 3 share a
# divisor, so a transposed matrix does not fit, and a stray factor can be told from every other.

objective, theta = ref.test_point("dense", np.random.default_rng(0))
print(f"{objective.net}\nweak: {ref.audit(objective, theta)}; T is {T.__name__}")

arrays = [objective.x, objective.y, *objective.net.named(theta).values()]
x, y, W1, b1, W2, b2 = (T.asarray(a.copy()) for a in arrays)
(N, C), onehot = objective.output_shape, T.eye(7, dtype=T.float64)

# %%
# First the gradient
# ------------------
# K-FAC is made of what forward and backward pass leave behind.  So these are checked first.  With
# :math:`a = \tanh(W_1 x + b_1)`, :math:`z = W_2 a + b_2` and :math:`g_l` the derivative with
# respect to the pre-activations of layer :math:`l`:


def forward(x):
    """a, and p = softmax(z)."""
    a = T.tanh(x @ W1.T + b1)
    e = T.exp(a @ W2.T + b2)
    return a, e / e.sum(-1)[:, None]


def backward(a, dz):
    """g_1, g_2."""
    return (dz @ W2) * (1 - a * a), dz


def told(theirs, quantity, *arguments):
    """Print what `check` says of theirs: the verdict, what is wrong, and what to do."""
    report = ref.check(theirs, quantity, objective, theta, *arguments)
    print(f"{report.title}: {report.verdict}")
    if report.explanation and not report.passed:
        for text in report.explanation.text.split(", and "):
            print("  wrong:", text)
        for text in report.explanation.advice.split(". "):
            print("  to do:", text)
    return report


a, p = forward(x)
g1, g2 = backward(a, (p - onehot[y]) / N)
gradient = {"0.weight": g1.T @ x, "0.bias": g1.sum(0), "2.weight": g2.T @ a, "2.bias": g2.sum(0)}
assert told(gradient, ref.gradient).passed

# %%
# (In a PyTorch program ``loss.backward()`` would do this, and a hook on each layer would keep
# :math:`g_l`.  Written out it is two lines.)
#
# The factors, with four faults
# -----------------------------
# K-FAC approximates the Fisher matrix of a layer by :math:`G \otimes A`, :math:`A` from what enters
# the layer and :math:`G` from the :math:`g` (Martens & Grosse 2015):
#
# .. math:: A = \frac1N \sum_n p_n p_n^\top, \qquad
#           G = \frac1N \sum_n \mathrm{E}_{y \sim p(y|x_n)}\, g_n g_n^\top


def entering(x):
    """What W multiplies."""
    return x


def A_of(p):
    """The second moment of what enters."""
    return p.T @ p


def labels(p):
    """(probability, dL/dz) for each label that G takes into account."""
    return [(1.0, (p - onehot[y]) / N)]


def my_kfac(x):
    """[(G, A), ...] of both layers."""
    a, p = forward(x)
    known = [(q, backward(a, dz)) for q, dz in labels(p)]
    G1, G2 = (sum((q * g[layer]).T @ g[layer] for q, g in known) / N for layer in (0, 1))
    return [(G1, A_of(entering(x))), (G2, A_of(entering(a)))]


assert told(my_kfac(x), ref.kfac).explanation.residual < 1e-14

# %%
# All four are named at once.  :func:`reference.check` computes what known faults would give *here*,
# alone and together, and tells the simplest that leaves nothing but rounding.
#
# **First mending**: the bias is a weight of the constant 1, which enters as well.


def entering(x):
    """What W multiplies, the constant 1 of the bias last."""
    return T.concatenate([x, T.ones((N, 1), dtype=T.float64)], 1)


told(my_kfac(x), ref.kfac)

# %%
# **Second mending**: a mean over the examples, not a sum.


def A_of(p):
    """The second moment of what enters."""
    return p.T @ p / N


told(my_kfac(x), ref.kfac)

# %%
# **Third mending**: the loss is a mean, so every gradient that autograd returns has a :math:`1/N`
# inside.  Squared it is :math:`1/N^2`, and the mean over the examples divides once more.  Training
# goes on all the same: a damping that outweighs a :math:`G` so small leaves nothing of it, and
# K-FAC has become gradient descent.


def labels(p):
    """(probability, dL/dz) for each label that G takes into account."""
    return [(1.0, p - onehot[y])]


assert told(my_kfac(x), ref.kfac).explanation.text.endswith("data, the empirical Fisher")

# %%
# **Fourth mending**: the Fisher matrix takes the expectation over labels drawn from the *model*.
# The labels of the data make the empirical Fisher matrix, another one (Kunstner et al. 2019).
# The expectation is a sum over the C labels, each with its probability:


def labels(p):
    """(probability, dL/dz) for each label that G takes into account."""
    return [(p[:, c, None], p - onehot[c]) for c in range(C)]


assert told(my_kfac(x), ref.kfac).passed

# %%
# Then the inverse, with two
# --------------------------
# A step multiplies the gradient by the inverse of the damped factors.  Papers stack *columns* and
# write :math:`(A \otimes G)^{-1} \mathrm{vec}(V)`; PyTorch's ``reshape(-1)`` goes by *rows*.  And
# :math:`\lambda` is to be shared between the factors, by :math:`\pi`.


def inverse(G, A, lam):
    """(A x G)^-1, as in the paper."""
    pi = ((T.trace(A) / len(A)) / (T.trace(G) / len(G)))**0.5
    G = G + lam / pi * T.eye(len(G), dtype=T.float64)
    A = A + lam * pi * T.eye(len(A), dtype=T.float64)
    return T.kron(T.linalg.inv(A), T.linalg.inv(G))


theirs = [inverse(G, A, 0.13) for G, A in my_kfac(x)]
assert told(theirs, "kfac_inverse", 0.13).explanation.kind == "error"

# %%
# **Fifth and sixth mending**.  :math:`(G \otimes A)\,\mathrm{vec}(V) = \mathrm{vec}(G V A^\top)` is
# the form for rows: exchange the factors, and :math:`\pi` becomes :math:`1/\pi` by itself.  And
# each factor gets a *root* of the damping, so that their product gets all of it.

theirs = [inverse(A, G, 0.13**0.5) for G, A in my_kfac(x)]
assert told(theirs, "kfac_inverse", 0.13).passed

# %%
# What is this matrix?
# --------------------
# In some old folder lies a matrix of 21 x 21, and nobody knows what it was.
# :func:`reference.identify` compares it with everything that this package knows at this point:

S = p[:, :, None] * (onehot - p[:, None, :])
found = T.einsum("ncd,ni,nj->cidj", S, entering(a), entering(a)).reshape(21, 21)
known = ref.identify(found, objective, theta).best
print(known.text, *known.also, sep="\n  or ")
assert known.text == "block 1 of the Hessian H, times N"

# %%
# Several names, and all are right: in the last layer the Hessian and the Gauss-Newton matrix are
# equal (:ref:`sphx_glr_lessons_06_gauss_newton_and_fisher.py`).  The sum over the examples was
# never divided by N.
#
# Would this check see a fault?
# -----------------------------
# A check can be blind in two ways.  First, by its point.  Here is a gradient that was divided by
# :math:`C = 7`, checked on 11 examples and on 7:

for few in (objective, objective.batch(slice(7))):
    report = ref.check(few.grad(theta) / C, ref.gradient, few, theta)
    print(f"N = {few.N:2d}: {report.explanation.text}", *report.warnings, sep="\n  weak: ")

# %%
# With :math:`N = C` nobody can tell them apart, and the report says so.  Therefore the sizes should
# be coprime: :func:`reference.test_point` makes such points, :func:`reference.audit` lists what a
# point of your own would hide.
#
# Second, by itself.  The museum holds documented faults of real programs, each planted at a point
# at which it shows.  Three checkers see a third of those in gradients: one always says yes, one
# asks whether the loss falls along the answer, which is all that a training curve tells, and the
# third is :func:`reference.check`.


def descends(theirs, quantity, objective, theta):
    """The loss falls along -theirs."""
    return np.ravel(theirs(objective, theta)) @ objective.grad(theta) > 0


faults = [name for name, one in ref.museum.EXHIBITS.items() if one.subject.name == "gradient"][::3]
for name, accepts in {"always yes": lambda *given: True, "the loss falls": descends,
                      "ref.check": lambda *given: ref.check(*given).passed}.items():
    visits = list(ref.museum.visit(accepts, faults))
    missed, refused = sum(v.missed for v in visits), sum(v.refused for v in visits)
    print(f"{name:15s} misses {missed:2d} of {len(faults)} faults")
assert missed == refused == 0

# %%
# A falling loss proves next to nothing.  Show your own tests to the museum:
# ``python -m reference museum --checker mypackage.tests:accepts``.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Plant a seventh fault: ``pi`` upside down, the slope :math:`1 - s^2` in place of
#    :math:`1 - a^2`, or a Hessian in which the bias comes first.  Is it named?
# 2. Bring your own factors, as ``[(G, A), ...]``.  Which shapes have they?  What does the report
#    say if your loss is a sum over the examples?
