r"""
13. One GPU
===========

A small experiment as one does it on one graphics card: say where the arrays live, ask how much
memory a matrix will take *before* taking it, know what the card does to the digits, and compare
two optimisers against epochs and against seconds.  Without a card everything here runs on the
processor instead, by the same lines and with the same random numbers.

Before it: :ref:`sphx_glr_lessons_08_bfgs_and_kbfgs.py`.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting
from reference.arrays.transfer import move, to_host

# %%
# Where the arrays live
# ---------------------
# There is no global switch.  Arrays know where they are, and every function of this package
# computes where the data are.  ``objective.to("cupy")`` moves the data.  A :math:`\theta` from the
# host follows at every call; what is used often is better moved once, by ``move``.

try:
    import cupy
    home = "cupy" if cupy.is_available() else "numpy"
except ModuleNotFoundError:
    home = "numpy"
print(f"home: {home}")

# %%
# The problem: an autoencoder 64-32-8-32-64 of the bundled digits, as in the experiments of K-BFGS
# (Goldfarb, Ren & Bahamou 2020), but small.  It is made, and :math:`\theta` is drawn, on the host.


def autoencoder(*units):
    """D-...-code-...-D, tanh between."""
    units = (*units, *units[-2::-1])
    dense = [ref.Dense(*pair) for pair in zip(units, units[1:])]
    return ref.Sequential(dense[0], *(each for d in dense[1:] for each in (ref.Tanh(), d)))


(x, labels), rng = ref.problems.digits(1500), np.random.default_rng(0)
net = autoencoder(64, 32, 8)
on_host = ref.Objective(net, ref.BinaryCrossEntropy(), x, x)
theta = net.initial(rng)

objective, start = on_host.to(home), move(theta, home)
g = ref.gradient(objective, start)
apart = np.abs(to_host(g) - ref.gradient(on_host, theta)).max()
print(f"P = {theta.size}, gradients here and on the host agree to 1e-12: {apart < 1e-12}")
assert type(g) is type(start) and apart < 1e-12

# %%
# ``to_host`` brings an array back, and ``float`` a number.  Each of them *waits* until the card has
# done what it was asked to do: keep them out of inner loops.
#
# Memory, stated before it is taken
# ---------------------------------
# A card has little memory, and a Hessian has :math:`P^2` numbers.  An operator such as
# :func:`reference.hessian` is made in no time and holds nothing; :func:`reference.room` tells the
# bytes that its matrix would need, from shapes alone.

for units in ((64, 8), (64, 32, 8), (64, 256, 32)):
    wide = autoencoder(*units)
    matrix = ref.hessian(ref.Objective(wide, ref.BinaryCrossEntropy(), x, x), wide.initial(rng))
    P, factors = wide.layout.size, sum(8 * (O**2 + I**2) for O, I in wide.layout.shapes)
    print(f"P = {P:5d}: H {ref.room(matrix) / 1e6:6.0f} MB, factors {factors / 1e6:.1f} MB")
    assert 8 * P**2 < ref.room(matrix) and factors < 1e-3 * ref.room(matrix)

# %%
# (With what making it needs besides, of which a large part goes with the 1500 examples.)  The last
# Hessian does not fit on most cards; its Kronecker factors (:func:`reference.kfac`) are two
# megabytes.  What is between them: products :math:`Hv` (:func:`reference.hvp`), diagonals
# (:func:`reference.diagonal`), blocks one at a time (:func:`reference.stream`).
#
# Digits that get lost
# --------------------
# float32 has 24 bits.  Many cards multiply matrices in *TF32* where they are allowed to: inputs are
# rounded to 11 bits, though the result is called float32.  Who decides depends on the library:
# PyTorch keeps matrix products in float32 unless told otherwise, but lets convolutions use TF32;
# CuPy asks the environment variable ``CUPY_TF32``; float64 is never touched.  Training hardly
# notices.  Curvature does.  K-BFGS lives on differences of gradients,
#
# .. math:: y = g(\theta + s) - g(\theta),
#
# and what is left of a difference has lost the leading digits.  Here is softmax regression with
# its two matrix products in each arithmetic, TF32 being imitated by rounding the inputs:


def tf32(a):
    """Rounded to 10 bits behind the leading one."""
    bits = a.astype("float32").view("uint32")
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view("float32")


def gradient(W, product):
    """g of softmax regression, by two products."""
    z = product(X, W.T)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return product((p - np.eye(10)[y]).T, X) / len(X)


def digits(a, b):
    """Right digits of a, where b is right."""
    return max(0, int(-np.log10(np.linalg.norm(a - b) / np.linalg.norm(b))))


images, y = x[:300], labels[:300]
X = np.hstack([images, np.ones((300, 1))])
W, s = 0.1 * rng.standard_normal((10, 65)), 1e-5 * rng.standard_normal((10, 65))
regression = ref.Objective(ref.Sequential(ref.Dense(64, 10)), ref.CrossEntropy(), images, y)
truth, moved = (ref.gradient(regression, w.ravel()).reshape(10, 65) for w in (W, W + s))
for name, product in {"float64": np.matmul, "float32": lambda a, b: np.float32(a) @ np.float32(b),
                      "TF32": lambda a, b: tf32(a) @ tf32(b)}.items():
    found, after = gradient(W, product), gradient(W + s, product)
    right = digits(found, truth), digits(after - found, moved - truth)
    print(f"{name:7s} right digits of g: {right[0]}, of y: {right[1]}")
assert right[0] >= 3 and right[1] == 0

# %%
# In TF32 the gradient is good enough to train with, and :math:`y` is noise.  So compute curvature
# in float64 where the card is good at it, in float32 with TF32 switched off elsewhere
# (``objective.to("float32")``, and :math:`\theta` in float32), and hand a few numbers of either to
# :func:`reference.check`, which knows how far apart two float32 programs may be.
#
# The experiment
# --------------
# K-BFGS against Adam (Kingma & Ba 2015), each with the best of three step lengths, on the same
# batches in the same order: what is random is drawn on the host, so a card changes the seconds, and
# the losses by rounding alone.  The clock is read after something was brought to the host.


def train(optimizer, epochs=8, size=100):
    """L after each epoch, and the seconds until then, without evaluation."""
    began, theta, state = perf_counter(), start, optimizer.init(objective, start)
    losses, seconds = [float(objective.value(theta))], [perf_counter() - began]
    for epoch in range(epochs):
        order = np.random.default_rng([0, epoch]).permutation(objective.N)
        began = perf_counter()
        for k in range(0, objective.N, size):
            theta, state, _ = optimizer.step(objective.batch(order[k:k + size]), theta, state)
        to_host(theta)                                             # waits for the card
        seconds.append(seconds[-1] + perf_counter() - began)
        losses.append(float(objective.value(theta)))
    return losses, seconds


rivals = {"K-BFGS": [ref.KBFGS(length) for length in (0.3, 1.0, 3.0)],
          "Adam": [ref.Adam(length) for length in (0.01, 0.03, 0.1)]}
runs = {}
for name, each in rivals.items():
    runs[name], best = min(((train(one), one) for one in each), key=lambda run: run[0][0][-1])
    print(f"{name:6s} length {best.length}: L = {runs[name][0][0]:.2f} -> {runs[name][0][-1]:.1f}")
assert runs["K-BFGS"][0][-1] < runs["Adam"][0][-1] < runs["Adam"][0][0] / 2

plt.style.use(plotting.STYLE)
figure, (left, right) = plt.subplots(1, 2, figsize=plotting.size(2), sharey=True)
for name, (losses, seconds) in runs.items():
    left.plot(losses, label=name)
    right.plot(seconds, losses, label=name)
left.set(xlabel="epochs", ylabel="training loss L [nats]")
right.set(xlabel=f"seconds of training ({home})", ylabel="training loss L [nats]")
left.legend()
plotting.caption(figure, "K-BFGS falls faster per epoch; per second it depends on the machine.")
plt.show()

# %%
# Per epoch K-BFGS is ahead.  Per second it need not be: each of its steps takes two passes and some
# products of small matrices, and here a step of Adam costs next to nothing.  Matrices as small as
# these do not keep a card busy, either; it pays with wide layers and large batches.  State both
# axes, the machine, and how the step lengths were chosen (here: of three, the lowest last loss).
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Run this on a card, and compare the losses with those above: how many digits are the same?
#    (Without a card, give each batch in another order of its examples: that changes rounding, too.)
# 2. Take the network ten times as wide, with lengths to match: where is the break-even in seconds?
# 3. Replace ``objective`` by ``objective.to("float32")``, and ``start`` by
#    ``start.astype("float32")``: does the order of the two change?
# 4. K-BFGS was best with the longest of its three steps.  Go on: what do longer ones do?
