r"""
10. Proofs: balls, and what float64 cannot see
==============================================

A float64 answer comes without a word on how much of it is right.  Usually 15 digits are; sometimes
none, and the number looks the same.  This lesson computes with *balls*, numbers that carry a bound
on their own error, and proves digits: of a gradient, of a whole Hessian, of somebody else's
Hessian.  Then it looks at what such a proof leaves open.

Before it: :ref:`sphx_glr_lessons_03_four_number_systems.py`.
"""

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting
from reference.arrays import ball
from reference.oracle.certify import certify_value, enclosure

# %%
# What a ball is
# --------------
# A ball is a midpoint :math:`m` and a radius :math:`r`; it stands for every real number in
# :math:`[m - r, m + r]`.  Each operation returns a ball that contains all results for all numbers
# in its operands, and rounds outwards.  So the exact result lies inside, whatever was rounded on
# the way (Johansson 2017).  The midpoint may have any number of bits.

for bits in (24, 53, 96):
    with ball.precision(bits):
        third = 1 / ball.exact(3.0)
        print(f"{bits:3d} bits: 1/3 = {third},  x - x = {third - third}")

# %%
# The last column shows the price.  A ball does not remember where it came from: in :math:`x - x`
# the two could be *any* two numbers inside, and the difference is a ball around 0, not 0.
#
# A float with no right digit
# ---------------------------
# A tanh unit with the input :math:`s = 20` has the slope :math:`1 - \tanh^2 s`.  Here are three
# formulas for it: :math:`1 - t^2` and :math:`(1 - t)(1 + t)` with :math:`t = \tanh s`, and
# :math:`1/\cosh^2 s`, which does not subtract.

s, t = 20.0, np.tanh(20.0)
print(f"{1 - t * t}, {(1 - t) * (1 + t)} and {1 / np.cosh(s)**2:.6e}")

# %%
# The first two agree to all digits, and neither has one that is right.  Agreement says little
# where two routes share a step: both begin with a :math:`t` that was rounded to 1.
#
# Balls take the bad formula as it is, and say so themselves:


def slope(s, bits):
    """1 - tanh(s)^2 as a ball."""
    with ball.precision(bits):
        t = ball.tanh(ball.exact(s))
        return 1 - t * t


for bits in (53, 80, 128):
    print(f"{bits:3d} bits: {slope(s, bits)}")
assert slope(s, 53).contains(0) and not slope(s, 80).contains(0)

# %%
# With 53 bits, those of float64, the ball contains 0: *no digit is known*.  With 80 bits it has
# seven digits.  Nothing was rewritten; only the precision rose.
#
# Is this eigenvalue negative?
# ----------------------------
# Softmax does not change when the same number is added to all logits.  So the loss is constant
# along :math:`u`, which adds the same row to all rows of the last weight matrix, and
#
# .. math:: L(\theta + t u) = L(\theta) \quad\Rightarrow\quad H u = 0
#
# exactly, for each of :math:`I` independent rows.  What does float64 say?  And what do balls of
# more and more bits: ``enclosure`` computes the same function on them?

objective, theta = ref.test_point("dense", np.random.default_rng(0))
O, I = objective.net.layout.shapes[-1]
zeros = np.sum(np.abs(np.linalg.eigvalsh(ref.dense(ref.hessian(objective, theta)))) < 1e-14)
print(f"I = {I}, and {zeros} eigenvalues are below 1e-14 in size")

u = np.zeros(theta.size)
u[objective.net.layout.slices[-1]] = np.tile([1.0, 2.0, 3.0], O)
assert zeros == I and ref.certify(ref.hvp, objective, theta, u).digits < 1
for bits in (53, 96, 192, 384):
    balls, = enclosure(ref.hvp, objective, theta, u, bits=bits).balls
    print(f"{bits:3d} bits: |H u| < 1e{np.ceil(np.log10(ball.distance(balls, 0 * u).max())):.0f}")

# %%
# The product :math:`Hu` in float64 has less than one right digit: its certificate says so.
# The sign of such an eigenvalue is noise: no code should step along it as "negative curvature".
# And see what balls can *not* do.  They prove that a number differs from 0, never that it is 0;
# they can only make the interval shorter.  That :math:`Hu = 0` is a theorem, two lines above.
#
# A certificate
# -------------
# :func:`reference.certify` runs a function in float64 as always, and once more on balls, with
# theta and the data as the exact binary numbers that they are.  The precision rises until the
# enclosure is far narrower than the error that it measures.

objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))
for quantity in (ref.gradient, ref.hessian):
    proof = ref.certify(quantity, objective, theta)
    print(f"{quantity.__name__} {proof.errors[0].shape}: {proof.how}")

# %%
# How fast do digits come?  Every bit halves the radius.  On the left the product
# :math:`Hv` (Pearlmutter 1994): the radius, which is proven, and the distance of the midpoint from
# the truth (known from 400 bits), which is always less.  On the right the slope of above: about
# the first :math:`2 s/\log 2` bits are lost in the subtraction, and buy no digit.

v = np.random.default_rng(1).standard_normal(theta.size)
truth, = enclosure(ref.hvp, objective, theta, v, bits=400).balls
precisions = range(24, 161, 8)
found = [enclosure(ref.hvp, objective, theta, v, bits=bits) for bits in precisions]
with ball.precision(400):
    errors = [max(float(abs(a.mid() - b).upper()) for a, b in zip(each.balls[0], truth))
              for each in found]
assert all(error <= each.width for error, each in zip(errors, found))
of_float = np.abs(ball.midpoint(truth) - ref.hvp(objective, theta, v)).max()

plt.style.use(plotting.STYLE)
figure, (left, right) = plt.subplots(1, 2, figsize=plotting.size(2))
left.semilogy(precisions, [each.width for each in found], label="radius: proven")
left.semilogy(precisions, errors, label="error of the midpoint")
left.plot(53, of_float, "*", color=plotting.COLORS["vermilion"], ms=12, label="error of float64")
for s in (1, 10, 20):
    digits = [slope(float(s), bits).rel_accuracy_bits() * np.log10(2) for bits in precisions]
    right.plot(precisions, np.maximum(digits, 0), label=f"s = {s}")
left.set(xlabel="precision [bits]", ylabel="H v: largest radius or error", title="A product H v")
right.set(xlabel="precision [bits]", ylabel="proven digits", title=r"The slope $1 - \tanh^2 s$")
left.legend(), right.legend()
plotting.caption(figure, "Each bit halves the radius; where terms cancel, the first buy no digit.")
plt.show()

# %%
# The star is the error of float64 itself.  It lies below the radius at 53 bits: float64 was better
# than balls of as many bits can prove.  A bound must hold for the worst case, and most roundings
# cancel each other.
#
# Measure somebody else's Hessian
# -------------------------------
# The same enclosure measures any matrix that claims to be :math:`H`, wherever it comes from.

H = ref.dense(ref.hessian(objective, theta))
nudged = H.copy()
nudged[3, 4] *= 1 + 1e-9
for name, claim in {"by autograd": ref.columns(ref.hessian(objective, theta, "autograd")),
                    "rounded to float32": H.astype("float32").astype(float),
                    "without weight decay": H - objective.l2 * np.eye(theta.size),
                    "one entry nudged": nudged}.items():
    proof = certify_value(claim, ref.hessian, objective, theta)
    print(f"{name:21s} error <= {proof.radius:.0e}  {'ok' if proof.digits > 12 else 'WRONG'}")
assert proof.errors[0].argmax() == 3 * theta.size + 4             # the nudged one is told

# %%
# Where balls refuse
# ------------------
# At a kink a function has no derivative, and a formula picks a side.  Here a ReLU sees the
# difference of two tanh units that are *equal*: exactly 0, as we know, but balls only see that it
# is very small.

net = ref.Sequential(ref.Dense(2, 2), ref.Tanh(), ref.Dense(2, 1), ref.ReLU(), ref.Dense(1, 2))
kinked = ref.Objective(net, ref.CrossEntropy(), np.array([[0.3, 0.7]]), np.array([1]))
at = np.array([0.1, 0.2, 0.4] * 2 + [0.5, -0.5, 0.0] + [0.8, 0.1, -0.6, 0.2])
ref.gradient(kinked, at)                                          # float64 says nothing
try:
    ref.certify(ref.gradient, kinked, at, bits=(96, 192))
    assert False, "a kink was overlooked"
except ref.NotProven as refusal:
    print(refusal)

# %%
# This refusal (:class:`reference.Undecided`, inside) is the right answer: two correct programs may
# return different numbers there.  Do not test at kinks.
#
# What a proof leaves open
# ------------------------
# A ball encloses what the *formula* says.  If the formula is wrong, it encloses the wrong number
# as willingly:


def without_decay(objective, theta):
    """A fault: the term l2 theta is missing."""
    return ref.gradient(objective, theta) - objective.l2 * theta


proof = ref.certify(without_decay, objective, theta)
apart = np.abs(proof.value - ref.gradient(objective, theta, route="autograd")).max()
print(f"{int(proof.digits)} digits proven, and {apart:.3f} away from a route with another formula")
assert proof.digits > 14 and apart > 1e-3

# %%
# So there are two questions.  *Is the number what the formula says?*  A ball proves it; two routes
# that agree do not, as :math:`1 - t^2` has shown.  *Is the formula the right one?*  A route that
# shares no formula tells; a proof does not.  This package asks both: every quantity has routes
# that share as little as possible (:ref:`sphx_glr_lessons_01_what_a_derivative_costs.py`), and
# certificates besides.
#
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. How many bits does :math:`s = 40` need for its first digit?
# 2. Which weight brings the ReLU off its kink, and how many bits do balls need to see that?
# 3. Give the softmax network a weight decay (``dataclasses.replace(objective, l2=0.01)``): what
#    becomes of its :math:`I` zero eigenvalues, and what does the certificate say of :math:`Hu`
#    then?
